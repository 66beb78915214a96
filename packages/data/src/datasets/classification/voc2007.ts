// Pascal VOC 2007, classification: an image shows any number of 20 classes.

import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { type ClassificationDataset, listedImages, readList, type Side } from "./classification-dataset.ts";

export const vocClassNames: readonly string[] =
  "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa train tvmonitor".split(" ");

const sides: readonly Side[] = ["train", "val", "test"];

/**
 * Three lists for each class, of one line for each image: 1 it shows the class, -1 it does not, 0 only what is difficult to see.
 * @throws InputError when a list is missing or the lists of a side are not of the same images
 */
export async function openVoc2007(folder: string): Promise<Omit<ClassificationDataset, "metric">> {
  const lists = join(folder, "ImageSets/Main");
  const images: { readonly id: string; readonly split: Side; readonly targets: Int8Array }[] = [];
  for (const split of sides) {
    const ofSide = new Map<string, Int8Array>();
    for (const [k, name] of vocClassNames.entries()) {
      const file = join(lists, `${name}_${split}.txt`);
      const lines = await readList(file, /^(\S+) +(-1|0|1)$/, "000012 -1");
      for (const [, id, target] of lines) {
        if (k === 0) ofSide.set(id!, new Int8Array(vocClassNames.length));
        const targets = ofSide.get(id!);
        if (!targets) throw new InputError(`${file} has image ${id}, which ${vocClassNames[0]}_${split}.txt has not; expected the same in all lists.`);
        targets[k] = Number(target);
      }
      if (lines.length !== ofSide.size) throw new InputError(`${file} has ${lines.length} images; expected each of the ${ofSide.size} in ${vocClassNames[0]}_${split}.txt once.`);
    }
    for (const [id, targets] of ofSide) images.push({ id, split, targets });
  }
  const listed = await listedImages(folder, lists, images.map(({ id, split }) => ({ path: `JPEGImages/${id}.jpg`, label: "", split })));
  return { ...listed, classNames: vocClassNames, targets: (index) => images[index]!.targets };
}
