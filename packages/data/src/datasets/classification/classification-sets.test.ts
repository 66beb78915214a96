import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../testing.ts";
import { imageBytes } from "../image-source.ts";
import { decodeImage } from "../../decode.ts";
import { openDataset } from "../open-dataset.ts";
import type { ClassificationDataset } from "./classification-dataset.ts";
import { openClassificationSet } from "./open-classification-set.ts";
import { vocClassNames } from "./voc2007.ts";

// Miniatures of what the archives hold, in the words of their readmes.

type Files = Readonly<Record<string, string | Uint8Array>>;
const withImages = (lists: Files, ...images: string[]): Files => ({ ...lists, ...Object.fromEntries(images.map((path) => [path, ""])) });

/** "apple_pie/1.jpg: apple_pie, train" of each image. */
function rows(dataset: ClassificationDataset): string[] {
  const sides = dataset.column!("split")!;
  return Array.from({ length: dataset.length }, (_, i) => `${dataset.name(i)}: ${dataset.classNames[dataset.label(i)!]}, ${sides[i]}`);
}

const miniatures: Readonly<Record<string, { readonly files: Files; readonly rows: readonly string[]; readonly metric: string }>> = {
  food101: {
    files: withImages(
      { "food-101/meta/train.txt": "apple_pie/1005649\nbaby_back_ribs/10085\n", "food-101/meta/test.txt": "apple_pie/1011328" },
      ...["apple_pie/1005649", "baby_back_ribs/10085", "apple_pie/1011328"].map((id) => `food-101/images/${id}.jpg`),
    ),
    rows: ["images/apple_pie/1005649.jpg: apple_pie, train", "images/baby_back_ribs/10085.jpg: baby_back_ribs, train", "images/apple_pie/1011328.jpg: apple_pie, test"],
    metric: "top1",
  },
  sun397: {
    files: withImages(
      { "Partitions/Training_01.txt": "/a/abbey/sun_aaa.jpg\n/a/apartment_building/outdoor/sun_bbb.jpg\n", "Partitions/Testing_01.txt": "/a/abbey/sun_ccc.jpg\r\n" },
      "SUN397/a/abbey/sun_aaa.jpg", "SUN397/a/apartment_building/outdoor/sun_bbb.jpg", "SUN397/a/abbey/sun_ccc.jpg",
    ),
    rows: [
      "SUN397/a/abbey/sun_aaa.jpg: /a/abbey, train",
      "SUN397/a/apartment_building/outdoor/sun_bbb.jpg: /a/apartment_building/outdoor, train",
      "SUN397/a/abbey/sun_ccc.jpg: /a/abbey, test",
    ],
    metric: "top1",
  },
  aircraft: {
    files: withImages(
      {
        "fgvc-aircraft-2013b/data/images_variant_train.txt": "1025794 707-320\n",
        "fgvc-aircraft-2013b/data/images_variant_val.txt": "0481847 Cessna 172\n",
        "fgvc-aircraft-2013b/data/images_variant_test.txt": "1514522 F/A-18\n",
      },
      ...["1025794", "0481847", "1514522"].map((id) => `fgvc-aircraft-2013b/data/images/${id}.jpg`),
    ),
    rows: ["data/images/1025794.jpg: 707-320, train", "data/images/0481847.jpg: Cessna 172, val", "data/images/1514522.jpg: F/A-18, test"],
    metric: "meanPerClass",
  },
  dtd: {
    files: withImages(
      { "dtd/labels/train1.txt": "banded/banded_0002.jpg", "dtd/labels/val1.txt": "banded/banded_0010.jpg", "dtd/labels/test1.txt": "zigzagged/zigzagged_0003.jpg" },
      "dtd/images/banded/banded_0002.jpg", "dtd/images/banded/banded_0010.jpg", "dtd/images/zigzagged/zigzagged_0003.jpg",
    ),
    rows: ["images/banded/banded_0002.jpg: banded, train", "images/banded/banded_0010.jpg: banded, val", "images/zigzagged/zigzagged_0003.jpg: zigzagged, test"],
    metric: "top1",
  },
  pets: {
    files: withImages(
      { "annotations/trainval.txt": "Abyssinian_100 1 1 1\ngreat_pyrenees_12 16 2 9\n", "annotations/test.txt": "Abyssinian_1 1 1 1\n" },
      "images/Abyssinian_100.jpg", "images/great_pyrenees_12.jpg", "images/Abyssinian_1.jpg",
    ),
    rows: ["images/Abyssinian_100.jpg: Abyssinian, train", "images/great_pyrenees_12.jpg: great_pyrenees, train", "images/Abyssinian_1.jpg: Abyssinian, test"],
    metric: "meanPerClass",
  },
  cub200: {
    files: withImages(
      {
        "CUB_200_2011/images.txt": "1 001.Albatross/A_0046.jpg\n2 001.Albatross/A_0009.jpg\n3 002.Laysan/L_0002.jpg\n",
        "CUB_200_2011/classes.txt": "1 001.Albatross\n2 002.Laysan\n",
        "CUB_200_2011/image_class_labels.txt": "1 1\n2 1\n3 2\n",
        "CUB_200_2011/train_test_split.txt": "1 0\n2 1\n3 1\n",
      },
      ...["001.Albatross/A_0046", "001.Albatross/A_0009", "002.Laysan/L_0002"].map((id) => `CUB_200_2011/images/${id}.jpg`),
    ),
    rows: ["images/001.Albatross/A_0046.jpg: 001.Albatross, test", "images/001.Albatross/A_0009.jpg: 001.Albatross, train", "images/002.Laysan/L_0002.jpg: 002.Laysan, train"],
    metric: "top1",
  },
};

describe("openClassificationSet", () => {
  it.each(Object.keys(miniatures))("reads %s with classes and sides, from the folder that it unpacks to or the one around it", async (name) => {
    const { files, rows: expected, metric } = miniatures[name]!;
    const folder = await temporaryFolder(files);
    const [inner] = Object.keys(files)[0]!.split("/");
    for (const source of [`${name}:${folder}`, ...(expected[0]!.startsWith(inner!) || /annotations|Partitions/.test(inner!) ? [] : [`${name}:${join(folder, inner!)}`])]) {
      const dataset = await openClassificationSet(source);
      expect(rows(dataset)).toEqual(expected);
      expect(dataset.metric).toBe(metric);
    }
    expect((await openDataset(`${name}:${folder}`)).length).toBe(expected.length);
  });

  it("takes Caltech-101's folders, that of backgrounds too, and draws 30 of each to train on", async () => {
    const folder = await temporaryFolder({ "101_ObjectCategories/BACKGROUND_Google/image_0001.jpg": "", "101_ObjectCategories/BACKGROUND_Google/tmp": "", "101_ObjectCategories/accordion/image_0001.jpg": "" });
    expect(await openClassificationSet(`caltech101:${folder}`)).toMatchObject({ length: 2, classNames: ["BACKGROUND_Google", "accordion"], metric: "meanPerClass", trainPerClass: 30 });
  });

  it.each([
    ["a list that is missing", { "meta/train.txt": "a/1" }, ["images/a/1.jpg"], /There is no .*meta\/test\.txt; expected .*"apple_pie\/1005649"/],
    ["a line that is another", { "meta/train.txt": "a/1\na 2", "meta/test.txt": "a/3" }, [], /train\.txt, line 2: "a 2" is none/],
    ["an empty list", { "meta/train.txt": "a/1", "meta/test.txt": "\n" }, [], /test\.txt is empty/],
    ["an image that is not there", { "meta/train.txt": "a/1", "meta/test.txt": "a/2" }, ["images/a/1.jpg"], /images\/a\/2\.jpg is not there/],
    ["an image on both sides", { "meta/train.txt": "a/1", "meta/test.txt": "a/1" }, ["images/a/1.jpg"], /images\/a\/1\.jpg is listed twice/],
  ])("refuses %s", async (_, lists, images, message) => {
    const folder = await temporaryFolder(withImages(lists, ...images));
    await expect(openClassificationSet(`food101:${folder}`)).rejects.toThrow(message);
  });

  it("refuses a bird without a class, and one without a side", async () => {
    const { files } = miniatures["cub200"]!;
    const without = async (list: string, lines: string) => openClassificationSet(`cub200:${await temporaryFolder({ ...files, [`CUB_200_2011/${list}`]: lines })}`);
    await expect(without("image_class_labels.txt", "1 1\n2 1\n3 3")).rejects.toThrow(/image 3 has no class that .*classes\.txt names/);
    await expect(without("train_test_split.txt", "1 1\n2 1")).rejects.toThrow(/image 3 has no side/);
  });
});

/** Records of CIFAR: labels, then planes. Pixel (x, y) of record r is red x, green y, blue r. */
function cifar(...labels: readonly (readonly number[])[]): Buffer {
  const planes = (record: number) => [(i: number) => i % 32, (i: number) => Math.floor(i / 32), () => record].flatMap((plane) => Array.from({ length: 1024 }, (_, i) => plane(i)));
  return Buffer.from(labels.flatMap((ofRecord, record) => [...ofRecord, ...planes(record)]));
}

describe("CIFAR", () => {
  const batches = Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`cifar-10-batches-bin/data_batch_${n}.bin`, cifar([n])]));
  const files = { ...batches, "cifar-10-batches-bin/test_batch.bin": cifar([9], [0]), "cifar-10-batches-bin/batches.meta.txt": "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n" };

  it("has the label before the pixels of each record, and pixels in planes", async () => {
    const dataset = await openClassificationSet(`cifar10:${await temporaryFolder(files)}`);
    expect(rows(dataset)).toEqual([
      "data_batch_1.bin/0: automobile, train", "data_batch_2.bin/0: bird, train", "data_batch_3.bin/0: cat, train", "data_batch_4.bin/0: deer, train", "data_batch_5.bin/0: dog, train",
      "test_batch.bin/0: truck, test", "test_batch.bin/1: airplane, test",
    ]);
    const { width, height, data } = await decodeImage(await imageBytes(dataset.source(6)));
    expect([width, height]).toEqual([32, 32]);
    expect([...data.subarray(3 * (32 * 5 + 7), 3 * (32 * 5 + 7) + 3)]).toEqual([7, 5, 1]);
  });

  it("has a kind before the class in CIFAR-100", async () => {
    const names = Array.from({ length: 100 }, (_, i) => `class_${i}`).join("\n");
    const folder = await temporaryFolder({ "train.bin": cifar([19, 3], [0, 99]), "test.bin": cifar([1, 7]), "fine_label_names.txt": names });
    const dataset = await openClassificationSet(`cifar100:${folder}`);
    expect(rows(dataset)).toEqual(["train.bin/0: class_3, train", "train.bin/1: class_99, train", "test.bin/0: class_7, test"]);
    expect([...(await decodeImage(await imageBytes(dataset.source(1)))).data.subarray(0, 3)]).toEqual([0, 0, 1]);
  });

  it.each([
    ["a file that breaks off", cifar([1]).subarray(0, 3000), /test_batch\.bin has 3000 bytes, which is no whole number of records of 3073/],
    ["a class without a name", cifar([10]), /test_batch\.bin, image 0: class 10 is none of the 10/],
  ])("refuses %s", async (_, bytes, message) => {
    const folder = await temporaryFolder({ ...files, "cifar-10-batches-bin/test_batch.bin": bytes });
    await expect(openClassificationSet(`cifar10:${folder}`)).rejects.toThrow(message);
  });
});

describe("VOC 2007", () => {
  const lists = (side: string, ...ids: string[]) =>
    Object.fromEntries(vocClassNames.map((name, k) => [`VOC2007/ImageSets/Main/${name}_${side}.txt`, ids.map((id, i) => `${id} ${[" 1", "-1", " 0"][(i + k) % 3]}\n`).join("")]));
  const ids = ["000005", "000007", "000001", "000002"];
  const files = withImages({ ...lists("train", "000005", "000007"), ...lists("val", "000001"), ...lists("test", "000002") }, ...ids.map((id) => `VOC2007/JPEGImages/${id}.jpg`));

  it("has for each image whether it shows each class, and no label", async () => {
    const dataset = await openClassificationSet(`voc2007:${await temporaryFolder(files)}`);
    expect([dataset.metric, dataset.classNames.length, dataset.label(0), dataset.column!("split")]).toEqual(["mAP", 20, undefined, ["train", "train", "val", "test"]]);
    expect(dataset.name(2)).toBe("JPEGImages/000001.jpg");
    expect([0, 1].map((i) => [...dataset.targets!(i).subarray(0, 4)])).toEqual([[1, -1, 0, 1], [-1, 0, 1, -1]]);
  });

  it("refuses lists of a side that are of other images", async () => {
    const other = await temporaryFolder({ ...files, "VOC2007/ImageSets/Main/dog_val.txt": "000002 -1\n" });
    await expect(openClassificationSet(`voc2007:${other}`)).rejects.toThrow(/dog_val\.txt has image 000002, which aeroplane_val\.txt has not/);
    const fewer = await temporaryFolder({ ...files, "VOC2007/ImageSets/Main/dog_train.txt": "000005 -1\n" });
    await expect(openClassificationSet(`voc2007:${fewer}`)).rejects.toThrow(/dog_train\.txt has 1 images; expected each of the 2/);
  });
});
