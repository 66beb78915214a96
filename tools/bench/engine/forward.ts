// ViT-S/14's forward pass over 16 images of 224 pixels, all features of it.

import { type Precision, RandomStream, type Tensor4D, tf } from "@dinov2/tensor";
import { VisionTransformer, vitConfig } from "@dinov2/vit";
import type { BenchRow } from "../measure.ts";
import { contest, rowOf } from "./contest.ts";
import { meanSeconds } from "./lap.ts";
import { startEngine } from "./ours.ts";
import { contender, nameWithMode, noNetworks, type Peer, runnersOf } from "./peers.ts";
import type { Peaks } from "./products.ts";

const [batchSize, imageSize] = [16, 224];
const config = vitConfig("small", { patchSize: 14, imageSize });

export async function measureForward(
  peers: readonly Peer[],
  precisions: readonly Precision[],
  peaks: Peaks,
  rounds: number,
): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const precision of precisions) rows.push(await measure(peers, precision, peaks[precision]!, rounds));
  return rows;
}

async function measure(peers: readonly Peer[], precision: Precision, peak: number, rounds: number): Promise<BenchRow> {
  await startEngine(precision);
  const model = VisionTransformer.create(config, RandomStream.fromSeed(0)).freeze();
  const images = tf.randomNormal([batchSize, 3, imageSize, imageSize]) as Tensor4D;
  const run = () => tf.tidy(() => void model.forwardFeatures(images));
  run();
  try {
    const outcome = await contest(
      { name: "ours", lap: async () => meanSeconds(run) },
      runnersOf(peers, precision).map(({ peer, mode }) =>
        contender(peer.process, nameWithMode(peer, mode), { work: "forward", batchSize, mode }),
      ),
      { rounds, finalists: 2 },
    );
    return rowOf(
      outcome,
      {
        name: `ViT-S/14 forward, ${imageSize} px, batch ${batchSize}, ${precision}`,
        unit: "images/s",
        figure: (seconds) => batchSize / seconds,
        target: 1.5,
        shareOfPeak: (batchSize * imageFlops()) / outcome.ours / peak,
      },
      noNetworks(peers),
    );
  } finally {
    images.dispose();
    tf.dispose([...model.parameters.values()]);
  }
}

/** Of the matrix products for one image: multiply and add are two operations. */
function imageFlops(): number {
  const { embedDim: width, depth, patchSize } = config;
  const patches = (imageSize / patchSize) ** 2;
  const tokens = 1 + patches;
  const layers = 2 * tokens * 12 * width ** 2; // queries, keys, values 3; output 1; feed-forward 8
  const attention = 4 * tokens ** 2 * width;
  return depth * (layers + attention) + 2 * patches * 3 * patchSize ** 2 * width;
}
