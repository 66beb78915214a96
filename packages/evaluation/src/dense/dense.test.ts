import { RandomStream } from "@dinov2/foundation";
import { tf, useBackend } from "@dinov2/tensor";
import { expectEqualTensorCounts } from "@dinov2/tensor/testing";
import { VisionTransformer, vitConfig } from "@dinov2/vit";
import { beforeAll, describe, expect, it } from "vitest";
import { pixelBackbone, vitBackbone } from "../backbone.ts";
import { centerPadding } from "./center-padding.ts";
import { denseFeatures, joinedPatches, lastLayers } from "./dense-features.ts";
import { slide, slidingWindows } from "./sliding-window.ts";

beforeAll(() => useBackend({ name: "wasm" }));
expectEqualTensorCounts();
