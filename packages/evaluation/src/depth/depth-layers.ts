/**
 * The four blocks that lin. 4 and DPT read, from 0: the ends of the four quarters of the network, but for 24 blocks the
 * published [4, 11, 17, 23]. A network of fewer than four blocks gives some twice.
 *
 * Source: `dinov2/hub/depthers.py`.
 */
export function depthLayers(depth: number): number[] {
  if (depth === 24) return [4, 11, 17, 23];
  return [1, 2, 3, 4].map((quarter) => Math.ceil((quarter * depth) / 4) - 1);
}
