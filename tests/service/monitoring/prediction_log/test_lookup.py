"""Single answers are found as by reading the whole log, without reading it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from property_profiles import examples

from glossator.service.errors import TextTooLong
from glossator.service.monitoring.prediction_log.erasures import erase
from glossator.service.monitoring.prediction_log.lookup import Wanted, find_answers
from glossator.service.monitoring.prediction_log.records import Served, hash_text
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.monitoring.prediction_log.writer import PredictionLog

REQUESTS, TEXTS, MODELS, KEYS = ("r", "r1", "r2"), ("a", "b"), ("tickets", "intents"), ("key:me", "key:you")
RECORDS = st.builds(
    lambda request, place, text, model, key, role, padding: {
        "time": "2026-01-01T00:00:00.000000Z",
        "request": request,
        "place": place,
        "model": model,
        "digest": "d" * 64,
        "key": key,
        "sha256": hash_text(text),
        # Escaped quotes: what a text contains is never taken for a field.
        "text": f'"request":"r2","sha256":"{hash_text("b")}"\n' + "x" * padding,
        **({"role": role} if role else {}),
    },
    st.sampled_from(REQUESTS),
    st.integers(0, 2),
    st.sampled_from(TEXTS),
    st.sampled_from(MODELS),
    st.sampled_from(KEYS),
    st.sampled_from(["", "", "shadow"]),
    st.integers(0, 300),
)
WANTED = st.builds(
    Wanted,
    request=st.sampled_from([None, *REQUESTS, "none"]),
    place=st.sampled_from([None, 0, 1, 2]),
    sha256=st.sampled_from([None, *map(hash_text, TEXTS), hash_text("none")]),
    model=st.sampled_from([None, *MODELS]),
    key=st.sampled_from([None, *KEYS]),
)


def record(number: int, **more: Any) -> dict[str, Any]:
    return {"time": "t", "request": f"r{number}", "place": 0, "model": "m", "digest": "d", "sha256": "", **more}


def write(folder: Path, segments: list[list[dict[str, Any]]], separators: tuple[str, str]) -> None:
    for path in folder.glob("*.jsonl"):
        path.unlink()
    for number, records in enumerate(segments):
        lines = [json.dumps(record, separators=separators) + "\n" for record in records]
        (folder / f"2026-01-0{number + 1}T000000Z-1-a.jsonl").write_text("".join(lines) + '{"request":"r1","to')


@given(
    segments=st.lists(st.lists(RECORDS, max_size=8), max_size=3),
    wanted=st.lists(WANTED, min_size=1, max_size=6),
    block_bytes=st.integers(64, 2_000),
    separators=st.sampled_from([(",", ":"), (", ", ": ")]),
)
@hypothesis_settings(max_examples=examples(150))
def test_answers_are_those_that_reading_everything_finds(
    tmp_path_factory: pytest.TempPathFactory,
    segments: list[list[dict[str, Any]]],
    wanted: list[Wanted],
    block_bytes: int,
    separators: tuple[str, str],
) -> None:
    folder = tmp_path_factory.getbasetemp() / "lookup"
    folder.mkdir(exist_ok=True)
    write(folder, segments, separators)
    newest_first = [record for records in reversed(segments) for record in reversed(records)]
    expected = [
        next((record for record in newest_first if _is(record, each)), None)
        if each.request is not None or each.sha256 is not None
        else None
        for each in wanted
    ]
    assert find_answers(folder, wanted, block_bytes=block_bytes) == expected


def _is(record: dict[str, Any], wanted: Wanted) -> bool:
    return (
        "role" not in record
        and wanted.request in (None, record["request"])
        and wanted.place in (None, record["place"])
        and wanted.sha256 in (None, record["sha256"])
        and wanted.model in (None, record["model"])
        and wanted.key in (None, record["key"])
    )


def test_many_answers_are_found_in_one_pass(tmp_path: Path) -> None:
    records = [record(number, sha256=hash_text(str(number))) for number in range(3_000)]
    write(tmp_path, [records[:1_500], records[1_500:]], (",", ":"))
    wanted = [Wanted(request=f"r{number}", place=0) for number in range(0, 3_000, 3)]
    found = find_answers(tmp_path, wanted)
    assert [None if each is None else each["request"] for each in found] == [each.request for each in wanted]
    assert find_answers(tmp_path, [Wanted(request="x" * 128), Wanted(request='"'), Wanted()]) == [None, None, None]


def test_only_the_newest_part_of_the_log_is_searched(tmp_path: Path) -> None:
    records = [record(number) for number in range(1_000)]
    write(tmp_path, [records], (",", ":"))
    first, last = Wanted(request="r0"), Wanted(request="r999")
    assert find_answers(tmp_path, [first, last], most_bytes=10_000, block_bytes=1_000) == [None, records[-1]]
    assert find_answers(tmp_path, [first], block_bytes=1_000) == [records[0]]
    assert find_answers(tmp_path, [first], until=time.monotonic() - 1.0) == [None]


def test_lines_that_are_no_answers_are_left_out(tmp_path: Path) -> None:
    lines = ['{"request":"r1"}', '["request","r1"]', '{"request":"r1",', json.dumps(record(1)), '"request":"r1"']
    (tmp_path / "2026-01-01T000000Z-1-a.jsonl").write_text("".join(line + "\n" for line in lines))
    assert find_answers(tmp_path, [Wanted(request="r1")]) == [record(1)]


def test_texts_that_do_not_fit_into_memory_are_an_error(tmp_path: Path) -> None:
    text = "x" * 500
    write(tmp_path, [[record(number, text=text) for number in range(2)]], (",", ":"))
    assert find_answers(tmp_path, [Wanted(request="r0")], most_found_bytes=1_000) != [None]
    with pytest.raises(TextTooLong):
        find_answers(tmp_path, [Wanted(request="r0"), Wanted(request="r1")], most_found_bytes=1_000)


def test_answers_of_a_running_server_are_found_until_they_are_erased(
    settings: LogSettings, make_served: Callable[..., Served]
) -> None:
    log = PredictionLog(settings)
    log.start()
    log.add(make_served("money", "the parcel", request="mine"))
    log.close()
    (found,) = find_answers(settings.folder, [Wanted(request="mine", place=1)])
    assert found is not None
    assert (found["text"], found["sha256"]) == ("the parcel", hash_text("the parcel"))
    erase(settings.folder, text_hashes=[hash_text("the parcel")])
    assert find_answers(settings.folder, [Wanted(request="mine", place=1)]) == [None]
    assert find_answers(settings.folder, [Wanted(sha256=hash_text("money"))])[0] is not None
