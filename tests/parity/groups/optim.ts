// Several AdamW steps with schedules, multipliers and a frozen last layer; the EMA after each; clipping.

import {
  clipGradientsPerSubModule,
  createAdamW,
  parameterGroups,
  parameterRates,
  updateTeacher,
  type ParameterGroup,
} from "@dinov2/optim";
import { tf, type Variable } from "@dinov2/tensor";
import { compareTensor, compareValue, type Comparison, type GoldenCase } from "../harness.ts";
import { compare, load } from "../tensors.ts";

export async function check(golden: GoldenCase): Promise<Comparison[]> {
  return [...(await checkSteps(golden)), ...(await checkClipping(golden))];
}

/** What the EMA starts from, as a share of the first parameters; the manifest says so in its notes. */
const teacherStart = 0.9;

async function checkSteps(golden: GoldenCase): Promise<Comparison[]> {
  const names = [...golden.tensorsUnder("in.p0.").keys()];
  const variables = (scale: number) =>
    new Map<string, Variable>(names.map((name) => [name, tf.variable(tf.mul(load(golden, `in.p0.${name}`), scale))]));
  const student = variables(1);
  const teacher = variables(teacherStart);
  const groups = groupsOf(golden, names);
  const schedule = golden.attribute<Record<"lr" | "wd" | "last_layer_lr" | "mom", number[]>>("schedule");
  const [beta1, beta2] = golden.attribute<[number, number]>("betas");
  const optimizer = createAdamW(student, { beta1, beta2, epsilon: golden.attribute<number>("eps") });

  const comparisons: Comparison[] = [];
  for (let step = 0; step < golden.attribute<number>("steps"); step++) {
    const gradients = new Map(names.map((name) => [name, load(golden, `in.g${step}.${name}`)]));
    const rates = parameterRates(groups, {
      learningRate: schedule.lr[step]!,
      lastLayerLearningRate: schedule.last_layer_lr[step]!,
      weightDecay: schedule.wd[step]!,
    });
    optimizer.apply(gradients, rates);
    updateTeacher(teacher, student, schedule.mom[step]!);
    for (const name of names) {
      comparisons.push(await compare(golden, `out.p${step + 1}.${name}`, student.get(name)!));
      comparisons.push(await compare(golden, `out.ema${step + 1}.${name}`, teacher.get(name)!));
    }
  }
  const { tensors } = await optimizer.exportState();
  const moments = Object.entries(tensors).map(([key, moment]) => {
    const [, name, slot] = /^(.*)\.(\w+)$/.exec(key)!;
    return compareTensor(golden, `out.${slot}.${name}`, moment);
  });
  return [...comparisons, ...moments];
}

/** Weight decay and last layer by name; the learning-rate multipliers are the manifest's. */
function groupsOf(golden: GoldenCase, names: readonly string[]): Map<string, ParameterGroup> {
  const multipliers = golden.attribute<Record<string, number>>("lr_multipliers");
  const groups = parameterGroups(names, { layerwiseDecay: 1, patchEmbedMultiplier: 1 });
  return new Map([...groups].map(([name, group]) => [name, { ...group, learningRateMultiplier: multipliers[name]! }]));
}

/** Inputs `in.clip.KIND.*`, their norm in `clip.KIND.total_norm`, the limit in its description. */
async function checkClipping(golden: GoldenCase): Promise<Comparison[]> {
  const kinds = new Set(golden.names("in.clip.").map((name) => name.split(".")[2]!));
  const comparisons: Comparison[] = [];
  for (const kind of kinds) {
    const norm = `clip.${kind}.total_norm`;
    const maxNorm = Number(/max_norm=([\d.]*\d)/.exec(golden.description(norm))![1]);
    const inputs = [...golden.tensorsUnder(`in.clip.${kind}.`).keys()];
    const gradients = new Map(inputs.map((name) => [`${kind}.${name}`, load(golden, `in.clip.${kind}.${name}`)]));
    const clipping = clipGradientsPerSubModule(gradients, maxNorm);
    comparisons.push(compareValue(golden, norm, clipping.norms.get(kind)!));
    for (const [name, gradient] of gradients) {
      comparisons.push(await compare(golden, `out.clip.${name}`, tf.mul(gradient, clipping.factor(name))));
    }
  }
  return comparisons;
}
