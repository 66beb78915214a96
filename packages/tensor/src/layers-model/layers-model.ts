// A network of TF.js layers, as Keras models are converted to, opened to read what its layers say. `@tensorflow/tfjs-layers` is an
// optional peer: only who opens such a model needs it. Legend: B images, H × W pixels, C channels.
import { InputError } from "@dinov2/foundation";
import * as tf from "@tensorflow/tfjs-core";
import type * as library from "@tensorflow/tfjs-layers";
import { registerGradients } from "../gradients/registry.ts";
import { readLayersModelFiles } from "./weights.ts";

/** Without the axis of images; null where any size goes. */
type Shape = readonly (number | null)[];

export interface LayersModel {
  /** [H, W, C] */
  readonly inputShape: Shape;
  /** The shape that each layer with a single output gives, by its name, in the order of the network. */
  readonly layers: ReadonlyMap<string, Shape>;
  /** Of the files that it came from. */
  readonly sha256: string;
  /** What a layer says of images [B, H, W, C], with dropout and the like switched off. The caller disposes it. */
  output(layer: string, images: tf.Tensor4D): tf.Tensor;
  dispose(): void;
}

/**
 * Opens `model.json`, or the folder that it is in, on the engine in use.
 * @throws InputError when the files are no such model, or tfjs-layers is not installed
 */
export async function openLayersModel(source: string): Promise<LayersModel> {
  const { artifacts, sha256 } = await readLayersModelFiles(source);
  const { loadLayersModel, model: modelOf } = await loadLibrary();
  const whole = await loadLayersModel(tf.io.fromMemory(artifacts)).catch((error: unknown) => {
    throw new InputError(`${source} could not be opened as a TF.js layers model: ${(error as Error).message}`);
  });
  const [input, ...more] = whole.inputs;
  if (input?.shape.length !== 4 || more.length > 0) throw new InputError(`${source} takes ${whole.inputs.map(({ shape }) => `[${shape.join(", ")}]`).join(" and ")}; expected a network of images [B, H, W, C].`);
  const outputs = singleOutputs(whole);
  const parts = new Map<string, library.LayersModel>();
  return {
    inputShape: input.shape.slice(1),
    layers: new Map([...outputs].map(([name, { shape }]) => [name, shape.slice(1)])),
    sha256,
    output: (layer, images) => {
      const part = parts.get(layer) ?? modelOf({ inputs: whole.inputs, outputs: outputs.get(layer)! });
      parts.set(layer, part);
      return tf.tidy(() => part.predictOnBatch(images) as tf.Tensor);
    },
    dispose: () => void whole.dispose(),
  };
}

function singleOutputs(model: library.LayersModel): Map<string, library.SymbolicTensor> {
  const found = model.layers.map(({ name, inboundNodes }) => [name, inboundNodes[0]?.outputTensors ?? []] as const);
  return new Map(found.flatMap(([name, [output, ...more]]) => (output && more.length === 0 ? [[name, output] as const] : [])));
}

async function loadLibrary(): Promise<typeof library> {
  const loaded = await import("@tensorflow/tfjs-layers").catch(() => {
    throw new InputError(`TF.js layers models need a package that is not installed: npm install @tensorflow/tfjs-layers@${tf.version_core}`);
  });
  // It registers gradients of its own as it loads; these stay ours (decision 4).
  registerGradients();
  return loaded;
}
