"""Which rows are worth checking: rankings of suspected labels, measured on what people said about the rows.

    python -m benchmarks.corpora.label_audits [--data ../shared/data] [--work FOLDER]

Every ranking reads the same out-of-fold probabilities (frozen encoder, logistic regression). The keys:

- csabstruct: the annotators agree by less than half (`confs`), so that the label is doubtful;
- banking77: a near-duplicate of the text has another label, so that one of the two labels is doubtful;
- banking77 with a tenth of the labels changed: to any label, or to one of the three most similar labels.

The first two are evidence from people, but no complete key: a wrong label that nobody noticed counts as right. Writes
benchmarks/results/label_audits/.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.frozen_vectors import vectors_of
from benchmarks.common.public_corpora import rows_of
from benchmarks.common.results import write_report, write_result
from glossator.cli.support.console import prepare_environment
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine
from glossator.training.corpus.findings.label_errors import out_of_fold, rank_labels
from glossator.training.corpus.findings.near_duplicates import group_near_duplicates

CUTS = (50, 100, 500)
CONFLICT_SIMILARITY = 0.7

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]
Ranking = Callable[[Labels, Probabilities], NDArray[np.int64]]
"""Returns the rows, the most suspicious first."""


class Audit(NamedTuple):
    """Rows with vectors and labels, and the key: which rows are doubtful, `(rows,)`."""

    name: str
    vectors: NDArray[np.float32]
    labels: Labels
    doubtful: NDArray[np.bool_]


def rankings() -> dict[str, Ranking]:
    """Our ranking, and those of cleanlab: by score over all rows, and by its rules over the rows that they select."""
    found: dict[str, Ranking] = {"glossator": rank_labels}
    for score in ("self_confidence", "normalized_margin"):
        found[score] = _by_score(score)
        for rule in ("prune_by_class", "prune_by_noise_rate", "both", "confident_learning"):
            found[f"{rule}, {score}"] = _by_rule(rule, score)
    return found


def _by_score(score: str) -> Ranking:
    from cleanlab.rank import get_label_quality_scores

    return lambda labels, probability: np.argsort(
        get_label_quality_scores(labels, probability, method=score), kind="stable"
    )


def _by_rule(rule: str, score: str) -> Ranking:
    from cleanlab.filter import find_label_issues

    def rank(labels: Labels, probability: Probabilities) -> NDArray[np.int64]:
        return np.asarray(
            find_label_issues(labels, probability, filter_by=rule, return_indices_ranked_by=score, n_jobs=1)
        )

    return rank


def audits(data: Path, work: Path) -> list[Audit]:
    """The corpora with their keys."""
    found = []
    abstracts = rows_of(data / "csabstruct/train.jsonl.gz")
    texts = [text for each in abstracts for text in each["sentences"]]
    names = [label for each in abstracts for label in each["labels"]]
    agreement = np.array([share for each in abstracts for share in each["confs"]])
    vectors = vectors_of(texts, work)
    found.append(Audit("csabstruct, annotators disagree", vectors, _numbers(names), agreement < 0.5))

    train, test = (rows_of(data / f"banking77/{side}.csv") for side in ("train", "test"))
    texts, labels = [row["text"] for row in train], _numbers([row["category"] for row in train])
    vectors = vectors_of(texts, work)
    everything = [*train, *test]
    group = group_near_duplicates([row["text"] for row in everything], similarity=CONFLICT_SIMILARITY)
    labels_of: dict[int, set[str]] = {}
    for number, row in zip(group, everything, strict=True):
        labels_of.setdefault(number, set()).add(row["category"])
    conflict = np.array([len(labels_of[number]) > 1 for number in group[: len(train)]])
    found.append(Audit("banking77, near-duplicates disagree", vectors, labels, conflict))
    for name, nearest in (("any label", None), ("a similar label", 3)):
        changed = _change(labels, vectors, nearest)
        found.append(Audit(f"banking77, a tenth changed to {name}", vectors, changed, changed != labels))
    return found


def _numbers(names: Sequence[str]) -> Labels:
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def _change(labels: Labels, vectors: NDArray[np.float32], nearest: int | None, *, share: float = 0.1) -> Labels:
    """The labels with a share of them changed: to any other label, or to one of the `nearest` ones by mean vector."""
    generator = np.random.default_rng(1)
    classes = int(labels.max()) + 1
    means = np.stack([vectors[labels == label].mean(axis=0) for label in range(classes)])
    similarity = means @ means.T
    np.fill_diagonal(similarity, -np.inf)
    closest = np.argsort(-similarity, axis=1)[:, : nearest or classes - 1]
    changed = labels.copy()
    rows = generator.choice(len(labels), size=int(share * len(labels)), replace=False)
    changed[rows] = closest[labels[rows], generator.integers(closest.shape[1], size=len(rows))]
    return changed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/vectors"), help="folder for the vectors of the texts")
    options = parser.parse_args()
    prepare_environment()
    records = []
    for audit in audits(options.data, options.work):
        probability = out_of_fold(audit.vectors, audit.labels)
        selected = rank_labels(audit.labels, probability)
        records.append({
            "audit": audit.name,
            "rows": len(audit.labels),
            "doubtful": float(audit.doubtful.mean()),
            "selected": len(selected),
            "selected_precision": float(audit.doubtful[selected].mean()),
            "rankings": {
                name: _precisions(rank(audit.labels, probability), audit.doubtful) for name, rank in rankings().items()
            },
        })  # fmt: skip
        print(json.dumps(records[-1], indent=1))
    machine = describe_machine()[0]
    write_result("label_audits", {"machine": machine, "audits": records})
    write_report("label_audits", _report(records, machine))


def _precisions(order: NDArray[np.int64], doubtful: NDArray[np.bool_]) -> dict[str, float | None]:
    """The share of doubtful rows among the first 50, 100 and 500; None if a ranking has fewer rows."""
    return {str(cut): float(doubtful[order[:cut]].mean()) if len(order) >= cut else None for cut in CUTS}


def _report(records: Sequence[dict[str, object]], machine: str) -> str:
    parts = [
        "# Rankings of labels that are worth checking",
        "The share of doubtful rows among the first 50, 100 and 500 rows of each ranking, on the same out-of-fold "
        "probabilities. Keys: see `benchmarks/corpora/label_audits.py`. Repeat with "
        f"`python -m benchmarks.corpora.label_audits`. Measured on {machine}.",
    ]
    for each in records:
        ranked = each["rankings"]
        assert isinstance(ranked, dict)
        table = [
            [name, *("" if value is None else f"{value:.2f}" for value in found.values())]
            for name, found in ranked.items()
        ]
        parts += [
            f"## {each['audit']}",
            f"{each['rows']:,} rows, {each['doubtful']:.1%} of them doubtful. Reported: {each['selected']:,} rows, "
            f"{each['selected_precision']:.0%} of them doubtful.",
            markdown_table(["ranking", *(f"first {cut}" for cut in CUTS)], table, right=(1, 2, 3)),
        ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
