"""Jobs, parts and replies arrive unchanged as JSON lines, and anything else is refused."""

from __future__ import annotations

import json

import pytest

from glossator.service.documents.isolation.messages import DamagedMessage
from glossator.service.errors import ConfigError, Fault, GlossatorError, JobError, UnknownColumn
from glossator.service.labelling.file_labelling import FileLabelling, InputOptions, ZeroShotOptions
from glossator.service.labelling.partitions.manifest import PartRecord
from glossator.service.labelling.partitions.part import InputFile, Part
from glossator.service.labelling.partitions.part_worker import PartsJob
from glossator.service.labelling.partitions.worker_messages import (
    decode_job,
    decode_part,
    decode_reply,
    encode_job,
    encode_part,
    encode_reply,
)
from glossator.service.labelling.row_labelling import RowSelection
from glossator.service.labelling.summary import RowCounts

ODD_NAME = "a\n\udcff \u2028é.jsonl"
"""A line break, a byte that is not UTF-8, a separator of lines, a letter that is not ASCII."""
PARTS = [
    Part(0, InputFile(ODD_NAME, 2**40, "1.5")),
    Part(70_000, InputFile("s3://b/a.csv", 9, '"etag"'), "bytes", 3, 2**40, "n,text\r\n"),
    Part(1, InputFile("a.parquet", 9, ""), "row groups", 2, 5),
]
RECORD = PartRecord(7, "part-00007.jsonl", 12, "ab" * 32, RowCounts(5, 9, 6, 1, {"empty-text": 2}), 0.1 + 0.2)
JOBS = [
    PartsJob("in", "out", ".jsonl", FileLabelling(source="", output=""), {}),
    PartsJob(
        ODD_NAME,
        "s3://b/out",
        ".csv",
        FileLabelling(
            source="",
            output="",
            input_options=InputOptions("csv", "utf-8", ";", True, quotes="csv"),
            text_column="text",
            second_column="title",
            task_options={"threshold": 0.1, "empty_sets": True, "coverage": None},
            zero_shot=ZeroShotOptions(("a", "b"), "About {}."),
            selection=RowSelection(5, 0.3, 2),
            max_error_rate=0.25,
        ),
        {"cost": {"call": 1e-300, "token": 0.1 + 0.2, "square": float("inf")}},
    ),
]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_arrives_unchanged(part: Part) -> None:
    line = encode_part(part)
    assert line.count(b"\n") == 1
    assert decode_part(line) == part


@pytest.mark.parametrize("job", JOBS)
def test_a_job_arrives_unchanged(job: PartsJob) -> None:
    line = encode_job(job)
    assert line.count(b"\n") == 1
    assert decode_job(line) == job


@pytest.mark.parametrize("line", [b"{}\n", b"[]\n", b'{"labelling": 5}\n', encode_job(JOBS[0])[:-9]])
def test_another_job_is_refused(line: bytes) -> None:
    with pytest.raises(DamagedMessage):
        decode_job(line)


def test_a_record_arrives_unchanged() -> None:
    assert decode_reply(encode_reply(RECORD)) == RECORD


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("no\nsuch \udcff", found="a", expected="b", hint="c"),
        UnknownColumn("no column"),
        JobError("two faults", faults=[Fault("a", "b", "c"), Fault("d", "e")]),
    ],
)
def test_an_error_arrives_with_its_class_and_fields(error: GlossatorError) -> None:
    line = encode_reply(error)
    assert line.count(b"\n") == 1
    found = decode_reply(line)
    assert isinstance(found, type(error))
    assert found.to_dict() == error.to_dict()


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"[]\n",
        b"{\n",
        b"[" * 100_000,
        b"\x80\x04.\n",
        b'{"other": 1}\n',
        b'{"record": 5}\n',
        b'{"record": {"index": 1}}\n',
        b'{"error": {"code": "no-such-code", "message": "m"}}\n',
        json.dumps({"record": {"index": "x", "output": 5}}).encode(),
        encode_part(PARTS[0]),
    ],
)
def test_another_reply_is_refused(line: bytes) -> None:
    with pytest.raises(DamagedMessage):
        decode_reply(line)


def test_a_part_of_an_unknown_unit_is_refused() -> None:
    fields = json.loads(encode_part(PARTS[0])) | {"unit": "pages"}
    with pytest.raises(DamagedMessage):
        decode_part(json.dumps(fields).encode())
