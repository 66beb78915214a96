// `dinov2 pretrain` as a program of its own: `npm start -w apps/pretrain -- --recipe …`.

import { runProgram } from "@dinov2/cli";
import { pretrainCommand } from "./command.ts";

await runProgram(pretrainCommand(), process.argv.slice(2));
