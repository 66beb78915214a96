// Teacher targets of successive batches (centring, Sinkhorn-Knopp), the DINO loss on them, its gradient.

import { centeredSoftmax, dinoLoss, initialCenter, sinkhornKnopp, updateCenter } from "@dinov2/losses";
import { tf, type Tensor2D } from "@dinov2/tensor";
import type { Comparison, GoldenCase } from "../harness.ts";
import { compare, compareScalar, load } from "../tensors.ts";

export async function check(golden: GoldenCase): Promise<Comparison[]> {
  const temperatures = golden.attribute<number[]>("teacher_temps");
  const comparisons: Comparison[] = [];

  let center = initialCenter(golden.attribute<number>("out_dim"));
  const softmaxes: Tensor2D[] = [];
  for (const [i, temperature] of temperatures.entries()) {
    const teacher = load<Tensor2D>(golden, `in.teacher${i}`);
    softmaxes.push(centeredSoftmax(teacher, center, temperature));
    comparisons.push(await compare(golden, `out.center${i}`, center));
    comparisons.push(await compare(golden, `out.softmax${i}`, softmaxes[i]!));
    if (golden.has(`out.sinkhorn${i}`)) {
      comparisons.push(await compare(golden, `out.sinkhorn${i}`, sinkhornKnopp(teacher, temperature)));
    }
    center = updateCenter(center, teacher, golden.attribute<number>("center_momentum"));
  }
  comparisons.push(await compare(golden, "out.center_final", center));
  return [...comparisons, ...(await checkLosses(golden, softmaxes))];
}

/** Both losses against the targets that the manifest names, and the gradient of local + 2 · global. */
async function checkLosses(golden: GoldenCase, softmaxes: readonly Tensor2D[]): Promise<Comparison[]> {
  const studentTemperature = golden.attribute<number>("student_temp");
  const targetsOf = (loss: string) => softmaxes[Number(/softmax(\d+)/.exec(golden.description(loss))?.[1] ?? 1)]!;
  const localNames = golden.names("in.student_local");
  const students = [...localNames, "in.student_global"].map((name) => load<Tensor2D>(golden, name));

  const localLoss = (locals: readonly Tensor2D[]) => {
    const targets = targetsOf("loss_local");
    return dinoLoss(locals, tf.split(targets, targets.shape[0] / locals[0]!.shape[0]), studentTemperature);
  };
  const globalLoss = (student: Tensor2D) => dinoLoss([student], [targetsOf("loss_global")], studentTemperature);
  const gradients = tf.grads((...args: tf.Tensor[]) => {
    const inputs = args as Tensor2D[];
    return tf.add(localLoss(inputs.slice(0, -1)), tf.mul(globalLoss(inputs.at(-1)!), 2));
  })(students);

  const names = [...localNames, "in.student_global"].map((name) => name.replace(/^in\./, "grad."));
  return Promise.all([
    compareScalar(golden, "loss_local", localLoss(students.slice(0, -1))),
    compareScalar(golden, "loss_global", globalLoss(students.at(-1)!)),
    ...names.map((name, i) => compare(golden, name, gradients[i]!)),
  ]);
}
