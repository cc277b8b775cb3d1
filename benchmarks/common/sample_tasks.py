"""Tasks for benchmarks that have probabilities and no bundle."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.service.bundle.task import Encoding, Provenance, TextClassification


def single_label(labels: Sequence[str]) -> TextClassification:
    """One of these labels a text."""
    return TextClassification(
        problem_type="single_label_classification",
        labels=list(labels),
        encoding=Encoding(max_length=256, stride=32),
        provenance=Provenance(
            corpus_fingerprint="", corpus_rows=0, base_model="", base_revision="", algorithm="none", config={}, seed=0,
            code_version="", packages={}, created="",
        ),
    )  # fmt: skip
