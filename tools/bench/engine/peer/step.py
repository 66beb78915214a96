"""One whole training step of the peer, composed as the official `SSLMetaArch.forward_backward` and training loop do: the teacher
on the global crops, centring, the student on global and local crops, DINO, iBOT and KoLeo, backward, clipping per module,
AdamW, moving average. Global and local crops take separate forward passes, as they do without xFormers; the heads see class
tokens and hidden patches only, without the rows of padding that keep shapes constant on many devices.
"""

import torch
from torch import nn
from torch.optim import AdamW

CLIP, MOMENTUM, TEACHER_TEMPERATURE, LEARNING_RATE, WEIGHT_DECAY = 3.0, 0.992, 0.07, 1e-4, 0.04
LOCAL_CROPS, PATCHES = 8, 256


class TrainStep:
    """
    `mode`: `plain` computes in float32; `autocast` casts float32 parameters op by op; `copies` computes on bfloat16 copies
    of them, which is what the official mixed precision does with float16.
    """

    def __init__(self, networks, mode, batch_size, prototypes, drop_path, mask_indices):
        self.mode = mode
        make = lambda rate=0.0: nn.ModuleDict({"backbone": networks.backbone(rate), "head": networks.head(prototypes)})
        self.parameters, self.averages = make(drop_path), make().requires_grad_(False)
        self.averages.load_state_dict(self.parameters.state_dict())
        self.student, self.teacher = self.parameters, self.averages
        if mode == "copies":
            self.student, self.teacher = make(drop_path).bfloat16(), make().bfloat16().requires_grad_(False)
            self.renew_copies()
        self.student.train(), self.teacher.eval()
        self.losses = networks.losses(prototypes)
        self.optimizer = optimizer(networks, self.parameters)

        dtype = torch.bfloat16 if mode == "copies" else torch.float32
        self.global_crops = torch.randn(2 * batch_size, 3, 224, 224, dtype=dtype)
        self.local_crops = torch.randn(LOCAL_CROPS * batch_size, 3, 98, 98, dtype=dtype)
        self.mask_indices = torch.tensor(mask_indices)
        masks = torch.zeros(2 * batch_size * PATCHES, dtype=torch.bool)
        masks[self.mask_indices] = True
        self.masks = masks.view(2 * batch_size, PATCHES)
        self.mask_weights = (1 / self.masks.sum(-1, keepdim=True)).expand_as(self.masks)[self.masks]

    def __call__(self):
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.mode == "autocast"):
            loss = self.loss(*self.targets())
        loss.backward()
        self.update()
        return loss.item()

    @torch.no_grad()
    def targets(self):
        cls, patches = self.teacher["backbone"](self.global_crops)
        first, second = cls.chunk(2)
        hidden = patches.flatten(0, 1)[self.mask_indices]
        # In reverse order, so that each crop meets the other one of its image in the loss.
        logits = self.teacher["head"](torch.cat((second, first, hidden)))
        return self.losses.targets(logits[: len(cls)], logits[len(cls) :], TEACHER_TEMPERATURE)

    def loss(self, cls_targets, hidden_targets):
        global_cls, patches = self.student["backbone"](self.global_crops, self.masks)
        local_cls, _ = self.student["backbone"](self.local_crops)
        hidden = patches.flatten(0, 1)[self.mask_indices]
        rows = torch.cat((local_cls, global_cls, hidden))
        local_logits, global_logits, hidden_logits = self.student["head"](rows).split(
            [len(local_cls), len(global_cls), len(hidden)]
        )
        pairs = 2 * LOCAL_CROPS + 2
        local = self.losses.dino(local_logits.chunk(LOCAL_CROPS), cls_targets.chunk(2)) / pairs
        whole = self.losses.dino([global_logits], [cls_targets]) * 2 / pairs
        koleo = 0.1 * sum(self.losses.koleo(view) for view in global_cls.chunk(2))
        return local + whole + koleo + self.losses.ibot(hidden_logits, hidden_targets, self.masks, self.mask_weights)

    def update(self):
        if self.mode == "copies":
            for parameter, copy in zip(self.parameters.parameters(), self.student.parameters()):
                parameter.grad, copy.grad = copy.grad.float(), None
        for module in self.parameters.values():
            nn.utils.clip_grad_norm_(module.parameters(), CLIP)
        self.optimizer.step()
        with torch.no_grad():
            averages = list(self.averages.parameters())
            torch._foreach_mul_(averages, MOMENTUM)
            torch._foreach_add_(averages, list(self.parameters.parameters()), alpha=1 - MOMENTUM)
        if self.mode == "copies":
            self.renew_copies()

    @torch.no_grad()
    def renew_copies(self):
        for copies, parameters in ((self.student, self.parameters), (self.teacher, self.averages)):
            for copy, parameter in zip(copies.parameters(), parameters.parameters()):
                copy.copy_(parameter)


def optimizer(networks, modules):
    groups = [group for module in modules.values() for group in networks.parameter_groups(module)]
    for group in groups:
        group.update(lr=LEARNING_RATE * group["lr_multiplier"], weight_decay=WEIGHT_DECAY * group["wd_multiplier"])
    try:
        return AdamW(groups, betas=(0.9, 0.999), fused=True)
    except (RuntimeError, TypeError):  # An older PyTorch fuses on GPUs only; the official code says foreach.
        return AdamW(groups, betas=(0.9, 0.999), foreach=True)
