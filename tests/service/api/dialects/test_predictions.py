"""What dialects share: scores from 0 to 1, documents as objects, the only model that fits."""

from __future__ import annotations

import base64
import struct
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from glossator.service.api.dialects.predictions import (
    choose_model,
    document_texts,
    encode_base64,
    is_embedding,
    ranks,
    relevance,
)
from glossator.service.api.problems import InvalidRequest
from glossator.service.bundle.task import Encoding, Provenance, Task, TextClassification, TextEmbedding, TextPair

COMMON: dict[str, Any] = {
    "encoding": Encoding(max_length=16, stride=4),
    "provenance": Provenance(
        corpus_fingerprint="0", corpus_rows=1, base_model="none", base_revision="0", algorithm="votes", config={},
        seed=1, code_version="0", packages={}, created="2026-01-02T03:04:05Z",
    ),
}  # fmt: skip
RATED = TextPair(problem_type="regression", labels=["score"], score_range=(1.0, 5.0), **COMMON)
PAIR = TextPair(problem_type="single_label_classification", labels=["yes", "no"], **COMMON)
VECTORS = TextEmbedding(dimension=2, **COMMON)
LABELS = TextClassification(problem_type="single_label_classification", labels=["a", "b"], **COMMON)


@pytest.mark.parametrize(
    ("score", "task", "expected"),
    [
        (2.7, RATED, 0.425),
        (1.0, RATED, 0.0),
        (5.0, RATED, 1.0),
        (5.1, RATED, 1.0),
        (0.3, PAIR, 0.3),
        (0.3, VECTORS, 0.3),
        (-0.3, VECTORS, 0.0),
        (1.0000001, VECTORS, 1.0),
    ],
)
def test_relevance_is_from_0_to_1(score: float, task: Task, expected: float) -> None:
    assert relevance(score, task) == pytest.approx(expected)


def test_the_place_in_the_range_is_the_sigmoid_of_the_logit() -> None:
    for logit in (-3.0, 0.0, 2.0):
        sigmoid = 1 / (1 + np.exp(-logit))
        assert relevance(1.0 + 4.0 * sigmoid, RATED) == pytest.approx(sigmoid)


def test_documents_are_texts_or_objects() -> None:
    documents = ["a", {"text": "b", "id": 1}]
    assert document_texts(documents) == ["a", "b"]
    assert document_texts([{"title": "t", "body": "b"}], ["body", "title"]) == ["b\nt"]
    with pytest.raises(InvalidRequest) as caught:
        document_texts([{"title": "t"}, "a", {"text": 3}])
    assert [fault.where for fault in caught.value.faults] == ["[0]", "[2]"]


def served(**tasks: Task) -> Any:
    """The state of a server with models of these tasks."""
    listed = [SimpleNamespace(name=name, manifest=SimpleNamespace(task=task)) for name, task in tasks.items()]
    return SimpleNamespace(models=SimpleNamespace(listed=lambda: listed))


def test_the_only_model_that_fits_is_chosen() -> None:
    state = served(labels=LABELS, vectors=VECTORS, rated=RATED)
    assert choose_model(state, None, is_embedding) == "vectors"
    assert choose_model(state, "", is_embedding) == "vectors"
    assert choose_model(state, "anything", is_embedding) == "anything"
    with pytest.raises(InvalidRequest) as caught:
        choose_model(state, None, ranks)
    assert (caught.value.found, caught.value.expected) == ("2 models that fit", "model: one of vectors, rated")
    with pytest.raises(InvalidRequest, match="0 models that fit"):
        choose_model(served(labels=LABELS), None, is_embedding)


def test_base64_is_little_endian_float32() -> None:
    packed = encode_base64(np.array([1.5, -2.0], dtype=np.float32))
    assert struct.unpack("<2f", base64.b64decode(packed)) == (1.5, -2.0)
