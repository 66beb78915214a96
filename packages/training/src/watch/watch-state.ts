import { z } from "zod";

/** What a checkpoint keeps of the watch, so that a resumed run sees what an uninterrupted one does. */
export const watchStateSchema = z.object({
  nonFiniteInARow: z.int().min(0),
  skippedSteps: z.int().min(0),
  /** The watched measures of the last steps, by name. */
  recent: z.record(z.string(), z.array(z.number())),
});
export type WatchState = z.output<typeof watchStateSchema>;
