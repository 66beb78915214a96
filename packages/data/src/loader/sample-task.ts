// What is done to one image, in this thread or in a worker: read, decode, make its views, write them to their place.

import { RandomStream, type RandomState } from "@dinov2/foundation";
import { CropRenderer } from "../augment/renderer.ts";
import { decoderInput, type ImageSource } from "../datasets/image-source.ts";
import { isTransient } from "../datasets/persistent-read.ts";
import { DecodeError, useOneDecoderThread } from "../decode.ts";
import { decodeChannels, type ChannelOptions } from "../decode-channels.ts";
import { evalTransform, type EvalTransformOptions } from "../eval-transform.ts";
import type { ChannelStack } from "../images.ts";
import { drawMultiCrop, type MultiCropOptions } from "../multi-crop.ts";

/** What stays the same for all images of a loader. */
export type SampleJob = { readonly decode: ChannelOptions } & (
  | { readonly view: "multi-crop"; readonly options: MultiCropOptions }
  | { readonly view: "evaluation"; readonly options: EvalTransformOptions }
);

/** One image. The arrays are those of the whole batch, shared between threads; this image fills its own rows. */
export interface SampleTask {
  /** Where it lies, or the picture itself when it was decoded before. */
  readonly image: ImageSource | ChannelStack;
  /** Answer with the decoded picture, to be kept. */
  readonly keepDecoded: boolean;
  /** The image's own stream; evaluation draws nothing. */
  readonly random?: RandomState;
  readonly row: number;
  readonly rowCount: number;
  /** [crops · rowCount, channels, side, side], crop-major: globals and locals, or the single evaluation view. */
  readonly outputs: readonly Float32Array[];
}

export type SampleResult = { readonly decoded?: ChannelStack } | SampleFailure;

export interface SampleFailure {
  readonly failure: string;
  /** Reading failed, for now: nothing is known of the image. */
  readonly mayPass?: boolean;
}

/** Fills the rows of `task`, or says why the image cannot be used. */
export async function runSample(job: SampleJob, task: SampleTask): Promise<SampleResult> {
  useOneDecoderThread();
  try {
    const image = isDecoded(task.image) ? task.image : await decode(task.image, job.decode);
    renderViews(job, task, image);
    return task.keepDecoded ? { decoded: image } : {};
  } catch (error) {
    if (error instanceof DecodeError) return { failure: error.reason };
    if (isTransient(error)) return { failure: cannotBeRead(error), mayPass: true };
    throw error;
  }
}

const isDecoded = (image: ImageSource | ChannelStack): image is ChannelStack => Array.isArray(image);

async function decode(source: ImageSource, options: ChannelOptions): Promise<ChannelStack> {
  const input = await decoderInput(source).catch((error: Error) => {
    throw isTransient(error) ? error : new DecodeError(typeof source === "string" ? source : source.file, cannotBeRead(error));
  });
  return decodeChannels(input, options);
}

const cannotBeRead = ({ message }: Error) => `cannot be read (${message}).`;

function renderViews(job: SampleJob, task: SampleTask, image: ChannelStack): void {
  const { row, rowCount, outputs } = task;
  switch (job.view) {
    case "evaluation": {
      evalTransform(image, job.options, rowOf(outputs[0]!, row, job.options.mean.length * job.options.cropSize ** 2));
      return;
    }
    case "multi-crop": {
      const { options } = job;
      const renderer = CropRenderer.shared();
      renderer.load(image);
      drawMultiCrop(options, image[0]!.width, image[0]!.height, RandomStream.fromState(task.random!)).forEach((plan, i) => {
        const isGlobal = i < options.globalCount;
        const crop = isGlobal ? i : i - options.globalCount;
        const size = options.mean.length * plan.outputWidth * plan.outputHeight;
        renderer.render(plan, options, rowOf(outputs[isGlobal ? 0 : 1]!, crop * rowCount + row, size));
      });
      return;
    }
    default:
      job satisfies never;
  }
}

const rowOf = (stack: Float32Array, row: number, size: number) => stack.subarray(row * size, (row + 1) * size);
