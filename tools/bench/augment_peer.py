"""The peer of `bench augment` and `bench input`: the 2 + 8 multi-crop of DINOv2 with torchvision on Pillow images.

Reads one JSON request a line. {"workers": 0, "batches": 8} is answered with {"seconds": ..., "cpuSeconds": ...} (of this process
alone) for that many batches from a data loader in full swing; {"memory": true} with {"bytes": ...}, what this process and its
children hold, shared pages once. One torch thread per process, as the reference's loader processes have.
"""

import json
import sys
import threading
from pathlib import Path

import PIL
import torch
import torchvision
from PIL import Image
from time import perf_counter, process_time
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision.transforms import (
    ColorJitter, Compose, GaussianBlur, InterpolationMode, Normalize, RandomApply, RandomGrayscale,
    RandomHorizontalFlip, RandomResizedCrop, RandomSolarize, ToTensor,
)


def crop(size, scale):
    resized = RandomResizedCrop(size, scale=scale, interpolation=InterpolationMode.BICUBIC)
    return Compose([resized, RandomHorizontalFlip(p=0.5)])


def finish(blur_probability, solarize=False):
    steps = [RandomApply([ColorJitter(brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)], p=0.8), RandomGrayscale(p=0.2)]
    steps.append(RandomApply([GaussianBlur(kernel_size=9, sigma=(0.1, 2.0))], p=blur_probability))
    if solarize:
        steps.append(RandomSolarize(threshold=128, p=0.2))
    steps += [ToTensor(), Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))]
    return Compose(steps)


class MultiCrop(Dataset):
    def __init__(self, folder):
        self.files = sorted(Path(folder).glob("*.jpg"))
        self.global_crop = crop(224, (0.32, 1.0))
        self.local_crop = crop(98, (0.05, 0.32))
        # The probabilities with which the released models' crops were blurred: 0, 0.9, 0.5.
        self.first, self.second, self.local = finish(0.0), finish(0.9, solarize=True), finish(0.5)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        image = Image.open(self.files[index]).convert("RGB")
        global_crops = [self.first(self.global_crop(image)), self.second(self.global_crop(image))]
        return global_crops, [self.local(self.local_crop(image)) for _ in range(8)]


def collate(samples):
    stack = lambda part: torch.stack([sample[part][i] for i in range(len(samples[0][part])) for sample in samples])
    return stack(0), stack(1)


def stream(dataset, workers, batch_size):
    sampler = RandomSampler(dataset, replacement=True, num_samples=1 << 40)
    options = dict(batch_size=batch_size, sampler=sampler, num_workers=workers, collate_fn=collate)
    return iter(DataLoader(dataset, **options))


def held_bytes():
    """Proportional set size of this process and the loader processes it started."""
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    rollups = [Path(f"/proc/{process}/smaps_rollup").read_text() for process in ["self", *children]]
    return sum(int(line.split()[1]) for text in rollups for line in text.splitlines() if line.startswith("Pss:")) * 1024


def main():
    torch.set_num_threads(1)
    dataset, batch_size = MultiCrop(sys.argv[1]), int(sys.argv[2])
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__, "pillow": PIL.__version__}
    print(json.dumps(versions), flush=True)
    streams = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "memory" in request:
            print(json.dumps({"bytes": held_bytes()}), flush=True)
            continue
        workers = request["workers"]
        if workers not in streams:
            streams[workers] = stream(dataset, workers, batch_size)
        batches = streams[workers]
        # Two batches a worker are ready by now; the clock starts when this stock is used up.
        for _ in range(2 * workers if workers else 1):
            next(batches)
        start, start_cpu = perf_counter(), process_time()
        for _ in range(request["batches"]):
            next(batches)
        print(json.dumps({"seconds": perf_counter() - start, "cpuSeconds": process_time() - start_cpu}), flush=True)


main()
