"""The peer of `bench knn`: exact nearest neighbours by matrix product and topk in PyTorch, a block of the bank at a time.

Says on one line of JSON what it is, then reads a request a line: {"rows", "width", "queries", "part", "k", "block"} is answered with
{"seconds"} of one search among random unit vectors, for so many queries at once as "part" says; {"memory": true} with {"bytes"}, the most that the process ever held.
Argument: the number of threads.
"""

import json
import resource
import sys
from time import perf_counter

import torch


def unit_rows(count, width):
    rows = torch.empty(count, width)
    for part in rows.split(65536):
        part.normal_()
        part.div_(part.norm(dim=1, keepdim=True))
    return rows


def search(bank, queries, k, block):
    """Values and rows of the k most similar, [queries, k]."""
    best = None
    for start in range(0, len(bank), block):
        similarities = queries @ bank[start : start + block].T
        values, rows = similarities.topk(min(k, similarities.shape[1]), dim=1)
        rows += start
        if best is not None:
            values, rows = torch.cat([best[0], values], 1), torch.cat([best[1], rows], 1)
            values, places = values.topk(k, dim=1)
            rows = rows.gather(1, places)
        best = values, rows
    return best


def main():
    torch.set_num_threads(int(sys.argv[1]))
    print(json.dumps({"torch": torch.__version__}), flush=True)
    bank = torch.empty(0, 0)
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("memory"):
            print(json.dumps({"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)
            continue
        if bank.shape != (request["rows"], request["width"]):
            bank = unit_rows(request["rows"], request["width"])
        queries = unit_rows(request["queries"], request["width"])
        start = perf_counter()
        with torch.no_grad():
            for part in queries.split(request["part"]):
                search(bank, part, request["k"], request["block"])
        print(json.dumps({"seconds": perf_counter() - start}), flush=True)


main()
