// How the commands of `npm run` in this folder end when what they were given is wrong.
import { InputError } from "@dinov2/foundation";

/** Of a mistake in its input `main`'s message alone is shown, and the exit code is 2. */
export async function runTool(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}
