/**
 * Prints a command's result on stdout: with `--json` one JSON object on one line for a program, else text
 * for a person. Everything else a command says belongs on stderr.
 */
export function printResult(options: { readonly json: boolean }, result: unknown, human: string | (() => string)): void {
  const text = options.json ? JSON.stringify(result) : typeof human === "string" ? human : human();
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}
