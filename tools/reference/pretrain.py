"""The same pretraining with the official code: `python pretrain.py RUN OUT --official CHECKOUT --data IMAGES [--seed N]`.

RUN is a run folder of ours: its `config.json` says what to train. Step, losses, schedules, parameter groups, masks, crops and sampler are the
official ones (see `official.py` for what stands in on a processor); the loop is that of `dinov2/train/train.py`. OUT gets
`metrics.jsonl` with our names, and `step-N/teacher.pth` at the run's `checkpoint.keepEverySteps` and after the last step.
"""

import argparse
import json
import math
import random
import time
from functools import partial
from pathlib import Path

import numpy
import torch
from torchvision import transforms
from torchvision.datasets import ImageFolder

import official
from official import Settings

SIZES = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16)}


def main():
    options = arguments()
    recipe = Settings.of(json.loads((options.run / "config.json").read_text()))
    official.use(str(options.official))
    torch.set_num_threads(options.threads)
    seed = recipe.seed if options.seed is None else options.seed
    for seeding in (random.seed, numpy.random.seed, torch.manual_seed):
        seeding(seed)
    options.out.mkdir(parents=True)
    (options.out / "reference.json").write_text(json.dumps(
        {"seed": seed, "torch": torch.__version__, "threads": options.threads, "recipe": recipe}, indent=1))
    train(recipe, options, seed)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--official", type=Path, required=True, help="checkout of facebookresearch/dinov2")
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder per class")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def train(recipe, options, seed):
    """The loop of `do_train`, without its half precision: the run's recipe in fp32."""
    from dinov2.train.train import apply_optim_scheduler, build_optimizer, build_schedulers

    config = official_config(recipe)
    model = meta_architecture(recipe, config)
    optimizer = build_optimizer(config, model.get_params_groups())
    schedules = build_schedulers(config)
    before = time.perf_counter()
    with open(options.out / "metrics.jsonl", "w") as log:
        for step, batch in zip(range(recipe.schedule.steps), loader(recipe, options, seed)):
            waited = time.perf_counter() - before
            lr, decay, momentum, temperature, last_layer_lr = (schedule[step] for schedule in schedules)
            apply_optim_scheduler(optimizer, lr, decay, last_layer_lr)
            optimizer.zero_grad(set_to_none=True)
            losses = model.forward_backward(batch, teacher_temp=temperature)
            norms = {name: float(torch.nn.utils.clip_grad_norm_(part.parameters(), recipe.optimizer.clipNorm or math.inf))
                     for name, part in model.student.items()}
            optimizer.step()
            model.update_teacher(momentum)
            seconds = time.perf_counter() - before
            before = time.perf_counter()
            done = step + 1
            if done % recipe.log.everySteps == 0 or done == recipe.schedule.steps:
                print(json.dumps(line(recipe, done, losses, norms, seconds, waited)), file=log, flush=True)
            if is_kept(recipe, done):
                folder = options.out / f"step-{done}"
                folder.mkdir()
                torch.save({"teacher": {f"backbone.{k}": v for k, v in model.teacher.backbone.state_dict().items()}}, folder / "teacher.pth")


def is_kept(recipe, done):
    every = recipe.checkpoint.keepEverySteps
    return done == recipe.schedule.steps or (every is not None and done % every == 0)


def line(recipe, done, losses, norms, seconds, waited):
    """Each loss as it counts in the total; the official display halves KoLeo's and iBOT's."""
    shown = {name: float(value) * (2 if name in ("koleo_loss", "ibot_loss") else 1) for name, value in losses.items()}
    return {
        "step": done, **shown, "total_loss": sum(shown.values()),
        **{f"gradient_norm_{name}": norm for name, norm in norms.items()},
        "step_seconds": seconds, "images_per_second": recipe.data.batchSize / seconds, "data_wait_share": waited / seconds,
    }


def official_config(recipe):
    """Our recipe under the keys of `ssl_default_config.yaml`. One step is an epoch of one iteration."""
    model, teacher, optimizer, crops = recipe.model, recipe.teacher, recipe.optimizer, recipe.crops
    scale = math.sqrt(recipe.data.batchSize / 1024) if optimizer.learningRateScaling == "sqrt_wrt_1024" else 1
    head = lambda of: {f"head_{key}": of[name] for key, name in (
        ("n_prototypes", "prototypes"), ("nlayers", "layers"), ("hidden_dim", "hiddenDim"), ("bottleneck_dim", "bottleneckDim"))}
    return Settings.of({
        "compute_precision": {"grad_scaler": False},
        "student": {
            "arch": "vit_of_recipe", "pretrained_weights": "", "patch_size": model.patchSize, "layerscale": model.layerScale,
            "ffn_layer": model.ffnLayer, "block_chunks": 0, "qkv_bias": model.qkvBias, "proj_bias": model.projBias,
            "ffn_bias": model.ffnBias, "num_register_tokens": model.registerTokens, "interpolate_offset": model.interpolateOffset,
            "interpolate_antialias": model.interpolateAntialias, "drop_path_rate": model.dropPathRate, "drop_path_uniform": model.dropPathUniform,
        },
        "dino": {"loss_weight": recipe.loss.dinoWeight, "koleo_loss_weight": recipe.loss.koleoWeight, **head(recipe.heads.dino)},
        "ibot": {
            "loss_weight": recipe.loss.ibotWeight, "separate_head": recipe.heads.ibot.separate, **head(recipe.heads.ibot),
            "mask_sample_probability": recipe.masking.probability, "mask_ratio_min_max": recipe.masking.ratio,
        },
        "train": {"centering": teacher.targets.replace("-", "_"), "OFFICIAL_EPOCH_LENGTH": 1},
        "crops": {"local_crops_number": crops.localCount, "global_crops_size": crops.globalSize, "local_crops_size": crops.localSize},
        "teacher": {
            "warmup_teacher_temp": teacher.startTemperature, "teacher_temp": teacher.temperature,
            "warmup_teacher_temp_epochs": teacher.temperatureWarmupSteps,
            "momentum_teacher": teacher.momentum, "final_momentum_teacher": teacher.finalMomentum,
        },
        "optim": {
            "lr": optimizer.learningRate * scale, "min_lr": optimizer.finalLearningRate, "epochs": recipe.schedule.steps,
            "warmup_epochs": recipe.schedule.warmupSteps, "freeze_last_layer_epochs": recipe.schedule.freezeLastLayerSteps,
            "weight_decay": optimizer.weightDecay, "weight_decay_end": optimizer.finalWeightDecay,
            "adamw_beta1": optimizer.beta1, "adamw_beta2": optimizer.beta2,
            "layerwise_decay": optimizer.layerwiseDecay, "patch_embed_lr_mult": optimizer.patchEmbedMultiplier,
        },
    })


def network(model, **options):
    """The official ViT at a recipe's sizes."""
    from dinov2.layers import MemEffAttention, NestedTensorBlock
    from dinov2.models.vision_transformer import DinoVisionTransformer

    width, depth, heads = (model[key] or usual for key, usual in zip(("embedDim", "depth", "numHeads"), SIZES[model.size]))
    return DinoVisionTransformer(embed_dim=width, depth=depth, num_heads=heads, mlp_ratio=4,
                                 block_fn=partial(NestedTensorBlock, attn_class=MemEffAttention), **options)


def meta_architecture(recipe, config):
    """The official `SSLMetaArch`; what it does to parts wrapped by FSDP, done to the parts."""
    from dinov2.models import vision_transformer
    from dinov2.train.ssl_meta_arch import SSLMetaArch

    vision_transformer.vit_of_recipe = partial(network, recipe.model)

    class OnOneProcessor(SSLMetaArch):
        def fsdp_synchronize_streams(self):
            pass

        @torch.no_grad()
        def update_teacher(self, momentum):
            averages, parameters = list(self.teacher.parameters()), list(self.student.parameters())
            torch._foreach_mul_(averages, momentum)
            torch._foreach_add_(averages, parameters, alpha=1 - momentum)

    model = OnOneProcessor(config)
    model.teacher.load_state_dict(model.student.state_dict())
    model.train()
    return model


def loader(recipe, options, seed):
    from dinov2.data import MaskingGenerator, SamplerType, collate_data_and_cast, make_data_loader

    grid = recipe.crops.globalSize // recipe.model.patchSize
    collate = partial(
        collate_data_and_cast, mask_ratio_tuple=recipe.masking.ratio, mask_probability=recipe.masking.probability, dtype=torch.float32,
        n_tokens=grid**2, mask_generator=MaskingGenerator(input_size=(grid, grid), max_num_patches=0.5 * grid * grid))
    dataset = ImageFolder(str(options.data), transform=augmentation(recipe), target_transform=lambda _: ())
    return make_data_loader(
        dataset=dataset, batch_size=recipe.data.batchSize, num_workers=options.workers, shuffle=True, seed=seed,
        sampler_type=SamplerType.SHARDED_INFINITE, drop_last=True,
        collate_fn=collate if recipe.crops.localCount > 0 else partial(without_local_crops, collate))


def without_local_crops(collate, samples):
    """The official code cannot make a batch of no local crops, but can train on one."""
    batch = collate(samples)
    batch["collated_local_crops"] = batch["collated_local_crops"][:0]
    return batch


def augmentation(recipe):
    """The official crops, with the recipe's settings where it has one and the official code a constant."""
    from dinov2.data import DataAugmentationDINO
    from dinov2.data.transforms import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, GaussianBlur, make_normalize_transform

    crops = recipe.crops
    # At least one local crop: the batch is made of some, and `without_local_crops` takes it away again.
    made = DataAugmentationDINO(
        crops.globalScale, crops.localScale, max(crops.localCount, 1), global_crops_size=crops.globalSize, local_crops_size=crops.localSize)
    mean, deviation = recipe.data.mean or IMAGENET_DEFAULT_MEAN, recipe.data.std or IMAGENET_DEFAULT_STD
    normalize = transforms.Compose([transforms.ToTensor(), make_normalize_transform(mean, deviation)])
    for transform in (made.global_transfo1, made.global_transfo2, made.local_transfo):
        jitter = transform.transforms[0].transforms[0]
        jitter.p = crops.jitterProbability
        jitter.transforms[0] = transforms.ColorJitter(crops.brightness, crops.contrast, crops.saturation, crops.hue)
        transform.transforms[-1] = normalize
        for part in parts_of(transform):
            if isinstance(part, GaussianBlur):
                part.transforms[0].sigma = tuple(crops.blurSigma)
                if crops.blurSemantics == "paper":
                    part.p = 1 - part.p
            if isinstance(part, transforms.RandomSolarize):
                part.p = crops.solarizeProbability
    return made


def parts_of(transform):
    yield transform
    for part in getattr(transform, "transforms", []):
        yield from parts_of(part)


if __name__ == "__main__":
    main()
