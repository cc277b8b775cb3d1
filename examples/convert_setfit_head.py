"""Writes the head of a SetFit model as safetensors, so that `glossator import` reads it.

SetFit saves heads as pickles, and opening a pickle runs what it contains. Run this where SetFit is installed, on a
model that you trust:

    python convert_setfit_head.py my-setfit-model
    glossator import my-setfit-model -o models/mine
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file


def convert(head: Any, file: str | Path) -> None:
    """Write a head of scikit-learn or of SetFit to a file."""
    kind = type(head).__name__
    if kind == "SetFitHead":
        scale = head.temperature + head.eps
        weight = head.linear.weight.detach().cpu().numpy() / scale
        bias = np.zeros(len(weight)) if head.linear.bias is None else head.linear.bias.detach().cpu().numpy() / scale
        classes, several = list(range(len(weight))), head.multitarget
    else:
        several = kind in ("OneVsRestClassifier", "MultiOutputClassifier")
        parts = head.estimators_ if several else [head]
        if not all(type(part).__name__ == "LogisticRegression" for part in parts):
            sys.exit(f"only logistic regression can be converted, found {kind} of {type(parts[0]).__name__}")
        if (
            not several
            and len(head.classes_) > 2
            and (head.solver == "liblinear" or vars(head).get("multi_class") == "ovr")
        ):
            sys.exit("a one-vs-rest head gives other probabilities; train it again as multinomial")
        weight = np.concatenate([part.coef_ for part in parts])
        bias = np.concatenate([part.intercept_ for part in parts])
        classes = list(range(len(weight))) if several else head.classes_.tolist()
    save_file(
        # safetensors writes the memory of an array as it lies, and scikit-learn keeps weights in Fortran's order.
        {name: np.ascontiguousarray(each, np.float32) for name, each in (("coef", weight), ("intercept", bias))},
        file,
        metadata={"kind": kind, "classes": json.dumps(classes), "several": json.dumps(several)},
    )


if __name__ == "__main__":
    from setfit import SetFitModel

    convert(SetFitModel.from_pretrained(sys.argv[1]).model_head, f"{sys.argv[1]}/model_head.safetensors")
