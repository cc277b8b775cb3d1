"""The speed measurement on a tiny bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from glossator.service.errors import InputError
from glossator.service.inference.model import Model, load
from glossator.service.inference.runtime.int8_kernels import int8_kernel
from glossator.service.measuring import speed as measuring
from glossator.service.measuring.speed import Speed, measure_speed, typical_texts


@pytest.fixture(scope="module")
def model(tiny_bundle: Callable[[str], Path]) -> Model:
    return load(tiny_bundle("single_label_classification"), threads=2)


@pytest.fixture(scope="module")
def speed(model: Model) -> Speed:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "_SECONDS", 0.05)
        patch.setattr(measuring, "CALLERS", (1, 4))
        patch.setattr(measuring, "BUDGETS", (64, 256))
        return measure_speed(model, ["where is my parcel", "refund " * 40, "", "login"] * 20)


def test_all_windows_of_answerable_texts_count(speed: Speed) -> None:
    assert speed.texts == 60
    assert speed.tokens > 60 * 3
    assert (speed.workers, speed.model.split("@")[0]) == (2, "topics-single")


def test_figures_are_consistent(speed: Speed) -> None:
    assert [each.most_tokens for each in speed.throughput] == [64, 256]
    for each in speed.throughput:
        assert 0 < each.low <= each.texts_per_second <= each.high
        assert each.tokens_per_second == pytest.approx(each.texts_per_second * speed.tokens / speed.texts)
        assert 0.0 <= each.padding < 1.0
    assert [each.callers for each in speed.latency] == [1, 4]
    assert all(0 < each.p50 <= each.p99 for each in speed.latency)
    assert sum(speed.stages.values()) == pytest.approx(1.0)
    assert list(speed.stages) == ["tokenise", "plan", "infer", "decode"]
    assert speed.padding_in_arrival_order > max(each.padding for each in speed.throughput)
    assert speed.best in speed.throughput
    hours = 2 * 1e6 / speed.best.texts_per_second / 3600
    assert speed.core_hours_per_million() == pytest.approx(hours)
    assert speed.share_of_limit is not None
    assert 0 < speed.share_of_limit < 1
    assert speed.kernels.int8 == int8_kernel()
    assert min(speed.kernels.int8_gops, speed.kernels.fp32_gops) > 0


def test_json_has_all_figures(speed: Speed) -> None:
    fields = json.loads(json.dumps(speed.to_dict(), allow_nan=False))
    assert speed.limit is not None
    assert fields["limit"]["tokens_per_second"] == pytest.approx(speed.limit.tokens_per_second)
    assert fields["share_of_limit"] == pytest.approx(speed.share_of_limit)
    assert len(fields["throughput"]) == 2
    assert fields["kernels"]["int8_gops"] == speed.kernels.int8_gops


def test_typical_texts_have_the_lengths_of_the_training_texts(model: Model) -> None:
    texts = typical_texts(model, 300)
    assert texts == typical_texts(model, 300)
    words = sorted(len(text.split()) for text in texts)
    assert 3 <= words[150] <= 9
    assert words[-1] <= 20


def test_texts_without_content_are_refused(model: Model) -> None:
    with pytest.raises(InputError, match="no texts to measure with"):
        measure_speed(model, ["", "  "])
