from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from glossator.service.documents.isolation.messages import (
    HEADER,
    DamagedMessage,
    MessageEncoder,
    decode,
    error_of,
    record_of,
    row_of,
)
from glossator.service.documents.record import Record
from glossator.service.errors import ConfigError, Fault, UndecodableFile, UnreadableRow


def passed(value: object) -> Any:
    encoder = MessageEncoder()
    frame = encoder.frame(encoder.encode(value))
    has_types, size = HEADER.unpack_from(frame)
    assert size == len(frame) - HEADER.size
    return decode(frame[HEADER.size :], has_types=bool(has_types))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a\x00\ud83d\ude00 \u2028\U0001f600",
        "\udcff",
        -0.0,
        0.1,
        1e300,
        math.inf,
        True,
        None,
        2**63,
        -(10**4000),
        Decimal("1.10"),
        Decimal("NaN"),
        datetime(2024, 1, 2, 3, 4, 5, 6),
        datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        date(1, 1, 1),
        time(23, 59, 59, 999999, tzinfo=UTC),
        timedelta(days=-1, microseconds=1),
        b"\x00\xff",
        {"a": [1, [Decimal(1), {"b": b"x"}]], "": {}},
        ["datetime", "x"],
        {"key": ["decimal", "1"]},
    ],
    ids=repr,
)
def test_values_arrive_unchanged(value: object) -> None:
    found = passed({"value": value, "other": 1})["value"]
    assert type(found) is type(value)
    assert str(found) == str(value)
    assert json.dumps(found, default=str) == json.dumps(value, default=str)


def test_nan_arrives_as_nan() -> None:
    assert math.isnan(passed(math.nan))


def test_tuples_become_lists_and_unknown_values_their_text() -> None:
    assert passed([("a", 1), 1j]) == [["a", 1], "1j"]


def test_a_row_that_looks_like_a_typed_value_stays_a_row() -> None:
    encoder = MessageEncoder()
    imitation = {"0123456789abcdef": ["bytes", "AA=="]}
    frame = encoder.frame(encoder.encode([imitation, Decimal(1)]))
    assert decode(frame[HEADER.size :], has_types=True) == [imitation, Decimal(1)]


def test_records_and_their_errors_keep_all_fields() -> None:
    fault = UnreadableRow("line 1: bad", found="x", expected="y", hint="z", faults=[Fault("a", "b", "c")])
    found = record_of(passed(row_of(Record(1, {"a": None}, fault, "raw"))))
    assert (found.line, found.fields, found.raw) == (1, {"a": None}, "raw")
    assert type(found.error) is UnreadableRow
    assert found.error.to_dict() == fault.to_dict()
    assert record_of(passed(row_of(Record(2, {"a": 1})))) == Record(2, {"a": 1})


@pytest.mark.parametrize("kind", [ConfigError, UndecodableFile])
def test_errors_keep_their_class(kind: type[ConfigError | UndecodableFile]) -> None:
    assert type(error_of(passed(kind("message").to_dict()))) is kind


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b'{"a":1', b'["k"', b'["k",{"k":["bytes","!"]}]', b'["k",{"k":["eval","1"]}]', b"[" * 9999],
)
def test_a_body_that_no_reader_sends_is_refused(body: bytes) -> None:
    with pytest.raises(DamagedMessage):
        decode(body, has_types=True)


WRONG_CLASS = {"code": "config-error", "message": ""}


@pytest.mark.parametrize(
    "row",
    [None, 1, [], [1], ["1", {}], [1, []], [1, {}, {"code": "x"}, ""], [1, {}, None, 5], [1, {}, WRONG_CLASS, ""]],
)
def test_a_row_that_no_reader_sends_is_refused(row: object) -> None:
    with pytest.raises(DamagedMessage):
        record_of(row)
