export { benchmarkCommand } from "./command.ts";
