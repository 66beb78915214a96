export { pretrainCommand } from "./command.ts";
