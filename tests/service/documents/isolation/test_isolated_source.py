"""The process that reads: it gives what its reader gives, and nothing that happens to it harms its parent."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from office_files import pdf
from sample_files import OPENAI_BATCH, sample_files

from glossator.service.documents.isolation.isolated_source import IsolatedSource
from glossator.service.documents.record import Record
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.documents.sources.open_source import open_source
from glossator.service.errors import ConfigError, FileMissing, InputError, UndecodableFile

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and /proc of Linux")
ENDLESS = b"endless\n"
"""A text that the fixture `endless_parser` makes the parser of plain text never return from."""
ROWS = 30_000
SECONDS = 30.0
"""More than any step takes on a busy machine."""


def comparable(record: Record) -> tuple[int, str, object, str]:
    return record.line, repr(dict(record.fields)), record.error and record.error.to_dict(), record.raw


def isolated(path: Path) -> IsolatedSource:
    source = open_source(path)
    assert isinstance(source, IsolatedSource)
    return source


def wait_until_gone(pid: int) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z":  # a zombie whose parent was killed waits for the system
                time.sleep(0.02)
                continue
        return
    raise AssertionError(f"process {pid} is still there")


def child_of(parent: int) -> int:
    """Wait until a process has a child that has worked for a while, and return it."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent and int(fields[11]) > 50:  # hundredths of a second of processor time
                    return int(folder.name)
        time.sleep(0.02)
    raise AssertionError("there is no child")


@pytest.fixture
def endless_parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the processes that read a parser with an endless loop in native code."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "sitecustomize.py").write_text(
        "import re\n"
        "from glossator.service.documents.formats.plain_text import PlainTextSource\n"
        "read = PlainTextSource._records\n"
        "def records(source):\n"
        "    for record in read(source):\n"
        "        if record.fields.get('text') == 'endless':\n"
        "            re.match('(a+)+$', 'a' * 60 + 'b')\n"
        "        yield record\n"
        "PlainTextSource._records = records\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))


@pytest.mark.parametrize("name", sample_files())
def test_every_format_is_read_as_in_this_process(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(sample_files()[name])
    with open_reader(path) as here, open_source(path) as there:
        assert here.describe() == there.describe()
        assert here.all_decisions() == there.all_decisions()
        for attribute in ("format", "columns", "encoding", "delimiter", "table_dialect", "request_options"):
            assert getattr(here, attribute) == getattr(there, attribute)
        expected = [comparable(record) for record in here.records()]
        assert [comparable(record) for record in there.records()] == expected
        assert here.all_decisions() == there.all_decisions()
    assert expected


def test_annotations_requests_and_standard_input_arrive(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_bytes(sample_files()["a.conll"])
    with open_source(tmp_path / "a.conll", annotated=True, label_column="3") as source:
        assert (source.reads_label_column, source.columns[:2]) == (True, ("text", "spans"))
        assert [span["label"] for record in source.records() for span in record.fields["spans"]] == ["NP", "NP"]  # type: ignore[attr-defined]
    with open_source("-", format="openai-batch", stdin=io.BytesIO(OPENAI_BATCH)) as source:
        assert source.first_request is not None
        assert source.first_request["body"] == {"text": "late"}


def test_errors_keep_their_class_and_their_fields(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\none\n")
    with pytest.raises(FileMissing, match="no file") as missing:
        open_source(tmp_path / "b.csv")
    assert "Did you mean a.csv?" in str(missing.value.hint)
    with pytest.raises(ConfigError, match="invalid delimiter"):
        open_source(tmp_path / "a.csv", delimiter="\n")


def test_warnings_of_readers_are_logged_here(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("late").replace(b"startxref\n", b"startxref\n9"))
    with caplog.at_level(logging.WARNING), open_source(tmp_path / "a.pdf") as source:
        assert [record.fields["text"] for record in source.records()] == ["late"]
    assert "a.pdf: the PDF is damaged" in caplog.text


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that is not read to its end before the first rows are taken."""
    path = tmp_path / "large.jsonl"
    path.write_text(('{"text": "' + "late " * 30 + '"}\n') * ROWS)
    return path


@pytest.mark.parametrize("kind", [signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGKILL])
def test_a_parser_that_crashes_is_one_error_of_the_file(large: Path, kind: signal.Signals) -> None:
    with isolated(large) as source:
        records = source.records()
        next(records)
        os.kill(source.pid, kind)
        with pytest.raises(UndecodableFile) as caught:
            list(records)
    assert "large.jsonl" in caught.value.message
    assert caught.value.found == kind.name


def test_a_parser_that_waits_for_ever_is_one_error(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with isolated(large) as source:
        monkeypatch.setattr(source._process, "_wait_seconds", 1)
        records = source.records()
        next(records)
        os.kill(source.pid, signal.SIGSTOP)
        with pytest.raises(UndecodableFile, match="took too long") as caught:
            list(records)
    assert caught.value.found == "no progress in 1 s"
    assert "GLOSSATOR_READER_WAIT_SECONDS" in str(caught.value.hint)


@pytest.mark.usefixtures("endless_parser")
def test_a_parser_in_an_endless_loop_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_bytes(ENDLESS)
    monkeypatch.setenv("GLOSSATOR_READER_CPU_SECONDS", "1")
    source = open_source(tmp_path / "a.txt")
    with pytest.raises(UndecodableFile, match="too much processor time") as caught:
        list(source.records())
    assert caught.value.found == "no progress in 1 s of it"


def test_a_wrong_limit_is_named(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOSSATOR_READER_MEMORY_MB", "much")
    with pytest.raises(ConfigError, match="GLOSSATOR_READER_MEMORY_MB is not a valid limit"):
        open_source(large)


@pytest.mark.usefixtures("endless_parser")
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_document_that_ends_its_reader_is_a_row_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    files = {"a.csv": b"text\none\n", "b.txt": ENDLESS, "c.csv": b"text,n\ntwo,2\n", "e.txt": b"three\n"}
    monkeypatch.setenv("GLOSSATOR_READER_CPU_SECONDS", "1")
    (tmp_path / "in").mkdir()
    for name, data in files.items():
        (tmp_path / "in" / name).write_bytes(data)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    with open_source(tmp_path / ("in" if kind == "folder" else "in.zip")) as source:
        if kind == "folder":
            assert source.columns == ("text", "n", "_file")
        found = [(record.fields["_file"], record.fields.get("text"), record.error) for record in source.records()]
    assert [each[:2] for each in found] == [
        ("a.csv", "one"), ("b.txt", None), ("c.csv", "two"), ("e.txt", "three")
    ]  # fmt: skip
    assert found[1][2] is not None
    assert found[1][2].message == "reading b.txt took too much processor time"


def test_nothing_is_left_of_a_source(large: Path) -> None:
    def descriptors() -> set[str]:
        return set(os.listdir("/proc/self/fd"))

    def read(count: int) -> Iterator[int]:
        for _ in range(count):
            source = isolated(large)
            next(source.records())
            yield source.pid
            source.close()
            with pytest.raises(InputError):
                open_source(large, format="parquet")

    list(read(1))
    before = descriptors()
    for pid in list(read(2)):
        assert not Path(f"/proc/{pid}").exists()
    abandoned = isolated(large)
    pid = abandoned.pid
    del abandoned
    assert not Path(f"/proc/{pid}").exists()
    assert descriptors() == before


@pytest.mark.usefixtures("endless_parser")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_process_ends_with_its_parent_also_within_a_parser(tmp_path: Path, kind: signal.Signals) -> None:
    (tmp_path / "a.txt").write_bytes(ENDLESS)
    program = (
        "import signal, sys\n"
        "from glossator.service.documents.sources.open_source import open_source\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "list(open_source(sys.argv[1]).records())\n"
    )
    command = [sys.executable, "-c", program, tmp_path / "a.txt"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as parent:
        child = child_of(parent.pid)
        parent.send_signal(kind)
        assert parent.wait(SECONDS) != 0
        wait_until_gone(child)


def test_signals_to_the_whole_group_are_left_to_the_parent(large: Path) -> None:
    with isolated(large) as source:
        records = source.records()
        next(records)
        os.kill(source.pid, signal.SIGINT)
        os.kill(source.pid, signal.SIGTERM)
        assert sum(1 for _ in records) == ROWS - 1


def test_secrets_of_the_environment_stay_here(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOSSATOR_JOB_DATABASE", "postgresql://user:hunter2@host/jobs")
    monkeypatch.setenv("GLOSSATOR_READER_CPU_SECONDS", "50")
    with isolated(large) as source:
        environment = Path(f"/proc/{source.pid}/environ").read_bytes()
        limits = Path(f"/proc/{source.pid}/limits").read_text()
    assert b"hunter2" not in environment
    assert b"GLOSSATOR_READER_CPU_SECONDS=50" in environment
    assert {line.split()[-3] for line in limits.splitlines() if line.startswith(("Max core", "Max file size"))} == {"0"}
    assert str(2048 << 20) in limits


def test_modules_in_the_current_folder_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "a.txt").write_text("one\n")
    monkeypatch.chdir(tmp_path)
    with open_source("a.txt") as source:
        assert [record.fields["text"] for record in source.records()] == ["one"]
