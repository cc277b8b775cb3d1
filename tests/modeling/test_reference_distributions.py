from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from glossator.export.exporter import export
from glossator.modeling.labelled_rows import inputs_of, read_rows
from glossator.modeling.reference_distributions import make_reference, sample_reference, spread
from glossator.service.bundle import file_names
from glossator.service.bundle.reference import MOST_SAMPLES, parse_reference
from glossator.service.errors import EmptyText
from glossator.service.inference.model import load
from glossator.service.monitoring.drift.summaries import label_probabilities, summaries_of
from glossator.service.tasks.text_classification import Classification
from tests.support.vote_bundle import LABELS, vote_bundle


def test_the_samples_of_a_bundle_are_those_of_its_answers_to_validation_rows(
    tiny_bundle: Callable[[str], Path], tiny_checkpoint: Callable[[str], Path]
) -> None:
    model = load(tiny_bundle("single_label_classification"), threads=1)
    reference = parse_reference(model.bundle.read(file_names.REFERENCE))
    rows = read_rows(tiny_checkpoint("single_label_classification") / file_names.VALIDATION)
    texts = inputs_of(rows, model.task)
    answers = model(list(map(str, texts)))
    assert reference.texts == len(texts) <= MOST_SAMPLES
    expected = [
        summaries_of(answer, text, model.task, reference.profile) for answer, text in zip(answers, texts, strict=True)
    ]
    assert set(reference.samples) == {"tokens", "surprise", "unknown_words", "confidence", "entropy"}
    for name, values in reference.samples.items():
        assert values == pytest.approx(sorted(each[name] for each in expected), abs=1e-4)
    assert reference.predicted_counts == {
        label: Counter(answer.label for answer in answers)[label] for label in model.task.labels
    }
    probability = [label_probabilities(a.prediction) for a in answers if isinstance(a.prediction, Classification)]
    mean = np.mean([each for each in probability if each is not None], axis=0)
    assert list(reference.mean_probabilities.values()) == pytest.approx(mean, abs=1e-5)


def test_no_training_hashes_means_no_hashes_of_words(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    output = export(
        tiny_checkpoint("single_label_classification"), tmp_path / "bundle", precision="fp32", training_hashes=False
    ).output
    reference = parse_reference((output / file_names.REFERENCE).read_bytes())
    assert reference.profile is not None
    assert reference.profile.words is None
    assert "unknown_words" not in reference.samples
    assert "surprise" in reference.samples


@pytest.mark.parametrize(
    ("kind", "summaries"),
    [
        ("token-classification", {"tokens", "surprise", "unknown_words", "confidence", "entities"}),
        ("text-pair-score", {"tokens", "surprise", "unknown_words", "score"}),
    ],
)
def test_other_tasks_have_their_summaries(task_bundle: Callable[[str], Path], kind: str, summaries: set[str]) -> None:
    reference = parse_reference((task_bundle(kind) / file_names.REFERENCE).read_bytes())
    assert set(reference.samples) == summaries
    assert reference.mean_probabilities == {}
    assert bool(reference.predicted_counts) == (kind == "token-classification")


def test_without_a_profile_every_second_text_makes_one(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    """As for imported models, and checkpoints of older versions."""
    checkpoint = Path(shutil.copytree(tiny_checkpoint("single_label_classification"), tmp_path / "checkpoint"))
    old = json.loads((checkpoint / file_names.REFERENCE).read_text())
    del old["profile"]
    (checkpoint / file_names.REFERENCE).write_text(json.dumps(old))
    output = export(checkpoint, tmp_path / "bundle", precision="fp32").output
    reference = parse_reference((output / file_names.REFERENCE).read_bytes())
    rows = len(read_rows(checkpoint / file_names.VALIDATION))
    assert reference.profile is not None
    assert reference.texts == len(reference.samples["surprise"]) == (rows + 1) // 2


def test_texts_that_are_not_the_users_give_no_samples(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    """An import without texts is proved on texts that Glossator has; those say nothing about what will be served."""
    checkpoint = tiny_checkpoint("single_label_classification")
    output = export(checkpoint, tmp_path / "bundle", precision="fp32", evidence="sample").output
    reference = parse_reference((output / file_names.REFERENCE).read_bytes())
    assert (reference.texts, reference.samples, reference.predicted_counts) == (0, {}, {})


def test_texts_without_answers_are_left_out(tmp_path: Path) -> None:
    model = load(vote_bundle(tmp_path / "votes", "single_label_classification"), threads=1)
    texts = ["money", " ", "parcel"]
    reference = make_reference(2, dict.fromkeys(LABELS, 1), [1, 1], [0.5, 0.5])
    answers = model.predict(texts)
    assert isinstance(answers[1], EmptyText)
    found = sample_reference(reference, texts, answers, model.task)
    assert found.texts == 2
    assert found.samples["tokens"] == [1.0, 1.0]
    assert found.predicted_counts == dict.fromkeys(LABELS, 0) | {"refund": 1, "delivery": 1}
    assert parse_reference(found.to_bytes()) == found


def test_texts_are_spread_evenly() -> None:
    texts = [str(number) for number in range(10)]
    assert spread(texts, 4) == ["0", "2", "5", "7"]
    assert spread(texts, 20) == texts
    assert spread([], 4) == []
