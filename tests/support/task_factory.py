"""Tasks made by hand, for tests that need no training."""

from __future__ import annotations

from typing import Any

from glossator.service.bundle.task import (
    Encoding,
    ProblemType,
    Provenance,
    QuestionAnswering,
    Task,
    TextClassification,
    TextEmbedding,
    TextPair,
    TokenClassification,
    iob2_tags,
)

TASKS = ("text-classification", "text-pair", "token-classification", "question-answering", "text-embedding")


def provenance() -> Provenance:
    """Where a model that nobody trained comes from."""
    return Provenance(
        corpus_fingerprint="0" * 64, corpus_rows=1, base_model="made", base_revision="r", algorithm="none", config={},
        seed=1, code_version="0", packages={}, created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def make_task(
    kind: str = "text-classification",
    labels: list[str] | None = None,
    problem_type: ProblemType = "single_label_classification",
    *,
    max_length: int = 64,
    stride: int = 8,
    pad_token_id: int = 0,
    **further: Any,
) -> Task:
    """A task of one kind; `labels` are the types of entities where it finds such."""
    labels = labels or ["a", "b", "c"]
    shared: dict[str, Any] = {
        "encoding": Encoding(max_length=max_length, stride=stride, pad_token_id=pad_token_id),
        "provenance": provenance(),
    } | further
    if kind == "token-classification":
        return TokenClassification(labels=iob2_tags(labels), **shared)
    if kind == "question-answering":
        return QuestionAnswering(**shared)
    if kind == "text-embedding":
        return TextEmbedding(dimension=32, **shared)
    made = TextPair if kind == "text-pair" else TextClassification
    return made(problem_type=problem_type, labels=labels, **shared)
