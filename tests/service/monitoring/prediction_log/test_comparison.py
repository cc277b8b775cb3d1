"""The comparison of what shadows answered with what callers got."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from glossator.service.monitoring.prediction_log.comparison import compare_shadows
from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader, log_statistics
from glossator.service.monitoring.prediction_log.records import Served
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.statistics.share_interval import share_interval


def write(folder: Path, *records: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "2026-11-29T120000.000000Z-1-00000000.jsonl").open("a") as file:
        for record in records:
            file.write(json.dumps(record) + "\n")


def answer(number: int, label: str, *, text: str = "", digest: str = "aa", **more: Any) -> dict[str, Any]:
    return {
        "time": f"2026-11-29T12:{number // 60:02}:{number % 60:02}.000000Z",
        "request": f"r{number}",
        "place": 0,
        "model": "tickets",
        "digest": digest,
        "sha256": text or f"{number:064x}",
        "labels": [label],
    } | more


def shadow(number: int, label: str, **more: Any) -> dict[str, Any]:
    return answer(number, label, **{"digest": "bb", "role": "shadow"} | more)


def test_records_of_shadows_are_read_only_if_asked(tmp_path: Path) -> None:
    write(tmp_path, answer(1, "x"), shadow(1, "y"), answer(2, "x", role="served"))
    read = {role: [record["labels"] for record in LogReader(tmp_path, LogFilter(role=role))]
            for role in ("served", "shadow", None)}  # fmt: skip
    assert read == {"served": [["x"], ["x"]], "shadow": [["y"]], None: [["x"], ["y"], ["x"]]}
    assert [(each.digest, each.records) for each in log_statistics(tmp_path).models] == [("aa", 2)]


def test_answers_are_joined_whatever_their_order(tmp_path: Path) -> None:
    records = [answer(n, "x") for n in range(100)] + [shadow(n, "y" if n < 10 else "x") for n in range(50)]
    records += [shadow(n, "x", digest="cc") for n in range(20)] + [shadow(900, "y")]  # the served one was dropped
    random.Random(3).shuffle(records)
    write(tmp_path, *records)
    found = {each.challenger: each for each in compare_shadows(tmp_path)}
    assert {name: (each.compared, each.disagreements) for name, each in found.items()} == {
        "bb": (50, 10),
        "cc": (20, 0),
    }
    assert found["bb"].share == 0.2
    assert found["bb"].interval == pytest.approx(share_interval(0.2, 50))
    assert compare_shadows(tmp_path, LogFilter(model="other")) == []
    assert compare_shadows(tmp_path, LogFilter(digest="ab")) == []
    assert sum(each.compared for each in compare_shadows(tmp_path, LogFilter(digest="a"))) == 70


def test_a_request_id_that_clients_used_twice_does_not_mix_texts(tmp_path: Path) -> None:
    write(tmp_path, answer(1, "x", text="t1"), answer(1, "y", text="t2"), shadow(1, "x", text="t1"),
          shadow(1, "y", text="t2"))  # fmt: skip
    (found,) = compare_shadows(tmp_path)
    assert (found.compared, found.disagreements) == (2, 0)


def test_one_frequent_text_is_one_draw(tmp_path: Path) -> None:
    """100 answers to one text say as much about other texts as one answer."""
    for number in range(100):
        write(tmp_path, answer(number, "x", text="same"), shadow(number, "y", text="same"))
    (found,) = compare_shadows(tmp_path)
    assert (found.compared, found.share) == (100, 1.0)
    assert found.interval == pytest.approx(share_interval(1.0, 1.0))


def test_the_interval_contains_the_share_about_as_often_as_it_says() -> None:
    generator = random.Random(1)
    for share, size in ((0.02, 400), (0.1, 100), (0.5, 30)):
        inside = 0
        for _ in range(2_000):
            found = sum(generator.random() < share for _ in range(size)) / size
            low, high = share_interval(found, size)
            inside += low <= share <= high
        assert inside / 2_000 > 0.92  # Wilson's interval is about right, not conservative
    assert share_interval(0.0, 0.0) == (0.0, 1.0)


@pytest.fixture
def log(settings: LogSettings) -> Iterator[PredictionLog]:
    log = PredictionLog(settings)
    log.start()
    yield log
    log.close()


def test_an_observer_sees_what_is_logged_except_shadows(
    log: PredictionLog, settings: LogSettings, make_served: Callable[..., Served]
) -> None:
    seen: list[tuple[str, int]] = []

    def fail(served: Served, records: object) -> None:
        raise RuntimeError("an observer with a bug")

    log.observe(fail)
    log.observe(lambda served, records: seen.extend((served.request, record["place"]) for record in records))
    log.add(make_served("one", "", "three", request="a"))
    log.add(make_served("one", request="b")._replace(role="shadow", places=[4]))
    log.close()
    assert seen == [("a", 0), ("a", 2)]
    records = list(LogReader(settings.folder, LogFilter(role=None)))
    assert [(each["request"], each["place"], each.get("role")) for each in records] == [
        ("a", 0, None), ("a", 2, None), ("b", 4, "shadow"),
    ]  # fmt: skip
