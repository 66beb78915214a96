// The projection head: logits, and the gradients of its weights and its input.

import { tf } from "@dinov2/tensor";
import { DinoHead } from "@dinov2/vit";
import { RandomStream } from "@dinov2/foundation";
import { goldenTensor, plain } from "../backbone.ts";
import { compareTensor, type Check } from "../harness.ts";

export const check: Check = async (golden) => {
  const head = DinoHead.create(
    {
      inDim: golden.attribute("in_dim"),
      outDim: golden.attribute("out_dim"),
      numLayers: golden.attribute("nlayers"),
      hiddenDim: golden.attribute("hidden_dim"),
      bottleneckDim: golden.attribute("bottleneck_dim"),
      mlpBias: golden.attribute("mlp_bias"),
    },
    RandomStream.fromSeed(0),
  );
  head.load(golden.tensorsUnder("w."), { origin: golden.id });
  const x = goldenTensor<tf.Tensor2D>(golden, "in.x");
  const cotangent = goldenTensor<tf.Tensor2D>(golden, "in.cotangent");
  const comparisons = [compareTensor(golden, "out.y", await plain(head.forward(x)))];

  const named = new Map<string, tf.Tensor>([["x", x], ...head.parameters]);
  const gradients = tf.grads(() => tf.sum(tf.mul(head.forward(x), cotangent)))([...named.values()]);
  for (const [i, name] of [...named.keys()].entries()) {
    if (golden.has(`grad.${name}`)) comparisons.push(compareTensor(golden, `grad.${name}`, await plain(gradients[i]!)));
  }
  head.dispose();
  return comparisons;
};
