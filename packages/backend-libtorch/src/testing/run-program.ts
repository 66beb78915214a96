// The programs of this folder, each in a process of its own.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What `testing/NAME.ts` prints. `wrapper` is a command that is given the program as its last arguments. */
export function runProgram(name: string, args: readonly string[] = [], wrapper: readonly string[] = []): string {
  const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const [command, ...words] = [...wrapper, process.execPath, "--conditions=@dinov2/source", "--import", "tsx", script, ...args];
  return execFileSync(command!, words, { encoding: "utf8" });
}
