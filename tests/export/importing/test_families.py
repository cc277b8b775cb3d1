"""Families whose graph PyTorch exports: answers equal those of transformers. Others are refused with the reason.

`benchmarks/quality/model_families.py` tries every family; these are the ones that need something special.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glossator
from benchmarks.common.tiny_models import FAMILIES, Head, save_model
from glossator.service.errors import ConfigError
from glossator.workflows.models.model_import import ImportedModel, import_model
from glossator.workflows.models.proving_rows import Proof
from glossator.workflows.reporter import Reporter
from glossator.workflows.run_records import RunStore

TEXTS = ["Is that normal?", "Yesterday the river rose by almost two metres, and nobody could say why."]
LONG = " ".join(TEXTS * 12)
Import = Callable[..., ImportedModel]


@pytest.fixture
def run(tmp_path: Path) -> Import:
    """A function that makes a small model of a family, and imports it."""

    def make(family: str, head: Head, **options: Any) -> ImportedModel:
        texts = tmp_path / "texts.txt"
        texts.write_text("\n".join([*TEXTS, LONG]) + "\n")
        save_model(FAMILIES[family], head, tmp_path / "model", [*TEXTS, LONG])
        store = RunStore(tmp_path / "runs", ["import"])
        options = {"proof": Proof(texts=str(texts)), "precision": "fp32"} | options
        return import_model(str(tmp_path / "model"), tmp_path / "bundle", store, Reporter(), **options)

    return make


def logits_of(folder: Path, text: str, auto_class: str, **options: Any) -> Any:
    """What transformers computes for a text alone, as numbers."""
    import torch
    import transformers

    model = getattr(transformers, auto_class).from_pretrained(folder).eval()
    inputs = transformers.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", **options)
    inputs.pop("token_type_ids", None)
    with torch.inference_mode():
        return model(**inputs)[0][0].numpy()


@pytest.mark.slow
def test_a_classifier_without_a_graph_of_ours_answers_as_transformers_does(run: Import, tmp_path: Path) -> None:
    found = run("SqueezeBERT", "classification")
    model = glossator.load(found.exported.output)
    for answer, text in zip(model(TEXTS), TEXTS, strict=True):
        logits = logits_of(tmp_path / "model", text, "AutoModelForSequenceClassification")
        expected = np.exp(logits) / np.exp(logits).sum()
        assert {each.label: each.score for each in answer.prediction.scores} == pytest.approx(
            dict(zip(["billing", "delivery", "login", "other"], expected.tolist(), strict=True)), abs=1e-4
        )


@pytest.mark.slow
def test_the_encoder_of_t5_makes_vectors_without_its_decoder(run: Import, tmp_path: Path) -> None:
    model = glossator.load(run("T5", "vectors").exported.output)
    for answer, text in zip(model(TEXTS), TEXTS, strict=True):
        states = logits_of(tmp_path / "model", text, "T5EncoderModel")
        np.testing.assert_allclose(answer.vector, states.mean(axis=0), atol=1e-4)


@pytest.mark.slow
def test_bigbird_reads_windows_in_which_its_attention_is_full(run: Import, tmp_path: Path) -> None:
    found = run("BigBird", "vectors", max_length=None)
    assert found.exported.manifest.task.encoding.max_length == 28  # (5 + 2 random blocks) of 4 tokens
    model = glossator.load(found.exported.output)
    short, long = model([TEXTS[0], LONG], truncate=True)
    assert (short.truncated, long.truncated) == (False, True)
    for answer, text in ((short, TEXTS[0]), (long, LONG)):
        states = logits_of(tmp_path / "model", text, "AutoModel", truncation=True, max_length=28)
        np.testing.assert_allclose(answer.vector, states.mean(axis=0), atol=1e-4)
    assert model(LONG).windows > 1


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ("ConvBERT", "the answers of this convbert model depend on the padding of its batch"),
        ("FNet", "the answers of this fnet model depend on the padding of its batch"),
        ("Nyströmformer", "this nystromformer model cannot be run on short texts"),
    ],
)
def test_a_family_that_would_answer_otherwise_in_each_batch_is_refused(
    run: Import, tmp_path: Path, family: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        run(family, "vectors")
    assert caught.value.hint
    assert not (tmp_path / "bundle").exists()
