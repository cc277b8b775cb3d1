from __future__ import annotations

from typing import Any

import pytest
import torch

from glossator.training.compute.fast_dropout import use_fast_dropout


def dropout(p: float) -> Any:
    model = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Dropout(p)))
    use_fast_dropout(model)
    return model


@pytest.mark.parametrize("p", [0.1, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_share_of_p_is_zero_and_the_others_are_scaled(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(3)
    found = dropout(p)(torch.ones(501, 401, dtype=dtype))
    assert found.dtype == dtype
    zeros = (found == 0).float()
    assert zeros.mean().item() == pytest.approx(p, abs=0.005)  # 0.005: seven standard deviations at p=0.5
    assert zeros.mean(0).max().item() < p + 0.15
    assert found.max().item() == pytest.approx(1 / (1 - p), rel=0.005)
    assert set(found.unique().tolist()) == {0.0, found.max().item()}


def test_neighbours_are_independent() -> None:
    torch.manual_seed(4)
    kept = (dropout(0.5)(torch.ones(100_000)) > 0).float() - 0.5
    for distance in (1, 2, 3, 4, 8):
        assert abs((kept[distance:] * kept[:-distance]).mean().item()) < 0.005


def test_equal_seeds_give_equal_masks_and_calls_differ() -> None:
    module, inputs = dropout(0.3), torch.ones(1000)
    torch.manual_seed(1)
    first, second = module(inputs), module(inputs)
    torch.manual_seed(1)
    assert torch.equal(module(inputs), first)
    assert not torch.equal(first, second)


def test_the_gradient_has_the_mask_of_the_output() -> None:
    inputs = torch.ones(1000, requires_grad=True)
    found = dropout(0.3)(inputs)
    found.sum().backward()
    assert torch.equal(inputs.grad, found.detach())


def test_evaluation_and_p_0_change_nothing_and_p_1_leaves_zeros() -> None:
    inputs = torch.randn(7, 3)
    assert torch.equal(dropout(0.5).eval()(inputs), inputs)
    assert torch.equal(dropout(0.0)(inputs), inputs)
    assert not dropout(1.0)(inputs).any()


def test_every_dropout_of_a_model_is_replaced_once_and_keeps_its_mode() -> None:
    model = torch.nn.ModuleDict({"a": torch.nn.Dropout(0.2), "b": torch.nn.ModuleList([torch.nn.Dropout(0.4)])}).eval()
    use_fast_dropout(model)
    before = list(model.modules())
    use_fast_dropout(model)
    assert list(model.modules()) == before
    found = [each for each in before if isinstance(each, torch.nn.Dropout)]
    assert [(type(each) is torch.nn.Dropout, each.p, each.training) for each in found] == [
        (False, 0.2, False),
        (False, 0.4, False),
    ]
