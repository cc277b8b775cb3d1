"""The models that transformers does not have, against other ways to compute the same."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from transformers import AutoModelForSequenceClassification, BertConfig

from glossator.modeling.architectures.bag import BagConfig, BagModel
from glossator.modeling.architectures.majority import MajorityConfig, MajorityModel
from glossator.modeling.architectures.ngrams import NgramRows, occurring_tokens, summed_by_row
from glossator.modeling.architectures.pooled import PooledConfig, PooledModel
from glossator.modeling.architectures.tfidf import TfidfConfig, TfidfModel
from glossator.modeling.registration import register_architectures
from glossator.service.inference.runtime.session import pad

LABELS: dict[str, Any] = {
    "id2label": {0: "a", 1: "b", 2: "c"}, "label2id": {"a": 0, "b": 1, "c": 2},
    "problem_type": "single_label_classification",
}  # fmt: skip
KNOWN = range(5, 25)
WINDOWS = st.lists(st.lists(st.integers(1, 29), min_size=1, max_size=9), min_size=1, max_size=6)


def batch(windows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    ids, mask = pad(windows, 0)
    return torch.from_numpy(ids), torch.from_numpy(mask)


def made(kind: str) -> Any:
    torch.manual_seed(1)
    encoder = BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    models: dict[str, Any] = {
        "bag": lambda: BagModel(BagConfig(30, 20, 64, 8, 4, **LABELS)),
        "bag, normalized": lambda: BagModel(BagConfig(30, 20, 0, 8, normalized=True, **LABELS)),
        "tfidf": lambda: TfidfModel(TfidfConfig(30, 20, 64, **LABELS)),
        "majority": lambda: MajorityModel(MajorityConfig(30, **LABELS)),
        "pooled": lambda: PooledModel(PooledConfig(encoder=encoder, **LABELS)),
    }
    model = models[kind]()
    if hasattr(model, "grams"):
        model.grams.assign_rows(list(KNOWN))
    if hasattr(model, "idf"):
        model.idf.uniform_(0.5, 3.0)
    return model.eval()


KINDS = ["bag", "bag, normalized", "tfidf", "majority", "pooled"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_computes_the_same(kind: str, tmp_path: Path) -> None:
    register_architectures()
    model = made(kind)
    ids, mask = batch([[1, 6, 7, 6, 2], [1, 9, 2]])
    model.save_pretrained(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path, use_safetensors=True).eval()
    with torch.inference_mode():
        ours, theirs = (each(input_ids=ids, attention_mask=mask).logits for each in (again, model))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert again.config.id2label == LABELS["id2label"]
    assert again.config.problem_type == LABELS["problem_type"]


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind: str) -> None:
    model = made(kind)
    windows = [[1, 6, 7, 6, 9, 11, 2], [1, 9, 2], [1, 2]]
    with torch.inference_mode():
        together = model(*batch(windows)).logits
        alone = torch.cat([model(*batch([window])).logits for window in windows])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)
    assert torch.isfinite(together).all()


@given(WINDOWS)
@settings(deadline=None)
def test_tfidf_is_that_of_scikit_learn(windows: list[list[int]]) -> None:
    """Unigrams alone: pairs share rows by hashing, which scikit-learn's vectoriser does not do."""
    vectorizer = TfidfVectorizer(
        analyzer=lambda window: window, sublinear_tf=True, vocabulary=list(KNOWN), lowercase=False
    )
    expected = vectorizer.fit_transform(windows).toarray()
    torch.manual_seed(2)
    model = TfidfModel(TfidfConfig(30, 20, 0, **LABELS)).double().eval()
    model.grams.assign_rows(list(KNOWN))
    model.idf[1:] = torch.from_numpy(vectorizer.idf_)
    weights, bias = model.weights.weight.detach().numpy()[1:], model.bias.detach().numpy()
    with torch.inference_mode():
        found = model(*batch(windows)).logits.numpy()
    np.testing.assert_allclose(found, expected @ weights + bias, atol=1e-9)


@given(WINDOWS)
@settings(deadline=None)
def test_a_bag_is_the_mean_of_its_rows(windows: list[list[int]]) -> None:
    model = made("bag, normalized")
    table, classifier = model.table.weight.detach().numpy(), model.classifier
    expected = []
    for window in windows:
        rows = [token - KNOWN.start + 1 for token in window if token in KNOWN]
        mean = table[rows].sum(axis=0) if rows else np.zeros(8)
        mean = mean / max(np.linalg.norm(mean), 1e-12) * 8**0.5
        expected.append(mean @ classifier.weight.detach().numpy().T + classifier.bias.detach().numpy())
    with torch.inference_mode():
        found = model(*batch(windows)).logits.numpy()
    np.testing.assert_allclose(found, np.array(expected), atol=1e-4)


@given(WINDOWS)
@settings(deadline=None)
def test_pairs_are_of_neighbours_that_are_known(windows: list[list[int]]) -> None:
    grams = NgramRows(30, 1000, len(KNOWN))
    grams.assign_rows(list(KNOWN))
    found = grams(*batch(windows))
    width = max(map(len, windows))
    for row, window in enumerate(windows):
        assert found[row, : len(window)].tolist() == [t - KNOWN.start + 1 if t in KNOWN else 0 for t in window]
        pairs = found[row, width:].tolist()
        both = [a in KNOWN and b in KNOWN for a, b in pairwise(window)]
        assert [bool(each) for each in pairs[: len(both)]] == both
        assert not any(pairs[len(both) :])
        assert all(each == 0 or 1 + len(KNOWN) <= each < grams.rows for each in pairs)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12))
@settings(deadline=None)
def test_values_are_summed_by_row(rows: list[int]) -> None:
    counts = Counter(rows)
    found = summed_by_row(torch.tensor([rows]), torch.ones(1, len(rows)))
    assert found[0].tolist() == [float(counts[row]) for row in rows]


def test_special_tokens_are_not_seen() -> None:
    assert occurring_tokens([[1, 7, 5, 2], [1, 5, 2]], {1, 2}) == [5, 7]
