"""The drift test: what raises an alarm, when, and what does not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from glossator.service.monitoring.drift.state import _decode, _encode
from glossator.service.statistics.drift import BLOCK, Change, DriftSettings, DriftTest
from glossator.service.statistics.drift_events import LABELS, NumberEvents
from glossator.service.statistics.recent_distance import CHUNK, CHUNKS

Text = tuple[dict[str, float], list[str]]
NAMES = [f"label {number}" for number in range(40)]


def reference(*, texts: int = 2_000, names: Sequence[str] = NAMES, seed: int = 1) -> DriftTest:
    random = np.random.default_rng(seed)
    samples = {
        "length": random.gamma(4.0, 5.0, size=texts).round().tolist(),
        "confidence": random.beta(5, 1, texts).tolist(),
    }
    given = random.integers(len(names), size=texts)
    counts = {name: int((given == place).sum()) for place, name in enumerate(names)}
    return DriftTest(samples, counts, texts=texts, single_label=True)


def stream(
    count: int, seed: int, *, names: Sequence[str] = NAMES, longer: float = 1.0, power: float = 1.0
) -> Iterator[Text]:
    random = np.random.default_rng(seed)
    lengths = (random.gamma(4.0, 5.0, size=count) * longer).round()
    confidences = random.beta(5, 1, size=count) ** power
    given = random.integers(len(names), size=count)
    for length, confidence, label in zip(lengths.tolist(), confidences.tolist(), given.tolist(), strict=True):
        yield {"length": length, "confidence": confidence}, [names[label]]


def add(test: DriftTest, texts: Iterator[Text] | list[Text]) -> list[Change]:
    changes = []
    for number, (numbers, labels) in enumerate(texts):
        changes += test.add(numbers, labels, float(number))
    return changes


def test_no_alarm_without_a_change() -> None:
    for seed in range(3):
        test = reference(seed=seed)
        assert add(test, stream(4_000, seed + 100)) == []
        assert all(each.evidence < 1e-3 for each in test.verdicts())


def test_no_alarm_for_a_change_within_the_tolerance() -> None:
    test = reference()
    random = np.random.default_rng(8)
    texts = [
        (numbers | {"confidence": numbers["confidence"] * (random.random() > 0.05)}, labels)
        for numbers, labels in stream(8_000, 8)
    ]
    assert add(test, texts) == []


def test_longer_texts_are_noticed_soon_and_described() -> None:
    test = reference()
    assert add(test, stream(3_200, 5)) == []
    (change,) = add(test, stream(1_600, 6, longer=1.8))
    alarm = change.alarm
    assert change.began
    assert alarm.summary == "length"
    assert alarm.direction == "fewer"
    assert alarm.event == f"length of at most {alarm.at:g}"
    assert abs(alarm.since - 3_200) <= 2 * BLOCK
    assert alarm.raised <= 3_200 + 800
    random = np.random.default_rng(9)
    exact = (np.round(random.gamma(4.0, 5.0, size=50_000) * 1.8) <= alarm.at).mean()
    assert alarm.recent == pytest.approx(exact, abs=0.1)  # hardly any texts of before
    assert alarm.recent < alarm.reference - 0.1
    distances = {each.summary: each.distance for each in test.verdicts()}
    length, confidence = distances["length"], distances["confidence"]
    assert length is not None
    assert confidence is not None
    assert length.low > 0.1 > confidence.value


def test_the_delay_does_not_grow_with_the_age_of_the_stream() -> None:
    delays = []
    for age in (640, 20_000):
        test = reference()
        assert add(test, stream(age, 5)) == []
        (change,) = add(test, stream(2_000, 6, power=2.5))
        delays.append(change.alarm.raised - age)
    assert abs(delays[0] - delays[1]) <= 3 * BLOCK


def test_a_change_of_many_rare_labels_is_noticed() -> None:
    test = reference()
    assert add(test, stream(2_048, 5)) == []
    changes = add(test, stream(4_096, 6, names=NAMES[:20]))
    assert [each.alarm.summary for each in changes] == [LABELS]
    alarm = changes[0].alarm
    assert len(alarm.labels) > 10
    assert alarm.direction == "more"
    assert "labels: label" in alarm.event
    assert alarm.recent - alarm.reference > 0.1


def test_a_new_label_is_noticed() -> None:
    test = reference(names=["a", "b"])
    changes = add(test, stream(2_000, 6, names=["a", "b", "c"]))
    assert {each.alarm.event for each in changes} <= {"any other label", "a", "b"}
    assert changes[0].alarm.labels == ("any other label",)


def test_an_alarm_ends_when_the_change_is_over() -> None:
    test = reference()
    add(test, stream(1_600, 6, longer=1.8))
    assert list(test.alarms) == ["length"]
    (change,) = add(test, stream(6_400, 7))
    assert not change.began
    assert change.alarm.summary == "length"
    assert not test.alarms
    (again,) = add(test, stream(1_600, 8, longer=1.8))
    assert again.began


def test_texts_with_several_labels_and_missing_summaries() -> None:
    counts = {"a": 500, "b": 900}
    test = DriftTest({"confidence": np.linspace(0, 1, 1_000).tolist()}, counts, texts=1_000, single_label=False)
    random = np.random.default_rng(4)
    texts: list[Text] = [
        (
            {"confidence": random.random()} if random.random() < 0.5 else {"unknown": 1.0},
            ["a", "b"] if random.random() < 0.9 else [],
        )
        for _ in range(3_200)
    ]
    changes = add(test, texts)
    assert [(each.alarm.summary, each.alarm.event, each.alarm.direction) for each in changes] == [(LABELS, "a", "more")]
    distances = {each.summary: each.distance for each in test.verdicts()}
    assert distances["confidence"] is not None
    assert 800 < distances["confidence"].texts < 1_300


def test_a_reference_without_labels_or_summaries() -> None:
    empty = DriftTest({}, {}, texts=0, single_label=True)
    assert add(empty, stream(100, 1)) == []
    assert empty.verdicts() == []


@settings(max_examples=10)
@given(order=st.permutations(range(BLOCK)))
def test_the_order_within_a_block_does_not_matter(order: list[int]) -> None:
    texts = list(stream(2 * BLOCK, 3))
    mixed = texts[:BLOCK] + [texts[BLOCK + place] for place in order]
    states = []
    for each in (texts, mixed):
        test = reference(texts=100, names=NAMES[:3])
        add(test, each)
        states.append(test.verdicts())
    assert states[0] == states[1]


@settings(max_examples=10)
@given(split=st.integers(0, 2_500))
def test_a_restored_test_goes_on_as_if_nothing_had_happened(split: int) -> None:
    texts = [*stream(1_100, 3), *stream(1_400, 4, longer=1.8, names=NAMES[:9])]
    through = reference()
    expected = add(through, texts)
    first, second = reference(), reference()
    changes = add(first, texts[:split])
    second.restore(as_json(first.to_state()))
    times = [change.alarm.summary for change in (*changes, *add(second, texts[split:]))]
    assert times == [change.alarm.summary for change in expected]
    assert second.texts == through.texts
    assert [each.evidence for each in second.verdicts()] == [each.evidence for each in through.verdicts()]
    assert [each.distance for each in second.verdicts()] == [each.distance for each in through.verdicts()]


def as_json(state: dict[str, Any]) -> Any:
    return json.loads(json.dumps(state, default=_encode), object_hook=_decode)


@pytest.mark.parametrize("damage", ["format", "texts", "evidence", "recent", "block", "nan"])
def test_a_state_that_does_not_fit_is_refused(damage: str) -> None:
    state = as_json(reference().to_state())
    if damage == "format":
        state["format"] = 99
    elif damage == "texts":
        state["texts"] = 7
    elif damage == "evidence":
        state["evidence"]["path"] = np.zeros((3, 5))
    elif damage == "recent":
        state["recent"]["place"] = CHUNKS
    elif damage == "block":
        del state["block"]["counts"]["length"]
    else:
        state["evidence"]["path"][0, 0] = np.nan
    with pytest.raises((ValueError, KeyError)):
        reference().restore(state)


@given(
    values=st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.5000001, 1.0, 3.0]), min_size=1, max_size=60),
    asked=st.lists(st.sampled_from([-1.0, 0.0, 0.3, 0.5, 1.0, 9.0]), min_size=1, max_size=40),
)
def test_counts_of_bins_are_exact_at_the_points(values: list[float], asked: list[float]) -> None:
    events = NumberEvents(values, 0.05)
    counts = np.bincount([events.bin_of(value) for value in asked], minlength=events.bins)
    array, reference_values = np.array(asked), np.array(values)
    for place, point in enumerate(events.points):
        assert events.at_most(counts)[place] == (array <= point).sum()
        assert events.below(counts)[place] == (array < point).sum()
        assert events.shares[place] == pytest.approx((reference_values <= point).mean())
        assert events.bounds.low[place] <= events.shares[place] <= events.bounds.high[place]


@settings(max_examples=10)
@given(shift=st.floats(0.0, 2.0), seed=st.integers(0, 9))
def test_the_distance_is_that_of_kolmogorov_and_smirnov(shift: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=1_500)
    test = DriftTest({"x": values.tolist()}, {}, texts=1_500, single_label=True, settings=DriftSettings(tolerance=0.9))
    asked = random.normal(shift, size=4 * CHUNK)
    add(test, [({"x": value}, []) for value in asked.tolist()])
    (verdict,) = test.verdicts()
    found = verdict.distance
    assert found is not None
    assert found.texts == 4 * CHUNK
    exact = float(stats.ks_2samp(values, asked).statistic)
    assert found.value <= exact + 1e-9
    assert exact - found.value <= 1 / 31 + 1e-9
    truth = 2 * stats.norm.cdf(shift / 2) - 1
    assert found.low <= truth <= found.high
    assert found.low <= exact <= found.high


def test_only_recent_texts_count_for_the_distance() -> None:
    test = reference()
    add(test, stream(CHUNK * CHUNKS, 6, longer=1.8))
    add(test, stream(CHUNK * CHUNKS, 7))
    distances = {each.summary: each.distance for each in test.verdicts()}
    assert distances["length"] is not None
    assert distances["length"].value < 0.1
