"""The official code (a checkout of the DINOv2 repository) on one processor, without xFormers, FSDP and a GPU: stand-ins for what is
missing compute the same, the rest is imported as it is."""

import contextlib
import sys
import types
from itertools import groupby

import torch
from torch.nn import functional as F


def find(checkout):
    """Makes `import dinov2` find the checkout, whose networks then work on any PyTorch."""
    sys.path.insert(0, checkout)
    if not hasattr(F, "scaled_dot_product_attention"):
        F.scaled_dot_product_attention = attention_of_old


def use(checkout):
    """Makes the training of the checkout importable too. Stands in for xFormers' block-diagonal attention, FSDP and fvcore."""
    find(checkout)
    operations = module(
        "xformers.ops", fmha=types.SimpleNamespace(BlockDiagonalMask=BlockDiagonalMask), memory_efficient_attention=attention_in_blocks,
        unbind=torch.unbind, index_select_cat=select_and_join, scaled_index_add=add_scaled, SwiGLU=torch.nn.Module)
    module("xformers", ops=operations)
    fsdp = ("get_fsdp_wrapper", "ShardedGradScaler", "get_fsdp_modules", "FSDPCheckpointer")
    module("dinov2.fsdp", reshard_fsdp_model=lambda model: None, **dict.fromkeys(fsdp))
    module("fvcore.common.checkpoint", PeriodicCheckpointer=None)
    module("omegaconf", OmegaConf=None)
    module("dinov2.utils.config", setup=None)
    # Sinkhorn-Knopp and the centres sum over all processes: over this one.
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    # What the official step calls of CUDA; KoLeo switches autocast off, which here is never on.
    torch.Tensor.cuda = lambda tensor, **_: tensor
    torch.cuda.synchronize = lambda: None
    torch.cuda.amp.autocast = lambda **_: contextlib.nullcontext()


def module(name, **contents):
    made = types.ModuleType(name)
    made.__dict__.update(contents)
    sys.modules[name] = made
    return made


def attention_of_old(query, key, value, **_):
    """`scaled_dot_product_attention`, for a PyTorch older than that function."""
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    return scores.softmax(dim=-1) @ value


class BlockDiagonalMask:
    """Which rows of a packed batch belong together: the lengths of its sequences, and how many of them each packed tensor had."""

    def __init__(self, lengths):
        self.lengths = lengths

    @staticmethod
    def from_seqlens(lengths):
        """The official code then sets `_batch_sizes` itself."""
        return BlockDiagonalMask(lengths)

    @staticmethod
    def from_tensor_list(tensors):
        """Of tensors [sequences, length, width], and these tensors packed into one of one sequence."""
        mask = BlockDiagonalMask([tensor.shape[1] for tensor in tensors for _ in range(tensor.shape[0])])
        mask._batch_sizes = [tensor.shape[0] for tensor in tensors]
        return mask, torch.cat([tensor.reshape(1, -1, tensor.shape[-1]) for tensor in tensors], dim=1)

    def split(self, packed):
        parts, first, start = [], 0, 0
        for count in self._batch_sizes:
            # Of no sequences too the official code takes the first token.
            length = self.lengths[first] if count > 0 else 1
            parts.append(packed[:, start : start + count * length].reshape(count, length, packed.shape[-1]))
            first, start = first + count, start + count * length
        return parts


def attention_in_blocks(query, key, value, attn_bias=None):
    """[1, tokens, heads, width]: each sequence attends to itself; those of one length in a row are computed at once."""
    shape = query.shape
    lengths = attn_bias.lengths if attn_bias else [shape[1]] * shape[0]
    flat = [x.reshape(-1, *shape[2:]) for x in (query, key, value)]
    parts, start = [], 0
    for length, same in groupby(lengths):
        count = len(list(same))
        stop = start + count * length
        heads_first = [x[start:stop].reshape(count, length, *shape[2:]).transpose(1, 2) for x in flat]
        parts.append(F.scaled_dot_product_attention(*heads_first).transpose(1, 2).reshape(-1, *shape[2:]))
        start = stop
    return torch.cat(parts).reshape(shape)


def select_and_join(tensors, indices):
    return torch.cat([tensor[index].flatten() for tensor, index in zip(tensors, indices)])


def add_scaled(x, index, source, scaling, alpha):
    return x.index_add(0, index, source * scaling, alpha=alpha)


class Settings(dict):
    """A dictionary whose keys are attributes too, as OmegaConf's are."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__

    @staticmethod
    def of(value):
        return Settings({key: Settings.of(item) for key, item in value.items()}) if isinstance(value, dict) else value
