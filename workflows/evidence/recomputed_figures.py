"""Recomputes the figures of an evidence folder: from the counts behind them, from the runs, and from labelled rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from glossator.service.bundle import file_names as bundle_files
from glossator.service.errors import Fault
from glossator.workflows.evidence import file_names
from glossator.workflows.evidence.facts import Facts

_EXACT = 1e-9
_AGAIN = 1e-6
"""The largest difference of a figure that is measured again: other processors round differently."""


def check_counts(facts: Facts) -> Iterator[Fault]:
    """Yield a fault for each metric that differs from the confusion matrix or the calibration bins it comes from."""
    for split, details in facts["details"].items():
        metrics = facts["figures"].get(split, {}).get("metrics", {})
        yield from _from_counts({**details, "metrics": metrics}, f"{file_names.BUNDLE}evaluation/{split}.json")


def check_evaluations(facts: Facts, sources: Mapping[str, bytes]) -> Iterator[Fault]:
    """Yield a fault for each evaluation after the export that is of another version, or differs from its run or from
    the counts it comes from."""
    for measured in facts["measured_again"]:
        record = f"{file_names.RUNS}{measured['run']}.json"
        if measured["digest"] not in (None, facts["model"]["digest"]):
            yield Fault("other-version", f"it measured version {measured['digest'][:12]}", record)
        name = f"{file_names.EVALUATIONS}{measured['run']}.json"
        if name in sources:
            evaluation = json.loads(sources[name])
            stated = {metric: each["value"] for metric, each in evaluation["metrics"].items()}
            yield from _differences(stated, json.loads(sources[record])["metrics"], name)
            yield from _from_counts(evaluation, name)


def _from_counts(evaluation: Mapping[str, Any], where: str) -> Iterator[Fault]:
    stated = {name: each["value"] for name, each in evaluation["metrics"].items()}
    ece = evaluation.get("ece")
    stated |= {} if ece is None else {"ece": ece}
    if evaluation.get("confusion"):
        yield from _differences(stated, _from_confusion(evaluation["confusion"], evaluation["classes"]), where)
    if evaluation.get("bins") and ece is not None:
        yield from _differences(stated, {"ece": _calibration_error(evaluation["bins"])}, where)


def check_runs(facts: Facts, runs: Mapping[str, Mapping[str, Any]]) -> Iterator[Fault]:
    """Yield a fault for each figure of the bundle that differs from the run that exported it."""
    stated = {
        f"{split} {name}": metric["value"]
        for split, each in facts["figures"].items()
        for name, metric in each["metrics"].items()
    }
    for run in runs.values():
        if run["command"] == "export" and run["outputs"].get("digest") == facts["model"]["digest"]:
            yield from _differences(stated, run["metrics"], f"{file_names.RUNS}{run['id']}.json")


def check_rows(facts: Facts, bundle: Path, rows: Path) -> Iterator[Fault]:
    """Yield a fault for each figure on test rows that differs when the bundle answers these rows again."""
    from glossator.evaluation.metrics.evaluate import evaluate_pipeline
    from glossator.modeling.labelled_rows import read_rows
    from glossator.service.inference.model import load

    test = facts["figures"].get("test")
    labelled = read_rows(rows)
    if test is None or len(labelled) != test["rows"]:
        yield Fault("other-rows", f"{len(labelled):,} rows; measured were {(test or {}).get('rows', 0):,}", str(rows))
        return
    found = evaluate_pipeline(load(bundle).pipeline, labelled)
    for bound in ("value", "low", "high"):
        measured = {name: float(getattr(each, bound)) for name, each in found.metrics.items()}
        stated = {name: each[bound] for name, each in test["metrics"].items()}
        yield from _differences(stated, measured, f"{bundle_files.MANIFEST}: test, {bound}", tolerance=_AGAIN)
    details = dict(_numbers(facts["details"].get("test", {})))
    where = f"{file_names.BUNDLE}evaluation/test.json"
    yield from _differences(details, dict(_numbers(found.to_dict())), where, tolerance=_AGAIN)


def check_periods(periods: Sequence[Facts], again: Mapping[str, Facts]) -> Iterator[Fault]:
    """Yield a fault for each stated period whose live accuracy differs from what its reviews give `again`, by id."""
    for period in periods:
        if (found := again.get(period["period"])) is None:
            yield Fault("other-log", f"period {period['period']} is not in the prediction log", file_names.ACCURACY)
            continue
        stated, measured = dict(_numbers(period)), dict(_numbers(found))
        yield from _differences(stated, measured, f"{file_names.ACCURACY}: {period['period']}")


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number in JSON values by its place, such as `bins.3.count`."""
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield name, float(value)
    elif isinstance(value, Mapping | list):
        parts = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, part in parts:
            yield from _numbers(part, f"{name}.{key}" if name else str(key))


def _differences(
    stated: Mapping[str, float], recomputed: Mapping[str, float], where: str, *, tolerance: float = _EXACT
) -> Iterator[Fault]:
    for name, value in recomputed.items():
        if name in stated and not math.isclose(stated[name], value, rel_tol=0.0, abs_tol=tolerance):
            yield Fault("figure-differs", f"{name} is stated as {stated[name]:.6g}, recomputed {value:.6g}", where)


def _from_confusion(matrix: list[list[int]], classes: list[Mapping[str, Any]]) -> dict[str, float]:
    """Return the metrics that follow from counts `[gold][predicted]`. Macro F1 counts the classes that are listed."""
    total = sum(map(sum, matrix))
    right = [matrix[place][place] for place in range(len(matrix))]
    gold = [sum(row) for row in matrix]
    predicted = [sum(column) for column in zip(*matrix, strict=True)]
    f1 = [2 * r / (g + p) if g + p else 0.0 for r, g, p in zip(right, gold, predicted, strict=True)]
    counted = [each for each, g, p in zip(f1, gold, predicted, strict=True) if g + p]
    found = {
        "accuracy": sum(right) / total,
        "micro_f1": sum(right) / total,
        "weighted_f1": sum(each * g for each, g in zip(f1, gold, strict=True)) / total,
    }
    return found | ({"macro_f1": sum(counted) / len(counted)} if len(counted) == len(classes) else {})


def _calibration_error(bins: list[Mapping[str, float]]) -> float:
    """Return the expected calibration error: the mean gap of confidence and accuracy, weighted by the rows of a bin."""
    total = sum(each["count"] for each in bins)
    return sum(each["count"] * abs(each["confidence"] - each["accuracy"]) for each in bins) / total
