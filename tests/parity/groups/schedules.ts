// Cosine schedules by themselves, the five of pretraining, and the scaling of the learning rate.

import {
  cosineSchedule,
  pretrainSchedules,
  scaleLearningRate,
  type PretrainSchedules,
  type Schedule,
} from "@dinov2/optim";
import { compareFact, compareNumbers, compareValue, type Comparison, type GoldenCase } from "../harness.ts";

export async function check(golden: GoldenCase): Promise<Comparison[]> {
  return Object.keys(golden.values).flatMap((name) => {
    const attributes = golden.values[name]!.attributes;
    if (name.startsWith("lr_scaling_")) return checkScaling(golden, name);
    if (attributes && "base_value" in attributes) return [checkSchedule(golden, name, singleSchedule(attributes))];
    if (attributes && "optim" in attributes) return [checkSchedule(golden, name, ofPretraining(name, attributes))];
    return [compareFact(name, false, "a golden value that this check does not know")];
  });
}

const checkSchedule = (golden: GoldenCase, name: string, schedule: Schedule) =>
  compareValue(
    golden,
    name,
    golden.value<number[]>(name).map((_, iteration) => schedule.at(iteration)),
  );

type Attributes = Readonly<Record<string, unknown>>;

function singleSchedule(attributes: Attributes): Schedule {
  const number = (key: string) => (attributes[key] as number | undefined) ?? 0;
  return cosineSchedule({
    baseValue: number("base_value"),
    finalValue: number("final_value"),
    totalIterations: number("total_iters"),
    warmupIterations: number("warmup_iters"),
    startWarmupValue: number("start_warmup_value"),
    freezeIterations: number("freeze_iters"),
  });
}

/** The official names of the five schedules. */
const officialNames: Readonly<Record<string, keyof PretrainSchedules>> = {
  lr: "learningRate",
  wd: "weightDecay",
  momentum: "teacherMomentum",
  teacher_temp: "teacherTemperature",
  last_layer_lr: "lastLayerLearningRate",
};

function ofPretraining(name: string, attributes: Attributes): Schedule {
  const { train, optim, teacher } = attributes as Record<"train" | "optim" | "teacher", Record<string, number>>;
  const iterations = (epochs: number) => epochs * train.OFFICIAL_EPOCH_LENGTH!;
  const schedules = pretrainSchedules({
    totalIterations: iterations(optim.epochs!),
    warmupIterations: iterations(optim.warmup_epochs!),
    learningRate: { base: optim.lr!, final: optim.min_lr! },
    weightDecay: { start: optim.weight_decay!, final: optim.weight_decay_end! },
    teacherMomentum: { start: teacher.momentum_teacher!, final: teacher.final_momentum_teacher! },
    teacherTemperature: {
      start: teacher.warmup_teacher_temp!,
      final: teacher.teacher_temp!,
      warmupIterations: iterations(teacher.warmup_teacher_temp_epochs!),
    },
    freezeLastLayerIterations: iterations(optim.freeze_last_layer_epochs!),
  });
  return schedules[officialNames[name.split(".").at(-1)!]!];
}

/** Values keyed `base=…,bs=…,world=…`; the rule is in the name. */
function checkScaling(golden: GoldenCase, name: string): Comparison[] {
  const rule = name.slice("lr_scaling_".length);
  return Object.entries(golden.value<Record<string, number>>(name)).map(([key, expected]) => {
    const settings = Object.fromEntries(key.split(",").map((pair) => pair.split("="))) as Record<string, string>;
    const got = scaleLearningRate(rule, Number(settings.base), Number(settings.bs) * Number(settings.world));
    return compareNumbers(
      `${name} ${key}`,
      [got],
      [expected],
      golden.tolerance(name) as { atol: number; rtol: number },
    );
  });
}
