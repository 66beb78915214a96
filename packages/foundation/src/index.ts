export { InputError, nearestName } from "./errors.ts";
export { RandomStream, type RandomState } from "./random.ts";
export {
  createFolderAtomic,
  isPartial,
  removeFolderAtomic,
  removePartials,
  WriteError,
  writeFileAtomic,
} from "./files.ts";
export { median } from "./median.ts";
export { exists, isFolder } from "./paths.ts";
export { PickleGlobal, PickleMachine, type PickleVocabulary } from "./pickle/pickle-machine.ts";
