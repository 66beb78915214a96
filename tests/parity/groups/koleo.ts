// The KoLeo loss of several batches, their nearest neighbours, gradients.

import { koleoLoss, nearestNeighbours } from "@dinov2/losses";
import { l2Normalize, tf, type Tensor2D } from "@dinov2/tensor";
import { compareFact, compareTensor, type Comparison, type GoldenCase } from "../harness.ts";
import { compare, compareScalar, load } from "../tensors.ts";

export async function check(golden: GoldenCase): Promise<Comparison[]> {
  const epsilon = golden.attribute<number>("eps");
  const comparisons: Comparison[] = [];
  for (const input of golden.names("in.")) {
    const name = input.slice("in.".length);
    const features = load<Tensor2D>(golden, input);
    comparisons.push(await compareScalar(golden, `${name}.loss`, koleoLoss(features, epsilon)));

    const neighbours = `out.${name}.nn_index`;
    if (golden.has(neighbours)) {
      const data = nearestNeighbours(l2Normalize(features, epsilon) as Tensor2D);
      comparisons.push(compareTensor(golden, neighbours, { shape: [data.length], data }));
    }
    const gradient = tf.grad((x) => koleoLoss(x as Tensor2D, epsilon))(features);
    // Without a golden gradient (equal rows: ill-conditioned) it must at least be finite.
    const finite = (await gradient.data()).every(Number.isFinite);
    comparisons.push(
      golden.has(`grad.${name}`)
        ? await compare(golden, `grad.${name}`, gradient)
        : compareFact(`grad.${name} is finite`, finite, "a gradient with NaN or infinity"),
    );
  }
  return comparisons;
}
