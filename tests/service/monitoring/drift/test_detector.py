"""The detector: fed by the log, saved with it, and what it reports."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from glossator.service.inference.model import Model, load
from glossator.service.monitoring.drift.detector import DriftDetector
from glossator.service.monitoring.drift.events import DriftEvent
from glossator.service.monitoring.drift.references import References
from glossator.service.monitoring.drift.state import DriftState
from glossator.service.monitoring.prediction_log.records import Served, records_of
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.statistics.drift import DriftSettings
from tests.support.sampled_bundle import other_texts, sampled_bundle, usual_texts
from tests.support.vote_bundle import vote_bundle

SETTINGS = DriftSettings()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(sampled_bundle(tmp_path_factory.mktemp("drift") / "tickets"), threads=1)


def feed(detector: DriftDetector, model: Model, texts: list[str], *, name: str = "tickets", size: int = 50) -> None:
    """Show answers to texts, as a log with texts does."""
    settings, references = LogSettings(folder=Path("unused"), texts=True), References()
    for number in range(0, len(texts), size):
        part = texts[number : number + size]
        served = Served(
            time=time.time(),
            request=f"request {number}",
            model=name,
            version=None,
            digest=model.digest,
            route="/",
            key="local",
            seconds=0.1,
            texts=part,
            answers=model.predict(part),
            bundle=model.bundle,
        )
        detector.observe(served, list(records_of(served, settings, references)))


def alarms(detector: DriftDetector, model: Model) -> set[str]:
    return {each.summary for each in detector.verdicts("tickets", model.digest) if each.alarm is not None}


def test_other_texts_raise_alarms_with_examples(model: Model) -> None:
    events: list[DriftEvent] = []
    detector = DriftDetector(SETTINGS, announce=events.append)
    feed(detector, model, usual_texts(800, seed=5))
    assert not events
    feed(detector, model, other_texts(600, seed=6))
    found = {event.alarm.summary: event for event in events}
    assert {"unknown_words", "tokens"} <= set(found) == alarms(detector, model)
    event = found["unknown_words"]
    assert event.began
    assert event.sentence().startswith(f"tickets@{model.digest[:12]}: unknown_words has drifted by more than 0.1: ")
    assert event.alarm.direction == "fewer"
    assert [each.value for each in event.examples] == [1.0] * 5
    assert all(each.request.startswith("request ") and 0 <= each.place < 50 for each in event.examples)
    assert json.loads(json.dumps(event.to_dict()))["alarm"]["summary"] == "unknown_words"


def test_names_and_versions_are_watched_separately(model: Model) -> None:
    detector = DriftDetector(SETTINGS)
    feed(detector, model, usual_texts(64, seed=5))
    feed(detector, model, other_texts(200, seed=6), name="other")
    assert alarms(detector, model) == set()
    assert set(detector.own_verdicts()) == {("tickets", model.digest), ("other", model.digest)}
    assert detector.verdicts("tickets", "f" * 64) == []


def test_no_text_stays_in_memory(model: Model) -> None:
    detector = DriftDetector(SETTINGS)
    feed(detector, model, usual_texts(64, seed=5))
    kept = detector._watched["tickets", model.digest].newest
    assert len(kept) == 64
    assert all(each.keys() == {"request", "place", "summaries", "labels", "scores"} for each in kept)


def test_a_bundle_without_samples_is_not_watched(tmp_path: Path) -> None:
    detector = DriftDetector(SETTINGS)
    plain = load(vote_bundle(tmp_path / "plain", "single_label_classification"), threads=1)
    feed(detector, plain, ["money"])
    assert detector.own_verdicts() == {}


def test_the_state_outlives_the_process(model: Model, tmp_path: Path) -> None:
    texts = [*usual_texts(330, seed=5), *other_texts(330, seed=6)]
    whole = DriftDetector(SETTINGS)
    feed(whole, model, texts)
    for number in range(0, len(texts), 110):
        detector = DriftDetector(SETTINGS, DriftState(tmp_path))
        feed(detector, model, texts[number : number + 110])
        detector.close()
    again = DriftDetector(SETTINGS, DriftState(tmp_path))
    assert again.verdicts("tickets", model.digest) == again_without_times(whole, again, model)
    again.close()
    assert ((tmp_path / "drift").stat().st_mode & 0o777, (tmp_path / "drift" / "0.json").stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )


def again_without_times(whole: DriftDetector, again: DriftDetector, model: Model) -> list[object]:
    """The verdicts of one process, with the times of the other: the same texts came later."""
    other = {each.summary: each for each in again.verdicts("tickets", model.digest)}
    found: list[object] = []
    for each in whole.verdicts("tickets", model.digest):
        theirs = other[each.summary].alarm
        assert (each.alarm is None) == (theirs is None)
        assert (
            each.alarm is None
            or theirs is None
            or (each.alarm.since, each.alarm.raised) == (theirs.since, theirs.raised)
        )
        found.append(type(each)(each.summary, each.texts, theirs, each.distance))
    return found


def test_other_settings_begin_again(model: Model, tmp_path: Path) -> None:
    detector = DriftDetector(SETTINGS, DriftState(tmp_path))
    feed(detector, model, usual_texts(200, seed=5))
    detector.close()
    stricter = DriftDetector(DriftSettings(tolerance=0.05), DriftState(tmp_path))
    feed(stricter, model, usual_texts(64, seed=5))
    assert {each.texts for each in stricter.verdicts("tickets", model.digest)} == {64}
    stricter.close()


def test_processes_have_states_of_their_own_and_see_each_other(model: Model, tmp_path: Path) -> None:
    first, second = (DriftDetector(SETTINGS, DriftState(tmp_path)) for _ in range(2))
    feed(first, model, other_texts(600, seed=6))
    first.save()
    feed(second, model, usual_texts(64, seed=5))
    seen = {each.summary: each for each in second.verdicts("tickets", model.digest)}
    assert seen["tokens"].alarm is not None
    assert seen["tokens"].texts == 64 + 576  # whole blocks of 32
    event = DriftEvent("tickets", model.digest, True, 0.0, seen["tokens"].alarm, None, 0.1, 0.005)
    assert second.is_known_elsewhere(event)
    assert not first.is_known_elsewhere(event)
    first.close()
    assert not second.is_known_elsewhere(event)  # a process that ended has no say
    assert {each.texts for each in second.verdicts("tickets", model.digest)} == {64}
    third = DriftState(tmp_path)
    assert third.number == 0
    third.close()
    second.close()


DAMAGED = [
    b"",
    b"{",
    b"[]",
    b'{"format": 2}',
    b'{"format": 1, "tests": [{"last": 9e9}, 3]}',
    b'{"array": "object", "shape": [1], "data": ""}',
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_state_begins_again(content: bytes, model: Model, tmp_path: Path) -> None:
    (tmp_path / "drift").mkdir()
    (tmp_path / "drift" / "0.json").write_bytes(content)
    (tmp_path / "drift" / "1.json").write_bytes(content)
    detector = DriftDetector(SETTINGS, DriftState(tmp_path))
    feed(detector, model, usual_texts(64, seed=5))
    assert {each.texts for each in detector.verdicts("tickets", model.digest)} == {64}
    detector.close()


def test_a_damaged_part_of_a_state_begins_again(model: Model, tmp_path: Path) -> None:
    detector = DriftDetector(SETTINGS, DriftState(tmp_path))
    feed(detector, model, usual_texts(200, seed=5))
    detector.close()
    state = DriftState(tmp_path)
    content = state.read()
    content["tests"][0]["state"]["evidence"]["path"] = np.zeros((2, 2))
    content["tests"][0]["verdicts"][0].pop("texts")
    del content["format"]
    state.write(content)
    state.close()
    again = DriftDetector(SETTINGS, DriftState(tmp_path))
    feed(again, model, usual_texts(64, seed=5))
    assert {each.texts for each in again.verdicts("tickets", model.digest)} == {64}
    again.close()


def test_a_state_that_cannot_be_saved_is_saved_later(model: Model, tmp_path: Path) -> None:
    state = DriftState(tmp_path)
    detector = DriftDetector(SETTINGS, state)
    feed(detector, model, usual_texts(64, seed=5))
    shutil.rmtree(tmp_path / "drift")
    with pytest.raises(OSError, match="No such file"):
        detector.save()
    (tmp_path / "drift").mkdir()
    detector.close()
    assert state.path.is_file()
