export { InputError, nearestName } from "./errors.ts";
export { RandomStream, type RandomState } from "./random.ts";
export { writeFileAtomic, createFolderAtomic } from "./files.ts";
