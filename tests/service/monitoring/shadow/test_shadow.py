"""The shadow answers what it was given, only while the server is idle, and counts what it did not answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from vote_bundle import LABELS, vote_bundle

from glossator.service.inference.model import Model, load
from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader
from glossator.service.monitoring.prediction_log.records import Served
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.monitoring.shadow import shadow as shadow_module
from glossator.service.monitoring.shadow.shadow import Shadow
from glossator.service.monitoring.traffic_shares import TrafficShare, position
from glossator.service.tasks.options import DEFAULTS, DecodeOptions


class FixedTarget:
    """A version that does not change."""

    def __init__(self, model: Model | None, share: float = 1.0, *, is_missing: bool = False) -> None:
        self.share = TrafficShare("intents", "challenger", share)
        self.is_missing = is_missing
        self.problem = None
        self._model = model

    def model(self) -> Model | None:
        return self._model


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(vote_bundle(tmp_path_factory.mktemp("champion") / "intents", "multi_label_classification"), threads=1)


@pytest.fixture(scope="module")
def challenger(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("challenger") / "intents"
    return load(vote_bundle(folder, "multi_label_classification", labels=LABELS), threads=1)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLog]:
    log = PredictionLog(LogSettings(folder=tmp_path / "log", free_bytes=0))
    yield log
    log.close()


@pytest.fixture
def served(champion: Model) -> Callable[..., Served]:
    def make(*texts: str, options: DecodeOptions = DEFAULTS, **more: Any) -> Served:
        fields: dict[str, Any] = {
            "time": 1_767_323_045.5, "request": "r1", "model": "intents", "version": None, "digest": champion.digest,
            "route": "/v1/models/{name}/predict", "key": "local", "seconds": 0.01, "texts": list(texts),
            "answers": champion.predict(list(texts), threshold=options.threshold), "options": options,
        }  # fmt: skip
        return Served(**fields | more)

    return make


def run(log: PredictionLog, shadow: Shadow, *requests: Served) -> list[dict[str, Any]]:
    """Log requests, let the shadow answer what it accepted, and return its records."""
    log.start()
    shadow.start()
    for each in requests:
        log.add(each)
    wait_until(lambda: log.status.written >= sum(len(each.texts) for each in requests))
    wait_until(lambda: not shadow.waiting)
    shadow.close()
    log.close()
    return records(log)


def records(log: PredictionLog) -> list[dict[str, Any]]:
    return list(LogReader(log.settings.folder, LogFilter(role="shadow")))


def wait_until(check: Callable[[], object]) -> None:
    end = time.monotonic() + 30.0
    while not check():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_answers_of_the_challenger_are_logged_with_the_place_of_the_text(
    log: PredictionLog, champion: Model, challenger: Model, served: Callable[..., Served]
) -> None:
    texts = [f"{word} {number}" for number in range(20) for word in ("money", "the parcel", "thanks")]
    shadow = Shadow([FixedTarget(challenger, 0.4)], lambda: True, log, seed=7)
    request = served(*texts, request="abc", key="ours", route="/hf/{name}")
    found = run(log, shadow, request)
    served_records = {each["place"]: each for each in LogReader(log.settings.folder)}
    chosen = [place for place, each in served_records.items() if position(each["sha256"], use="shadow", seed=7) < 0.4]
    assert 10 < len(chosen) < 50
    assert [each["place"] for each in found] == chosen
    for each in found:
        (expected,) = challenger.predict([texts[each["place"]]])
        theirs = served_records[each["place"]]
        assert set(each["labels"]) == set(expected.labels)  # type: ignore[union-attr]
        assert each["digest"] == challenger.digest
        assert each["role"] == "shadow"
        for name in ("request", "sha256", "model", "key", "route", "time"):
            assert each[name] == theirs[name]
    counts = shadow.counts[0]
    assert (counts.answers, counts.compared, sum(counts.dropped.values())) == (len(chosen), len(chosen), 0)
    differ = sum(set(each["labels"]) != set(served_records[each["place"]]["labels"]) for each in found)
    assert counts.disagreements == differ > 0
    assert counts.seconds > 0.0


def test_the_options_of_the_request_count_for_the_shadow(
    log: PredictionLog, challenger: Model, served: Callable[..., Served]
) -> None:
    options = DecodeOptions(threshold=0.01)
    (found,) = run(log, Shadow([FixedTarget(challenger)], lambda: True, log), served("money", options=options))
    (expected,) = challenger.predict(["money"], threshold=0.01)
    assert set(found["labels"]) == set(expected.labels)  # type: ignore[union-attr]
    assert len(found["labels"]) > len(challenger.predict(["money"])[0].labels)  # type: ignore[union-attr]


def test_equal_texts_are_treated_equally(log: PredictionLog, challenger: Model, served: Callable[..., Served]) -> None:
    requests = [served("money", "parcel", "thanks", "money", request=f"r{number}") for number in range(5)]
    found = run(log, Shadow([FixedTarget(challenger, 0.5)], lambda: True, log), *requests)
    answered = {each["sha256"] for each in found}
    assert len(found) == sum(each["sha256"] in answered for each in LogReader(log.settings.folder))


def test_other_models_versions_by_name_and_the_challenger_itself_are_left_out(
    log: PredictionLog, challenger: Model, served: Callable[..., Served]
) -> None:
    shadow = Shadow([FixedTarget(challenger)], lambda: True, log)
    others = [
        served("money", model="other"), served("money", version="champion"),
        served("money", digest=challenger.digest),
    ]  # fmt: skip
    assert run(log, shadow, *others) == []
    assert sum(shadow.counts[0].dropped.values()) == 0


def test_a_version_that_is_not_loaded_drops_and_no_version_does_not(
    log: PredictionLog, served: Callable[..., Served]
) -> None:
    shadow = Shadow([FixedTarget(None, is_missing=True), FixedTarget(None)], lambda: True, log)
    assert run(log, shadow, served("money", "parcel")) == []
    assert [each.dropped["not-loaded"] for each in shadow.counts] == [2, 0]


def test_nothing_runs_while_requests_need_the_processor(
    log: PredictionLog, challenger: Model, served: Callable[..., Served]
) -> None:
    idle = threading.Event()
    looks: list[bool] = []

    def is_idle() -> bool:
        looks.append(idle.is_set())
        return looks[-1]

    shadow = Shadow([FixedTarget(challenger)], is_idle, log)
    before = challenger.batcher.totals.batches
    log.start()
    shadow.start()
    log.add(served("money"))
    wait_until(lambda: len(looks) > 5)
    assert challenger.batcher.totals.batches == before
    idle.set()
    wait_until(lambda: shadow.counts[0].answers == 1)
    shadow.close()
    assert challenger.batcher.totals.batches == before + 1


def test_a_long_text_runs_in_small_batches(
    log: PredictionLog, challenger: Model, served: Callable[..., Served]
) -> None:
    """Between two batches, requests go first."""
    looks: list[int] = []
    before = challenger.batcher.totals.batches

    def is_idle() -> bool:
        looks.append(challenger.batcher.totals.batches)
        return True

    text = "the parcel " * 2_000
    (found,) = run(log, Shadow([FixedTarget(challenger)], is_idle, log), served(text))
    assert found["tokens"] == 4_000
    batches = challenger.batcher.totals.batches - before
    assert batches >= 4_000 * 1.2 / 512
    assert len(set(looks)) >= batches


def test_a_full_queue_drops_and_counts(
    log: PredictionLog, challenger: Model, served: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow_module, "MOST_TEXTS", 3)
    shadow = Shadow([FixedTarget(challenger)], lambda: False, log)
    log.start()
    shadow.start()
    for number in range(4):
        log.add(served("money", "parcel", request=f"r{number}"))
    wait_until(lambda: shadow.counts[0].dropped["full"] == 6)
    shadow.close()
    log.close()
    assert shadow.counts[0].dropped["stopping"] == 2
    assert len(list(LogReader(log.settings.folder))) == 8  # the log has lost nothing
    assert records(log) == []


def test_texts_beyond_the_limits_are_dropped(
    log: PredictionLog, challenger: Model, served: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow_module, "LONGEST_TEXT", 20)
    shadow = Shadow([FixedTarget(challenger)], lambda: True, log)
    found = run(log, shadow, served("money " * 10, "money"))
    assert [each["place"] for each in found] == [1]
    assert shadow.counts[0].dropped["too-long"] == 1


def test_a_challenger_that_fails_is_counted_and_the_next_text_is_tried(
    log: PredictionLog, challenger: Model, served: Callable[..., Served]
) -> None:
    options = DecodeOptions(coverage=0.9)  # an option that a model with several labels refuses
    shadow = Shadow([FixedTarget(challenger)], lambda: True, log)
    found = run(log, shadow, served("money")._replace(options=options), served("parcel", request="r2"))
    assert [each["request"] for each in found] == ["r2"]
    assert (shadow.counts[0].dropped["failed"], shadow.counts[0].answers) == (1, 1)


def test_closing_does_not_wait_for_idle_time(
    log: PredictionLog, challenger: Model, served: Callable[..., Served]
) -> None:
    shadow = Shadow([FixedTarget(challenger)], lambda: False, log)
    log.start()
    shadow.start()
    log.add(served("money", "parcel"))
    wait_until(lambda: log.status.written == 2)
    shadow.close()
    log.add(served("money"))  # while the log is being written to the end
    log.close()
    assert shadow.counts[0].dropped["stopping"] == 3
    assert records(log) == []


def test_the_shadow_goes_on_when_its_version_cannot_be_found_for_a_moment(
    log: PredictionLog, challenger: Model, served: Callable[..., Served]
) -> None:
    class Flickering(FixedTarget):
        failed = False

        def model(self) -> Model | None:
            if not self.failed:
                self.failed = True
                raise OSError("the folder is away")
            return super().model()

    target = Flickering(challenger)
    shadow = Shadow([target], lambda: True, log)
    shadow.start()
    wait_until(lambda: target.failed)
    shadow.observe(served("money"), [{"place": 0, "sha256": "a", "labels": []}])
    wait_until(lambda: shadow.counts[0].answers == 1)
    shadow.close()
