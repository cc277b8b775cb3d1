"""Cross-encoders of sentence-transformers give its scores, with the activation that they were saved with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glossator.export.importing.imported_checkpoint import ForeignModel, open_foreign_model
from glossator.export.importing.model_source import find_model
from glossator.export.importing.recognition import recognise
from glossator.service.errors import ConfigError
from glossator.service.tasks.encoded import Pair
from glossator.service.tasks.rating import Rating
from glossator.service.tasks.text_classification import Classification

PAIRS = [
    ("where is my parcel", "the parcel is late"),
    ("cannot log in", "the code never comes, please help me to get my money back " * 4),  # longer than a window
    ("when will it arrive " * 9, "where is the courier " * 9),  # both longer than half of a window
    ("refund", "a"),
]


def save_encoder(base: Path, folder: Path, **options: Any) -> Any:
    """Saves a random cross-encoder as sentence-transformers does, and returns it."""
    import torch
    from sentence_transformers import CrossEncoder

    torch.manual_seed(4)
    model = CrossEncoder(str(base), device="cpu", **options)
    with torch.no_grad():
        model[0].model.classifier.weight.normal_(std=1.0)
    model.save_pretrained(str(folder))
    return model


def open_model(folder: Path, tmp_path: Path) -> ForeignModel:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return open_foreign_model(find_model(str(folder)), recognise(folder), scratch)


def predictions(model: ForeignModel) -> list[Any]:
    answers = model.pipeline.predict([Pair(*pair) for pair in PAIRS], truncate=True)
    return [answer.prediction for answer in answers if not isinstance(answer, Exception)]


@pytest.mark.parametrize("activation", ["Sigmoid", "Identity", None])
def test_scores_are_those_of_sentence_transformers(tiny_base: Any, tmp_path: Path, activation: str | None) -> None:
    import torch

    chosen = None if activation is None else getattr(torch.nn, activation)()
    theirs = save_encoder(tiny_base("bert"), tmp_path / "model", num_labels=1, activation_fn=chosen)
    model = open_model(tmp_path / "model", tmp_path)
    found = predictions(model)
    assert all(isinstance(each, Rating) for each in found)
    np.testing.assert_allclose([each.score for each in found], theirs.predict(PAIRS), atol=1e-5)
    assert any("reads two texts" in line for line in model.evidence)


@pytest.mark.parametrize(
    "settings",
    [
        {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.1.0"}},
        {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"},
    ],
    ids=["version 4", "version 3"],
)
def test_the_keys_of_older_versions_name_the_activation(
    tiny_base: Any, tmp_path: Path, settings: dict[str, Any]
) -> None:
    theirs = save_encoder(tiny_base("bert"), tmp_path / "model", num_labels=1)
    file = tmp_path / "model" / "config.json"
    config = json.loads(file.read_text())
    (tmp_path / "model" / "config_sentence_transformers.json").unlink()
    (tmp_path / "model" / "modules.json").unlink()
    file.write_text(json.dumps({**config, **settings}))
    import torch

    expected = theirs.predict(PAIRS, activation_fn=torch.nn.Identity())
    found = predictions(open_model(tmp_path / "model", tmp_path))
    np.testing.assert_allclose([each.score for each in found], expected, atol=1e-5)


def test_several_labels_have_the_softmax_of_the_logits(tiny_base: Any, tmp_path: Path) -> None:
    theirs = save_encoder(tiny_base("bert"), tmp_path / "model", num_labels=3)
    model = open_model(tmp_path / "model", tmp_path)
    found = predictions(model)
    assert all(isinstance(each, Classification) for each in found)
    scores = [{score.label: score.score for score in each.scores} for each in found]
    np.testing.assert_allclose(
        [[each[f"LABEL_{number}"] for number in range(3)] for each in scores],
        theirs.predict(PAIRS, apply_softmax=True),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("file", "fields", "message"),
    [
        ("config_sentence_transformers.json", {"activation_fn": "torch.nn.modules.activation.Tanh"}, "activation"),
        (
            "config_sentence_transformers.json",
            {"prompts": {"query": "find: "}, "default_prompt_name": "query"},
            "a prompt before the first text",
        ),
    ],
)
def test_other_scores_and_prompts_are_refused(
    tiny_base: Any, tmp_path: Path, file: str, fields: dict[str, Any], message: str
) -> None:
    save_encoder(tiny_base("bert"), tmp_path / "model", num_labels=1)
    path = tmp_path / "model" / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    with pytest.raises(ConfigError, match=message):
        recognise(tmp_path / "model")


def test_a_prompt_is_refused_for_models_that_read_two_texts(tiny_base: Any, tmp_path: Path) -> None:
    save_encoder(tiny_base("bert"), tmp_path / "model", num_labels=1)
    with pytest.raises(ConfigError, match="no such prompt"):
        recognise(tmp_path / "model", prompt="query")
