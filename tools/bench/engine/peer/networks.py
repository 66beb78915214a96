"""What the peer of `bench engine` trains: ViT-S/14, a projection head and the losses, under one interface. The official modules
where there is a checkout of the DINOv2 repository, else transformers' Dinov2Model with a head and losses written here.

B images, two global crops of each; N patches of a global crop, M hidden ones in all of them; D width, K prototypes.
"""

import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import weight_norm

sys.path.append(str(Path(__file__).parents[3] / "reference"))
import official

PATCH, WIDTH, HIDDEN, BOTTLENECK, LAYER_SCALE = 14, 384, 2048, 256, 1e-5
STUDENT_TEMPERATURE, CENTER_MOMENTUM = 0.1, 0.9


def load(reference):
    """Raises ImportError where neither is there."""
    return OfficialNetworks(reference) if reference else TransformersNetworks()


class OfficialNetworks:
    name = "official code"

    def __init__(self, reference):
        official.find(reference)
        from dinov2.layers import DINOHead
        from dinov2.models.vision_transformer import vit_small
        from dinov2.utils.param_groups import fuse_params_groups, get_params_groups_with_decay

        self.vit_small, self.dino_head = vit_small, DINOHead
        self.groups, self.fuse = get_params_groups_with_decay, fuse_params_groups

    def backbone(self, drop_path=0.0):
        return OfficialBackbone(self.vit_small(
            patch_size=PATCH, img_size=224, init_values=LAYER_SCALE, block_chunks=0,
            drop_path_rate=drop_path, drop_path_uniform=True,
        ))

    def head(self, prototypes):
        return self.dino_head(WIDTH, prototypes, nlayers=3, hidden_dim=HIDDEN, bottleneck_dim=BOTTLENECK)

    def losses(self, prototypes):
        return OfficialLosses(prototypes)

    def parameter_groups(self, module):
        """Groups with their share of learning rate and weight decay."""
        return self.fuse(self.groups(module, lr_decay_rate=0.9, patch_embed_lr_mult=0.2))


class OfficialBackbone(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
        # The official grouping asks a backbone for these.
        self.n_blocks, self.chunked_blocks = model.n_blocks, model.chunked_blocks

    def forward(self, crops, masks=None):
        """Class tokens [C, D] and patch tokens [C, N, D] of crops [C, 3, S, S]."""
        output = self.model(crops, masks=masks, is_training=True)
        return output["x_norm_clstoken"], output["x_norm_patchtokens"]


class OfficialLosses:
    def __init__(self, prototypes):
        from dinov2.loss import DINOLoss, KoLeoLoss, iBOTPatchLoss

        self.dino, self.koleo, self.ibot_loss = DINOLoss(prototypes), KoLeoLoss(), iBOTPatchLoss(prototypes)

    def targets(self, cls_logits, hidden_logits, temperature):
        """Probabilities [2B, K] and [M, K]; the centres follow."""
        cls = self.dino.softmax_center_teacher(cls_logits, temperature)
        self.dino.update_center(cls_logits)
        hidden = self.ibot_loss.softmax_center_teacher(hidden_logits.unsqueeze(0), temperature).squeeze(0)
        self.ibot_loss.update_center(hidden_logits.unsqueeze(0))
        return cls, hidden

    def ibot(self, logits, targets, masks, weights):
        return self.ibot_loss.forward_masked(
            logits, targets, student_masks_flat=masks, n_masked_patches=len(logits), masks_weight=weights
        )


class TransformersNetworks:
    def __init__(self):
        import transformers

        self.library = transformers
        self.name = f"transformers {transformers.__version__} Dinov2Model with plain head and losses"

    def backbone(self, drop_path=0.0):
        return TransformersBackbone(self.library.Dinov2Model(self.library.Dinov2Config(
            hidden_size=WIDTH, num_hidden_layers=12, num_attention_heads=6, image_size=224, patch_size=PATCH,
            layerscale_value=LAYER_SCALE, drop_path_rate=drop_path, use_mask_token=True,
        )))

    def head(self, prototypes):
        return PlainHead(prototypes)

    def losses(self, prototypes):
        return PlainLosses(prototypes)

    def parameter_groups(self, module):
        matrices = [p for p in module.parameters() if p.ndim > 1]
        vectors = [p for p in module.parameters() if p.ndim <= 1]
        return [
            {"params": matrices, "lr_multiplier": 1.0, "wd_multiplier": 1.0},
            {"params": vectors, "lr_multiplier": 1.0, "wd_multiplier": 0.0},
        ]


class TransformersBackbone(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, crops, masks=None):
        tokens = self.model(crops, bool_masked_pos=masks).last_hidden_state
        return tokens[:, 0], tokens[:, 1:]


class PlainHead(nn.Module):
    def __init__(self, prototypes):
        super().__init__()
        widths = [WIDTH, HIDDEN, HIDDEN, BOTTLENECK]
        linear = [nn.Linear(before, after) for before, after in zip(widths, widths[1:])]
        self.mlp = nn.Sequential(linear[0], nn.GELU(), linear[1], nn.GELU(), linear[2])
        self.prototypes = weight_norm(nn.Linear(BOTTLENECK, prototypes, bias=False))

    def forward(self, rows):
        return self.prototypes(F.normalize(self.mlp(rows), dim=-1))


class PlainLosses:
    """arXiv 2304.07193, section 4, with centring."""

    def __init__(self, prototypes):
        self.centers = [torch.zeros(1, prototypes), torch.zeros(1, prototypes)]

    def targets(self, cls_logits, hidden_logits, temperature):
        found = []
        for logits, center in zip((cls_logits, hidden_logits), self.centers):
            found.append(F.softmax((logits - center) / temperature, dim=-1))
            center.lerp_(logits.mean(0, keepdim=True).float(), 1 - CENTER_MOMENTUM)
        return found

    def dino(self, students, teachers):
        logs = [F.log_softmax(logits / STUDENT_TEMPERATURE, dim=-1) for logits in students]
        return -sum((targets * log).sum(-1).mean() for log in logs for targets in teachers)

    def ibot(self, logits, targets, masks, weights):
        each = (targets * F.log_softmax(logits / STUDENT_TEMPERATURE, dim=-1)).sum(-1)
        return -(each * weights).sum() / len(masks)

    def koleo(self, features):
        unit = F.normalize(features.float(), dim=-1, eps=1e-8)
        with torch.no_grad():
            nearest = (unit @ unit.T).fill_diagonal_(-1).argmax(dim=1)
        return -(F.pairwise_distance(unit, unit[nearest], eps=1e-8) + 1e-8).log().mean()
