from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from task_factory import make_task

from glossator.training.base_model import open_model, resolve_base_model
from glossator.training.compute.used_embeddings import UsedEmbeddings

Bases = Callable[[str], Path]
WINDOWS = [[1, 7, 9, 2], [1, 9, 11, 30, 2]]
USED = [0, 1, 2, 7, 9, 11, 30]


@pytest.fixture(params=["bert", "roberta", "modernbert"])
def model(request: pytest.FixtureRequest, tiny_base: Bases) -> Any:
    torch.manual_seed(5)
    return open_model(resolve_base_model(str(tiny_base(request.param))), make_task(labels=["a", "b"])).eval()


def inputs(windows: list[list[int]] = WINDOWS) -> dict[str, torch.Tensor]:
    length = max(map(len, windows))
    ids = [window + [0] * (length - len(window)) for window in windows]
    return {"input_ids": torch.tensor(ids), "attention_mask": (torch.tensor(ids) != 0).long()}


def test_the_model_and_its_gradients_are_the_same_with_fewer_rows(model: Any) -> None:
    whole = model.get_input_embeddings()
    expected = model(**inputs()).logits
    expected.sum().backward()
    gradient = whole.weight.grad
    embeddings = UsedEmbeddings(model, WINDOWS, 0)
    rows = model.get_input_embeddings()
    assert rows is not whole
    tokens = rows.tokens.tolist()
    assert set(USED) <= set(tokens) < set(range(whole.num_embeddings))
    found = model(**inputs()).logits
    found.sum().backward()
    assert torch.equal(found, expected)
    torch.testing.assert_close(rows.weight.grad, gradient[tokens])
    embeddings.restore()
    assert model.get_input_embeddings() is whole


def test_trained_rows_return_to_the_table_and_the_others_stay(model: Any) -> None:
    whole = model.get_input_embeddings()
    before = whole.weight.detach().clone()
    embeddings = UsedEmbeddings(model, WINDOWS, 0)
    rows = model.get_input_embeddings()
    others = sorted(set(range(len(before))) - set(rows.tokens.tolist()))
    for shift in (1.0, 2.0):
        with torch.no_grad():
            rows.weight += 1.0
        with embeddings.whole():
            assert model.get_input_embeddings() is whole
            torch.testing.assert_close(whole.weight[rows.tokens], before[rows.tokens] + shift)
            assert torch.equal(whole.weight[others], before[others])
            model(**inputs([[1, others[-1], 2]]))  # a text of the validation rows has other tokens
        assert model.get_input_embeddings() is rows


def test_an_error_inside_the_context_leaves_the_rows_in_place(model: Any) -> None:
    embeddings = UsedEmbeddings(model, WINDOWS, 0)
    rows = model.get_input_embeddings()
    with pytest.raises(ZeroDivisionError), embeddings.whole():
        raise ZeroDivisionError
    assert model.get_input_embeddings() is rows


def test_the_names_of_the_weights_stay_the_same(model: Any) -> None:
    before = list(model.state_dict())
    UsedEmbeddings(model, WINDOWS, 0)
    assert list(model.state_dict()) == before


def test_a_token_without_a_row_is_an_error(model: Any) -> None:
    UsedEmbeddings(model, WINDOWS, 0)
    with pytest.raises(IndexError):
        model(**inputs([[1, 8, 2]]))


def test_a_frozen_table_and_a_model_without_one_stay_as_they_are(model: Any) -> None:
    whole = model.get_input_embeddings()
    whole.weight.requires_grad_(False)
    with UsedEmbeddings(model, WINDOWS, 0).whole():
        assert model.get_input_embeddings() is whole
    UsedEmbeddings(torch.nn.Linear(2, 2), WINDOWS, 0).restore()
