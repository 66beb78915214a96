import type { ChannelOptions } from "../decode-channels.ts";

/** The keys of decoding alone, of those that were given. */
export function decodeOptions({ pixelLimit, background, fullScale }: ChannelOptions): ChannelOptions {
  return {
    ...(pixelLimit !== undefined && { pixelLimit }),
    ...(background !== undefined && { background }),
    ...(fullScale !== undefined && { fullScale }),
  };
}
