"""The component in real spaCy pipelines, found by its entry point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

spacy = pytest.importorskip("spacy")

import glossator  # noqa: E402
from glossator.service.errors import BundleNotFound, ConfigError  # noqa: E402

TEXTS = ["where is my parcel since monday", "", "refund not received today", "🙂 order 1234 again"]


def pipeline(bundle: Path, **config: Any) -> Any:
    nlp = spacy.blank("en")
    nlp.add_pipe("glossator", config={"model": str(bundle)} | config)
    return nlp


@pytest.mark.slow
def test_entities_of_documents(task_bundle: Callable[[str], Path]) -> None:
    bundle = task_bundle("token-classification")
    model = glossator.load(bundle)
    docs = list(pipeline(bundle).pipe(TEXTS, batch_size=2))
    assert [doc.text for doc in docs] == TEXTS
    for doc, answer in zip(docs, model.predict(TEXTS), strict=True):
        if isinstance(answer, glossator.Answer):
            assert [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents] == [
                (each.start, each.end, each.label) for each in answer.entities
            ]
        else:
            assert doc.user_data["glossator_error"]["code"] == "empty-text"
            assert not doc.ents
    grouped = pipeline(bundle, spans_key="found")(TEXTS[0])
    assert [span.text for span in grouped.spans["found"]] == [ent.text for ent in docs[0].ents] == ["parcel", "monday"]
    assert not grouped.ents
    html = spacy.displacy.render(docs[0], style="ent", page=False)
    assert "parcel" in html


def test_categories_of_documents(tiny_bundle: Callable[[str], Path]) -> None:
    bundle = tiny_bundle("single_label_classification")
    doc = pipeline(bundle)("where is my parcel please help")
    assert max(doc.cats, key=doc.cats.get) == "delivery"
    assert sum(doc.cats.values()) == pytest.approx(1.0)


@pytest.mark.slow
def test_vectors_of_documents(task_bundle: Callable[[str], Path]) -> None:
    doc = pipeline(task_bundle("text-embedding"))("where is my parcel")
    assert doc.tensor.shape == (32,)


def test_a_saved_pipeline_contains_the_bundle(tiny_bundle: Callable[[str], Path], tmp_path: Path) -> None:
    text = "cannot log in again"
    nlp = pipeline(tiny_bundle("single_label_classification"))
    nlp.to_disk(tmp_path / "nlp")
    config = tmp_path / "nlp" / "config.cfg"
    moved = config.read_text().replace(str(tiny_bundle("single_label_classification")), "")
    config.write_text(moved)  # the original bundle is not needed any more
    assert spacy.load(tmp_path / "nlp")(text).cats == nlp(text).cats


def test_a_missing_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound):
        pipeline(tmp_path)
    nlp = spacy.blank("en")
    nlp.add_pipe("glossator")
    with pytest.raises(ConfigError, match="has no model"):
        nlp("text")


@pytest.mark.slow
def test_a_model_of_pairs_is_refused(task_bundle: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError, match="reads two"):
        pipeline(task_bundle("text-pair"))
