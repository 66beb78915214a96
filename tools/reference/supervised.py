"""The same network with labels: `python supervised.py RUN --official CHECKOUT --data SRC [--seed N]`.

RUN is a run folder of ours: its network, crop size and scale, batch size, number of steps and learning rate (with warm-up, then half a cosine) are
taken, and the official ViT is trained with cross-entropy on its class token. So it shows what this network learns in so many steps at most when it
is told the classes. SRC has the folders `train` and `test`, one folder per class in each, with images of one size.
"""

import argparse
import json
import math
from pathlib import Path

import torch
from torch.nn import functional as F
from torchvision.datasets import ImageFolder
from torchvision.transforms.functional import pil_to_tensor

import official
from official import Settings
from pretrain import network

REPORTS = 8
TEST_BATCH = 500


def main():
    options = arguments()
    recipe = Settings.of(json.loads((options.run / "config.json").read_text()))
    official.find(str(options.official))
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    train(recipe, *(images_and_labels(options.data / split) for split in ("train", "test")))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--official", type=Path, required=True, help="checkout of facebookresearch/dinov2")
    parser.add_argument("--data", type=Path, required=True, help="folder with the folders train and test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def images_and_labels(folder):
    """[N, 3, H, W] bytes, [N] classes: small images are decoded once, and cropped as tensors."""
    images, labels = zip(*((pil_to_tensor(image), label) for image, label in ImageFolder(str(folder))))
    return torch.stack(images), torch.tensor(labels)


def train(recipe, training, test):
    model, size, scale = recipe.model, recipe.crops.globalSize, recipe.crops.globalScale
    backbone = network(model, img_size=size, patch_size=model.patchSize, init_values=model.layerScale, block_chunks=0)
    head = torch.nn.Linear(backbone.embed_dim, 1 + int(training[1].max()))
    parameters = [*backbone.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW([
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.optimizer.weightDecay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0},
    ])
    normalize = normalization(training[0])
    batches = order(len(training[1]), recipe.data.batchSize)
    for step in range(recipe.schedule.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, step)
        drawn = next(batches)
        images, labels = (part[drawn] for part in training)
        loss = F.cross_entropy(head(backbone(random_crops(normalize(images), size, scale))), labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, recipe.optimizer.clipNorm or math.inf)
        optimizer.step()
        done = step + 1
        if done % math.ceil(recipe.schedule.steps / REPORTS) == 0 or done == recipe.schedule.steps:
            right = accuracy(lambda images: head(backbone(whole(normalize(images), size))), *test)
            print(json.dumps({"step": done, "loss": loss.item(), "test_top1": right}), flush=True)


def normalization(images):
    mean, deviation = (float(of(images.float() / 255)) for of in (torch.mean, torch.std))
    return lambda batch: (batch.float() / 255 - mean) / deviation


def learning_rate(recipe, step):
    warm = min(1, (step + 1) / max(1, recipe.schedule.warmupSteps))
    return recipe.optimizer.learningRate * warm * (1 + math.cos(math.pi * step / recipe.schedule.steps)) / 2


def order(count, batch):
    """Without end: the images in a new random order each pass, its last incomplete batch left out."""
    while True:
        yield from (part for part in torch.randperm(count).split(batch) if len(part) == batch)


def random_crops(images, size, scale):
    """torchvision's `RandomResizedCrop` and half of them flipped, for a batch at once."""
    count = len(images)
    area = torch.empty(count).uniform_(*scale)
    ratio = torch.empty(count).uniform_(math.log(3 / 4), math.log(4 / 3)).exp()
    extent = torch.stack([area * ratio, area / ratio], dim=1).sqrt().clamp(max=1)
    flip = torch.stack([torch.randint(2, (count,)) * 2 - 1.0, torch.ones(count)], dim=1)
    view = torch.zeros(count, 2, 3)
    view[:, :, :2] = torch.diag_embed(extent * flip)
    view[:, :, 2] = (1 - extent) * torch.empty(count, 2).uniform_(-1, 1)
    grid = F.affine_grid(view, [count, images.shape[1], size, size], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def whole(images, size):
    return F.interpolate(images, size=(size, size), mode="bicubic", antialias=True, align_corners=False)


@torch.no_grad()
def accuracy(classify, images, labels):
    batches = zip(images.split(TEST_BATCH), labels.split(TEST_BATCH))
    return sum(int((classify(batch).argmax(dim=1) == of).sum()) for batch, of in batches) / len(labels)


if __name__ == "__main__":
    main()
