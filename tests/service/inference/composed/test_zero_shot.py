"""Labels that no model saw: against transformers' own zero-shot pipeline, and by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from task_factory import make_task

from glossator.modeling.checkpoint_reader import open_pipeline
from glossator.service.errors import ConfigError, EmptyText
from glossator.service.inference.composed.reranking import RankedDocument, UnrankedDocument, rerank
from glossator.service.inference.composed.zero_shot import zero_shot
from glossator.service.inference.pipeline import Answer, Pipeline
from glossator.service.inference.steps import finish
from glossator.service.tasks.text_classification import Classification, Score
from glossator.training.base_model import open_model, resolve_base_model

TEXTS = ["where is my parcel", "password reset fails again", "i want my money back"]
LABELS = ["delivery", "refund", "login"]
ENTAILMENT = ["contradiction", "entailment", "neutral"]


def made(
    folder: Path, kind: str, labels: list[str], problem_type: Any = "single_label_classification"
) -> tuple[Any, Pipeline]:
    torch.manual_seed(3)
    task = make_task(kind, labels, problem_type)
    model = open_model(resolve_base_model(str(folder)), task).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model, open_pipeline(model, folder, task)


def scores_of(answer: Answer) -> list[Score]:
    assert isinstance(answer.prediction, Classification)
    return list(answer.prediction.scores)


@pytest.mark.parametrize("multi_label", [False, True])
def test_entailment_gives_what_transformers_gives(tiny_base: Callable[[str], Path], multi_label: bool) -> None:
    from transformers import AutoTokenizer, ZeroShotClassificationPipeline

    model, ours = made(tiny_base("roberta"), "text-pair", ENTAILMENT)
    reference = ZeroShotClassificationPipeline(
        model=model, tokenizer=AutoTokenizer.from_pretrained(tiny_base("roberta"))
    )
    expected = reference(TEXTS, candidate_labels=LABELS, multi_label=multi_label)
    for found, theirs in zip(finish(zero_shot(ours, TEXTS, LABELS, multi_label=multi_label)), expected, strict=True):
        assert isinstance(found, Answer)
        scores = scores_of(found)
        assert [score.label for score in scores] == theirs["labels"]
        np.testing.assert_allclose([score.score for score in scores], theirs["scores"], atol=1e-5)
        decided = [score.label for score in scores if score.score >= 0.5] if multi_label else theirs["labels"][:1]
        assert (list(found.labels), found.score) == (decided, scores[0].score)


def test_vectors_choose_the_nearest_description(tiny_base: Callable[[str], Path]) -> None:
    _, ours = made(tiny_base("bert"), "text-embedding", [])
    bad, found = finish(zero_shot(ours, ["", TEXTS[0]], [TEXTS[0], TEXTS[1], "thanks"]))
    assert isinstance(bad, EmptyText)
    assert isinstance(found, Answer)
    assert found.label == TEXTS[0]
    assert sum(score.score for score in scores_of(found)) == pytest.approx(1.0)
    (cosines,) = finish(zero_shot(ours, [TEXTS[0]], [TEXTS[0], "thanks"], multi_label=True))
    assert isinstance(cosines, Answer)
    assert cosines.score == pytest.approx(1.0)


def test_unclear_requests_are_rejected(tiny_base: Callable[[str], Path]) -> None:
    _, classifier = made(tiny_base("bert"), "text-classification", LABELS)
    _, pairs = made(tiny_base("bert"), "text-pair", LABELS)
    _, entailment = made(tiny_base("bert"), "text-pair", ENTAILMENT)
    for model, labels, hypothesis, said in (
        (classifier, LABELS, None, "needs a text-pair model of entailment"),
        (pairs, LABELS, None, "not trained on entailment"),
        (entailment, ["a", "a"], None, "repeat"),
        (entailment, [], None, "empty"),
        (entailment, LABELS, "about it", "no placeholder for the label"),
    ):
        with pytest.raises(ConfigError, match=said):
            finish(zero_shot(model, TEXTS, labels, hypothesis=hypothesis))


@pytest.mark.parametrize(
    ("kind", "labels", "problem_type"),
    [
        ("text-pair", ["score"], "regression"),
        ("text-pair", ["no", "yes"], "single_label_classification"),
        ("text-embedding", ["x"], "single_label_classification"),
    ],
)
def test_documents_are_ranked_and_invalid_ones_reported(
    tiny_base: Callable[[str], Path], kind: str, labels: list[str], problem_type: str
) -> None:
    _, ours = made(tiny_base("bert"), kind, labels, problem_type)
    documents = [*TEXTS, "", "hello"]
    ranked = finish(rerank(ours, TEXTS[0], documents))
    good = [each for each in ranked if isinstance(each, RankedDocument)]
    assert sorted(each.index for each in good) == [0, 1, 2, 4]
    assert [each.score for each in good] == sorted((each.score for each in good), reverse=True)
    assert all(documents[each.index] == each.text for each in good)
    assert isinstance(ranked[-1], UnrankedDocument)
    assert ranked[-1].index == 3
    assert isinstance(ranked[-1].error, EmptyText)
    if kind == "text-embedding":
        assert good[0].index == 0
    assert finish(rerank(ours, TEXTS[0], documents, top_k=2))[:2] == good[:2]


def test_a_label_that_means_relevant_must_be_known(tiny_base: Callable[[str], Path]) -> None:
    _, ours = made(tiny_base("bert"), "text-pair", ["red", "green"])
    with pytest.raises(ConfigError, match="unclear which label"):
        finish(rerank(ours, "a", ["b"]))
    assert len(finish(rerank(ours, "a", ["b"], label="green"))) == 1
    _, classifier = made(tiny_base("bert"), "text-classification", LABELS)
    with pytest.raises(ConfigError, match="reranking needs a text-pair"):
        finish(rerank(classifier, "a", ["b"]))
