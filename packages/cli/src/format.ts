// Plain-text forms of numbers and tables for a terminal.

export type Alignment = "left" | "right";

/** "840 ms", "12.3 s", "4 min 05 s", "2 h 10 min". */
export function formatDuration(seconds: number): string {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
  return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
}

/** "512 B", "3.4 KiB", "1.5 GiB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Rows of cells as aligned columns, two spaces apart. The first row may serve as the heading. */
export function formatTable(rows: readonly (readonly string[])[], alignments: readonly Alignment[] = []): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (alignments[i] === "right" ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}

/** Words broken into lines of at most `columns` characters; a longer word keeps a line of its own. */
function wrap(text: string, columns: number): string[] {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1)!;
    if (line && line.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines;
}

/** Labelled facts under a heading, the labels in one column and long values wrapped to `columns` beside them. */
export function formatFacts(
  heading: string,
  facts: readonly (readonly [label: string, value: string])[],
  columns: number = process.stdout.columns ?? 80,
): string {
  const width = Math.max(...facts.map(([label]) => label.length));
  const indent = " ".repeat(2 + width + 2);
  const lines = facts.map(([label, value]) => {
    const wrapped = wrap(value, Math.max(20, columns - indent.length - 1)).join(`\n${indent}`);
    return `  ${label.padEnd(width)}  ${wrapped}`;
  });
  return [heading, ...lines].join("\n");
}
