"""A model that answers a text otherwise next to a longer one is refused, and so is one that cannot read short texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from task_factory import make_task

from glossator.export.importing.padding_check import check_padding
from glossator.modeling.checkpoint_reader import open_pipeline
from glossator.modeling.torch_session import TorchSession
from glossator.service.errors import ConfigError


class Model(torch.nn.Module):
    """A model whose logits are computed from the tokens of a batch and its mask."""

    config = SimpleNamespace(model_type="example")

    def __init__(self, answer: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.answer = answer

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        return SimpleNamespace(logits=self.answer(input_ids.float(), attention_mask))


def mean_of_the_text(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return ((ids * mask).sum(dim=1) / mask.sum(dim=1))[:, None].expand(-1, 2)


def mean_with_padding(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return (ids * mask).mean(dim=1)[:, None].expand(-1, 2)


def not_a_number(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return mean_of_the_text(ids, mask) * torch.nan


def blocks_of_sixteen(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return ids.reshape(len(ids), -1, 16).mean(dim=2)[:, :2]


@pytest.fixture
def check(tiny_base: Any) -> Callable[[Any], None]:
    folder: Path = tiny_base("bert")
    task = make_task(labels=["a", "b"])

    def run(answer: Any) -> None:
        model = Model(answer).eval()
        check_padding(model, TorchSession(model, task), open_pipeline(model, folder, task), task)

    return run


def test_a_model_that_ignores_padding_is_accepted(check: Callable[[Any], None]) -> None:
    check(mean_of_the_text)


@pytest.mark.parametrize("answer", [mean_with_padding, not_a_number])
def test_a_model_that_mixes_padding_into_the_text_is_refused(check: Callable[[Any], None], answer: Any) -> None:
    with pytest.raises(ConfigError, match="the answers of this example model depend on the padding") as caught:
        check(answer)
    assert "outputs of the same text differ by" in (caught.value.found or "")
    assert caught.value.hint


def test_a_model_that_fails_on_short_texts_is_refused(check: Callable[[Any], None]) -> None:
    with pytest.raises(ConfigError, match="this example model cannot be run on short texts") as caught:
        check(blocks_of_sixteen)
    assert "shape" in (caught.value.found or "")
