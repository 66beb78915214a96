"""The other side of `npm run crosscheck`: the same numbers from numpy, scikit-learn and faiss, each from its definition.

Says on one line of JSON which libraries there are, then answers one request a line, {"check": NAME, ...}.
"""

import json
import sys
import warnings

import numpy as np

LIBRARIES = {"numpy": np.__version__}
try:
    import sklearn
    from sklearn.linear_model import LogisticRegression

    LIBRARIES["sklearn"] = sklearn.__version__
except ImportError:
    pass
try:
    import faiss

    LIBRARIES["faiss"] = faiss.__version__
except ImportError:
    pass


def unit(rows):
    rows = np.asarray(rows)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def knn(bank, queries, labels, ks, temperature, library):
    """Neighbours by cosine, and the class with most votes for each k; all weights are of one softmax over the largest k."""
    bank, queries, labels = unit(bank), unit(queries), np.asarray(labels)
    k = max(ks)
    if library == "faiss":
        index = faiss.IndexFlatIP(bank.shape[1])
        index.add(bank.astype(np.float32))
        similarities, rows = index.search(queries.astype(np.float32), k)
    else:
        products = queries @ bank.T
        rows = np.argsort(-products, axis=1, kind="stable")[:, :k]
        similarities = np.take_along_axis(products, rows, 1)
    weights = np.exp(similarities.astype(float) / temperature)
    weights /= weights.sum(1, keepdims=True)
    one_hot = np.eye(labels.max() + 1)[labels[rows]]
    votes = {str(n): (weights[:, :n, None] * one_hot[:, :n]).sum(1).argmax(1).tolist() for n in ks}
    return {"rows": rows.tolist(), "similarities": similarities.tolist(), "predictions": votes}


def logistic(x, labels, test, cs):
    answers = []
    for c in cs:
        model = LogisticRegression(C=c, tol=1e-10, max_iter=100000, multi_class="multinomial", solver="newton-cg")
        answers.append(model.fit(np.asarray(x), labels).predict_proba(np.asarray(test)).tolist())
    return {"probabilities": answers}


def retrieval(gallery, queries, ground_truth):
    """Means over queries of the area under precision over recall, and of precision among the first, junk taken out."""
    products = unit(queries) @ unit(gallery).T
    settings = {"easy": (["easy"], ["hard", "junk"]), "medium": (["easy", "hard"], ["junk"]), "hard": (["hard"], ["easy", "junk"])}
    answer = {}
    for name, (positive, ignored) in settings.items():
        scores = []
        for row, truth in zip(products, ground_truth):
            right = set(sum((truth[kind] for kind in positive), []))
            out = set(sum((truth[kind] for kind in ignored), []))
            if not right:
                continue
            is_right = np.array([image in right for image in np.argsort(-row, kind="stable") if image not in out])
            precision = np.cumsum(is_right) / np.arange(1, len(is_right) + 1)
            recall = np.cumsum(is_right) / len(right)
            area = np.trapz(np.concatenate([[1.0], precision]), np.concatenate([[0.0], recall]))
            last = np.flatnonzero(is_right).max() + 1
            scores.append([area] + [precision[min(k, last) - 1] for k in (1, 5, 10)])
        for score, value in zip(("mAP", "mP@1", "mP@5", "mP@10"), np.mean(scores, 0)):
            answer[f"{name}.{score}"] = value
    return answer


def segmentation(pairs, classes, ignored):
    """Intersection over union and accuracy of each class, from the confusion of true (rows) and predicted classes; None where 0 / 0."""

    def metrics(confusion):
        right, true, guessed = np.diag(confusion), confusion.sum(1), confusion.sum(0)
        with np.errstate(invalid="ignore"):
            iou, accuracy = right / (true + guessed - right), right / true
        answer = {"mIoU": np.nanmean(iou), "aAcc": right.sum() / confusion.sum(), "mAcc": np.nanmean(accuracy)}
        return {**answer, "iou": or_none(iou), "accuracy": or_none(accuracy)}

    confusions = []
    for pair in pairs:
        expected, predicted = np.array(pair["expected"]), np.array(pair["predicted"])
        counts = expected != ignored
        confusion = np.zeros((classes, classes))
        np.add.at(confusion, (expected[counts], predicted[counts]), 1)
        confusions.append(confusion)
    return {"images": [metrics(confusion) for confusion in confusions], "pooled": metrics(sum(confusions))}


def or_none(numbers):
    return [None if np.isnan(number) else float(number) for number in numbers]


def depth(maps, width, range, crop):
    """The nine numbers as in arXiv 1406.2283 and in Bhat et al. (arXiv 2011.14141), of each image and of all pixels."""

    def metrics(predicted, measured):
        ratio = np.maximum(predicted / measured, measured / predicted)
        error, log_error = predicted - measured, np.log(predicted) - np.log(measured)
        return {
            **{f"a{k}": np.mean(ratio < 1.25**k) for k in (1, 2, 3)},
            "abs_rel": np.mean(np.abs(error) / measured),
            "sq_rel": np.mean(error**2 / measured),
            "rmse": np.sqrt(np.mean(error**2)),
            "rmse_log": np.sqrt(np.mean(log_error**2)),
            "log10": np.mean(np.abs(np.log10(predicted) - np.log10(measured))),
            "silog": 100 * np.std(log_error),
        }

    top, bottom, left, right = crop
    scored = []
    for pair in maps:
        measured = np.array(pair["measured"]).reshape(-1, width)[top:bottom, left:right]
        predicted = np.array(pair["predicted"]).reshape(-1, width)[top:bottom, left:right]
        valid = (measured > range[0]) & (measured < range[1])
        if valid.any():
            scored.append((predicted[valid], measured[valid]))
    images = [metrics(*image) for image in scored]
    mean = {name: float(np.mean([image[name] for image in images])) for name in images[0]}
    pooled = metrics(*(np.concatenate(side) for side in zip(*scored)))
    return {"image": mean, "pooled": {name: float(value) for name, value in pooled.items()}}


def main():
    # Newton's method goes on until rounding stops it, and says so each time.
    warnings.simplefilter("ignore")
    print(json.dumps(LIBRARIES), flush=True)
    checks = {"knn": knn, "logistic": logistic, "retrieval": retrieval, "segmentation": segmentation, "depth": depth}
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(checks[request.pop("check")](**request)), flush=True)


main()
