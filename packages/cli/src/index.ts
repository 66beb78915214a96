export { Command, InvalidArgumentError, Option } from "commander";
export {
  addCommonOptions,
  addImageOptions,
  backendOptions,
  BACKEND_CHOICES,
  PRECISION_CHOICES,
  SOURCE_FORMS,
  type CommonOptions,
  type ImageOptions,
} from "./common-options.ts";
export {
  parseFraction,
  parseHeightAndWidth,
  parseNaturalNumber,
  parseNumber,
  parsePositiveInteger,
  parsePositiveIntegers,
  parsePositiveNumber,
  parsePositiveNumbers,
  parseShareRange,
} from "./parsers.ts";
export { addExamples, runCommand, runProgram } from "./run-command.ts";
export { Progress, type ProgressOptions } from "./progress.ts";
export { ImageWatcher, type SkippedImage } from "./image-watcher.ts";
export { announceBackend, describeBackend, describeDevice, type RunningBackend } from "./describe-backend.ts";
export { formatBytes, formatDuration, formatFacts, formatTable, type Alignment } from "./format.ts";
export { printResult } from "./print-result.ts";
export { requireWritable } from "./output-path.ts";
