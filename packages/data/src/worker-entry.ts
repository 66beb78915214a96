/**
 * The file that a loader thread starts with: `worker.js` beside the build, or in a clone a plain script that teaches the thread
 * TypeScript first (Node cannot start a thread from a `.ts` file).
 */
export function workerEntry(): { url: URL; execArgv: string[] } {
  const fromSource = import.meta.url.endsWith(".ts");
  return fromSource
    ? { url: new URL("./worker-source.mjs", import.meta.url), execArgv: ["--conditions=@dinov2/source"] }
    : { url: new URL("./worker.js", import.meta.url), execArgv: [] };
}
