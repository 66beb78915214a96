import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { checkpoint, layerNorm, linear, useBackend, valueAndGradients, vectorJacobianProduct } from "../index.ts";
import { expectClose, normal, toTensor } from "../testing/index.ts";
import { expectEqualTensorCounts } from "../testing/tensor-counts.ts";

beforeAll(() => useBackend({ name: "cpu" }));

expectEqualTensorCounts();

const variable = (shape: number[], seed: number) => tf.tidy(() => tf.variable(toTensor(normal(shape, seed, 0.5))));

/** Three layers of x = x + gelu(x wᵀ) on [4, 6]. */
function withNetwork(run: (parameters: Map<string, tf.Variable>, forward: () => tf.Scalar, x: tf.Tensor) => void): void {
  const x = toTensor(normal([4, 6], 9));
  const parameters = new Map([0, 1, 2].map((i) => [`layer${i}`, variable([6, 6], i)]));
  const forward = () => {
    let y = x;
    for (const weight of parameters.values()) y = tf.add(y, linear(y, weight, null, "gelu"));
    return tf.sum(tf.square(y)) as tf.Scalar;
  };
  run(parameters, forward, x);
  tf.dispose([x, ...parameters.values()]);
}

describe("valueAndGradients", () => {
  it("gives what TF.js' own variableGrads gives, under the given names", () => {
    withNetwork((parameters, forward) => {
      const { value, gradients } = valueAndGradients(forward, parameters);
      const theirs = tf.variableGrads(forward, [...parameters.values()]);
      expectClose(value, theirs.value);
      expect([...gradients.keys()]).toEqual([...parameters.keys()]);
      for (const [name, parameter] of parameters) expectClose(gradients.get(name)!, theirs.grads[parameter.name]!);
      tf.dispose([value, ...gradients.values(), theirs.value, theirs.grads]);
    });
  });

  it("leaves out a variable that the value does not depend on", () => {
    const [used, unused] = [variable([2], 1), variable([2], 2)];
    const result = valueAndGradients(() => tf.sum(used) as tf.Scalar, new Map([["used", used], ["unused", unused]]));
    expect([...result.gradients.keys()]).toEqual(["used"]);
    tf.dispose([used, unused, result.value, ...result.gradients.values()]);
  });

  it("hands other tensors of the forward pass through", () => {
    const w = variable([3], 1);
    const { value, extras, gradients } = valueAndGradients(() => {
      const squares = tf.square(w);
      return { value: tf.sum(squares) as tf.Scalar, extras: { squares } };
    }, new Map([["w", w]]));
    expectClose(extras.squares, w.dataSync().map((x) => x * x));
    expectClose(gradients.get("w")!, w.dataSync().map((x) => 2 * x));
    tf.dispose([w, value, extras.squares, ...gradients.values()]);
  });

  it("adds up a variable that is used more than once, also as the value itself", () => {
    const w = tf.tidy(() => tf.variable(tf.scalar(3)));
    const { value, gradients } = valueAndGradients(() => tf.add(tf.mul(w, w), w) as tf.Scalar, new Map([["w", w]]));
    expectClose(gradients.get("w")!, [7]);
    const identity = valueAndGradients(() => tf.clone(w) as never as tf.Scalar, new Map([["w", w]]));
    expectClose(identity.gradients.get("w")!, [1]);
    tf.dispose([w, value, ...gradients.values(), identity.value, ...identity.gradients.values()]);
  });

  it("leaves no tensor when the forward pass throws", () => {
    const w = variable([3], 1);
    const failing = () => valueAndGradients(() => {
      tf.square(w);
      throw new Error("a bad batch");
    }, new Map([["w", w]]));
    expect(failing).toThrow("a bad batch");
    w.dispose();
  });

  it("names an op that has no gradient, and leaves no tensor", () => {
    const w = variable([3], 1);
    expect(() => valueAndGradients(() => tf.sum(tf.sinh(tf.square(w))) as tf.Scalar, new Map([["w", w]])))
      .toThrow("Sinh has no gradient");
    w.dispose();
  });

  it("holds less memory at its peak than variableGrads", () => {
    withNetwork((parameters, forward) => {
      const peakOf = (run: () => tf.TensorContainer) => {
        let peak = 0;
        const backend = tf.backend();
        const write = backend.write.bind(backend);
        backend.write = (...args) => {
          peak = Math.max(peak, backend.numDataIds());
          return write(...args);
        };
        tf.dispose(run());
        backend.write = write;
        return peak;
      };
      const ours = peakOf(() => {
        const { value, gradients } = valueAndGradients(forward, parameters);
        return [value, ...gradients.values()];
      });
      const theirs = peakOf(() => {
        const { value, grads } = tf.variableGrads(forward, [...parameters.values()]);
        return [value, grads];
      });
      expect(ours).toBeLessThan(theirs);
    });
  });
});

describe("checkpoint", () => {
  it("changes neither values nor gradients, and saves only the inputs", () => {
    const [x, weight, gain, bias] = [toTensor(normal([3, 4], 1)), variable([4, 4], 2), variable([4], 3), variable([4], 4)];
    const parameters = [weight, gain, bias];
    const block = (input: tf.Tensor) => tf.tidy(() => tf.add(input, linear(layerNorm(input, gain, bias, 1e-6), weight, null, "gelu")));
    const twice = (step: (input: tf.Tensor) => tf.Tensor) => () => tf.tidy(() => step(step(x)));
    const dy = toTensor(normal([3, 4], 5));
    const plain = vectorJacobianProduct(twice(block), [x, ...parameters], dy);
    const saving = vectorJacobianProduct(twice((input) => checkpoint(block, [input], parameters)), [x, ...parameters], dy);
    plain.forEach((gradient, i) => expectClose(saving[i]!, gradient, { absolute: 1e-6, relative: 1e-6 }));
    tf.dispose([x, dy, ...parameters, ...plain, ...saving]);
  });
});
