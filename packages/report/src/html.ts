// HTML from template strings, escaped by default: what a template inserts is text unless it is `Html`.

/** A piece of finished HTML. */
export class Html {
  constructor(readonly text: string) {}
}

export type Content = string | number | Html | null | readonly Content[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as HTML, safe between tags and inside a quoted attribute. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character]!);

function insert(content: Content): string {
  if (content === null) return "";
  if (content instanceof Html) return content.text;
  if (typeof content === "string") return escapeHtml(content);
  return typeof content === "number" ? String(content) : content.map(insert).join("");
}

/** `html\`<p>${name}</p>\``: strings are escaped, lists are joined, null is nothing. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(parts.map((part, i) => part + (i < contents.length ? insert(contents[i]!) : "")).join(""));
}
