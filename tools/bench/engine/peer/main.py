"""The peer of `bench engine`: matrix products, small ops, ViT-S/14's forward pass and a whole training step in PyTorch.

Says on one line of JSON what it is, then reads a request a line, {"work": "product" | "chain" | "forward" | "step" | "memory", ...}, and answers {"seconds": ...} of one run, or of the mean of as many as fill the time asked for. Arguments: the number
of threads, and optionally a folder of the official code.
"""

import json
import sys
import warnings
from time import perf_counter

import torch
from torch.nn import functional as F

from networks import load
from step import TrainStep

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def product(rows, inner, outer, kind, precision, **_):
    """R x I times O x I transposed: a linear layer's forward pass, or its gradient by input or by weight."""
    dtype = DTYPES[precision]
    x, weight, bias = torch.randn(rows, inner), torch.randn(outer, inner), torch.randn(outer)
    x, weight, bias, dy = (tensor.to(dtype) for tensor in (x, weight, bias, torch.randn(rows, outer)))
    return {
        "forward": lambda: F.linear(x, weight, bias),
        "input gradient": lambda: torch.mm(dy, weight),
        "weight gradient": lambda: torch.mm(dy.T, x),
    }[kind]


def chain(count, with_gradient):
    """So many sums of four numbers, each of the one before."""
    start, term = torch.zeros(4, requires_grad=with_gradient), torch.ones(4)

    def run():
        with torch.set_grad_enabled(with_gradient):
            total = start
            for _ in range(count):
                total = total + term
        if with_gradient:
            torch.autograd.grad(total.sum(), start)

    return run


def forward(networks, batch_size, mode, **_):
    backbone, images = networks.backbone().eval(), torch.randn(batch_size, 3, 224, 224)
    if mode == "copies":
        backbone, images = backbone.bfloat16(), images.bfloat16()

    def run():
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=mode == "autocast"):
            backbone(images)

    return run


def step(networks, mode, batchSize, prototypes, dropPathRate, maskIndices, **_):
    return TrainStep(networks, mode, batchSize, prototypes, dropPathRate, maskIndices)


def prepare(networks, request):
    work = request["work"]
    if work == "product":
        return product(**request)
    if work == "chain":
        return chain(request["count"], request["gradient"])
    if work == "forward":
        return forward(networks, request["batchSize"], request["mode"])
    return step(networks, **request)


def mean_seconds(run, fill):
    """Of the next run, or of as many as fill so many seconds after a first one."""
    if fill > 0:
        run()
    count, start = 0, perf_counter()
    while count == 0 or perf_counter() - start < fill:
        run()
        count += 1
    return (perf_counter() - start) / count


def peak_bytes():
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def main():
    threads, reference = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    about = {"torch": torch.__version__}
    try:
        networks = load(reference)
        about["networks"] = networks.name
    except ImportError as error:
        networks, about["networksMissing"] = None, str(error)
    print(json.dumps(about), flush=True)
    prepared, run = None, None
    for line in sys.stdin:
        request = json.loads(line)
        if request["work"] == "memory":
            print(json.dumps({"peakBytes": peak_bytes()}), flush=True)
            continue
        if request != prepared:
            run = None  # What the work before held goes before the next takes its own.
            prepared, run = request, prepare(networks, request)
            run()
        print(json.dumps({"seconds": mean_seconds(run, request.get("fill", 0))}), flush=True)


main()
