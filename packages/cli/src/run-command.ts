// From an argument list to an exit code: 0 done; 1 the work failed; 2 the command or its input was
// wrong. Mistakes of a user take exactly one line on stderr; a stack is shown only when asked for
// by DINOV2_DEBUG=1.

import { InputError, nearestName } from "@dinov2/foundation";
import { Help, type Command, type CommanderError, type Option } from "commander";

const oneLine = (text: string) => text.trim().replace(/\s*\n\s*/g, " ");

/** The words that call a command, from the root: "dinov2 benchmark knn". */
function commandPath(command: Command): string {
  return command.parent ? `${commandPath(command.parent)} ${command.name()}` : command.name();
}

/** The name that was probably meant where commander did not know one; it suggests some itself. */
function suggestion(message: string, command: Command): string {
  const [, kind, came] = /^unknown (option|command) '(.*?)'(?!.*Did you mean)/s.exec(message) ?? [];
  if (kind === undefined || came === undefined) return "";
  const flags = command.options.flatMap((option) => option.long ?? []);
  const nearest = nearestName(came, kind === "option" ? flags : subCommands(command));
  return nearest ? ` Did you mean ${nearest}?` : "";
}

const subCommands = (command: Command) =>
  command.commands.map((child) => child.name()).filter((name) => name !== "help");

/** Commander's complaint as one line that ends with what to do. */
function usageError(error: CommanderError, command: Command): InputError {
  const path = commandPath(command);
  if (error.code === "commander.help") {
    return new InputError(`${path} needs a sub-command: ${subCommands(command).join(", ")}. See: ${path} --help`);
  }
  let message = oneLine(error.message).replace(/^error: /, "");
  // Commander misses a required option before it sees that one was misspelt.
  const misspelt = command.args.find((word) => word.startsWith("--"));
  if (error.code === "commander.missingMandatoryOptionValue" && misspelt) message = `unknown option '${misspelt}'`;
  const hint = suggestion(message, command);
  const sentence = message.replace(/\s*\(Did you mean (.*?)\?\)/, ". Did you mean $1?").replace(/[^.?!]$/, "$&.");
  return new InputError(`${sentence[0]!.toUpperCase()}${sentence.slice(1)}${hint} See: ${path} --help`);
}

/** An option without the default that goes without saying: a flag is off, a list is empty. */
function withoutPlainDefault(option: Option): Option {
  const { defaultValue } = option as { defaultValue: unknown };
  const isPlain = defaultValue === false || (Array.isArray(defaultValue) && defaultValue.length === 0);
  return isPlain ? Object.assign(Object.create(option) as Option, { defaultValue: undefined }) : option;
}

/** Makes a command and its children throw what commander would print before it ends the process. */
function throwUsageErrors(command: Command): void {
  command.configureOutput({ writeErr: () => {}, outputError: () => {} });
  command.configureHelp({
    optionDescription: (option) => Help.prototype.optionDescription(withoutPlainDefault(option)),
  });
  command.exitOverride((error) => {
    throw error.exitCode === 0 ? error : usageError(error, command);
  });
  command.commands.forEach((child) => throwUsageErrors(child));
}

/** Commander throws after it has shown help. By its code, since an app may bring its own copy of commander. */
function isHelpShown(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("commander.");
}

/** Writes a failure to stderr, and returns the exit code it stands for. */
function report(error: unknown): number {
  if (isHelpShown(error)) return 0;
  const isInput = error instanceof InputError;
  const message = error instanceof Error ? error.message || error.name : String(error);
  process.stderr.write(`dinov2: ${isInput ? oneLine(message) : message}\n`);
  if (process.env.DINOV2_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  else if (!isInput) process.stderr.write("(set DINOV2_DEBUG=1 to see where)\n");
  return isInput ? 2 : 1;
}

/**
 * Runs an action and turns its failure into a message on stderr and the process's exit code.
 * @returns whether the action succeeded
 */
export async function runCommand(action: () => unknown): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    process.exitCode = report(error);
    return process.exitCode === 0;
  }
}

/** Parses `words` (without node and the script) with a program and runs the command they name, as `runCommand` does. */
export async function runProgram(program: Command, words: readonly string[]): Promise<boolean> {
  // A reader that closes early (`dinov2 … | head`) is no failure.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit();
      throw error;
    });
  }
  throwUsageErrors(program);
  return runCommand(() => program.parseAsync(words, { from: "user" }));
}

/** Adds examples below a command's help, one per line. */
export function addExamples(command: Command, ...examples: readonly string[]): Command {
  const heading = examples.length > 1 ? "Examples" : "Example";
  return command.addHelpText("after", `\n${heading}:\n${examples.map((example) => `  ${example}`).join("\n")}`);
}
