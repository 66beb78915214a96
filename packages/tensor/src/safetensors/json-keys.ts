/** The position after the JSON string that starts at `start`. A loop: a regular expression overflows on long strings. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

/**
 * The keys of the outermost object of a JSON text, duplicates included: JSON.parse keeps only the last
 * of two equal keys and says nothing. `text` must be valid JSON.
 */
export function topLevelKeys(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  let keyNext = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const end = endOfString(text, at);
      if (keyNext) keys.push(JSON.parse(text.slice(at, end)) as string);
      keyNext = false;
      at = end - 1;
    } else if (character === "{" || character === "[") {
      keyNext = ++depth === 1;
    } else if (character === "}" || character === "]") {
      depth--;
    } else if (character === ",") {
      keyNext = depth === 1;
    }
  }
  return keys;
}
