// A loader thread in a clone: runs `worker.ts` through tsx. A build has `worker.js` instead.
import { register } from "tsx/esm/api";

register();
await import("./worker.ts");
