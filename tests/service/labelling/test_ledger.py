from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glossator.service.documents.row_formats import CsvFormat, JsonlFormat
from glossator.service.errors import ConfigError, JobError, OutputError
from glossator.service.labelling.ledger import Ledger, ledger_folder
from glossator.service.labelling.summary import RowCounts

IDENTITY = {"input": "sha256 aa", "model": "bb"}
ROW_FORMAT = JsonlFormat([])
ONE = RowCounts(rows=1, tokens=2, windows=1)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def open_ledger(output: Path, identity: dict[str, Any] | None = None, **options: Any) -> Ledger:
    return Ledger(output, IDENTITY if identity is None else identity, {"cost": 1}, **options)


def fill(output: Path, parts: list[bytes]) -> None:
    with open_ledger(output) as ledger:
        for index, part in enumerate(parts):
            ledger.put(index, part, ONE)


def test_parts_become_the_output_and_nothing_else_is_left(output: Path) -> None:
    with open_ledger(output) as ledger:
        ledger.put(0, b"a\n", ONE)
        ledger.put(1, b"b\n", ONE)
        assert not output.exists()
        ledger.finish(ROW_FORMAT)
    assert output.read_bytes() == b"a\nb\n"
    assert [path.name for path in output.parent.iterdir()] == ["out.jsonl"]


def test_finished_chunks_are_resumed_with_their_counts_and_batch_costs(output: Path) -> None:
    fill(output, [b"a\n", b"b\n"])
    with Ledger(output, IDENTITY, {"cost": 2}) as ledger:
        assert ledger.resumed
        assert ledger.done == {0: ONE, 1: ONE}
        assert ledger.batch_costs == {"cost": 1}
        ledger.put(2, b"c\n", ONE)
        ledger.finish(ROW_FORMAT)
    assert output.read_bytes() == b"a\nb\nc\n"


def test_the_output_has_a_header_and_is_compressed(output: Path) -> None:
    import gzip

    with open_ledger(output) as ledger:
        ledger.put(0, b"x\n", ONE)
        ledger.finish(CsvFormat(["text"]), codec=".gz")
    assert gzip.decompress(output.read_bytes()) == b"text\nx\n"


@settings(deadline=None)  # flushing to disk may take long
@given(cut=st.integers(0, 2_000), garbage=st.binary(max_size=20))
def test_a_truncated_ledger_is_resumed_from_its_complete_lines(
    tmp_path_factory: pytest.TempPathFactory, cut: int, garbage: bytes
) -> None:
    output = tmp_path_factory.mktemp("ledger") / "out"
    fill(output, [b"a\n", b"b\n", b"c\n"])
    file = ledger_folder(output) / "ledger.jsonl"
    lines = file.read_bytes()
    kept = lines[: min(cut, len(lines))]
    file.write_bytes(kept + garbage.replace(b"\n", b""))
    with open_ledger(output) as ledger:
        assert sorted(ledger.done) == list(range(max(0, kept.count(b"\n") - 1)))
        for index in range(3):
            if index not in ledger.done:
                ledger.put(index, b"abc"[index : index + 1] + b"\n", ONE)
        ledger.finish(ROW_FORMAT)
    assert output.read_bytes() == b"a\nb\nc\n"


@pytest.mark.parametrize("damage", ["gone", "cut", "changed"])
def test_a_changed_part_is_computed_again(output: Path, damage: str) -> None:
    fill(output, [b"first\n", b"second\n"])
    part = ledger_folder(output) / "00000000.part"
    if damage == "gone":
        part.unlink()
    else:
        part.write_bytes(b"fir" if damage == "cut" else b"other\n")
    with open_ledger(output) as ledger:
        assert set(ledger.done) == {1}


def test_files_that_are_not_in_the_ledger_are_removed(output: Path) -> None:
    fill(output, [b"a\n"])
    for name in ("00000001.tmp", "00000007.part", "complete"):
        (ledger_folder(output) / name).write_bytes(b"half")
    with open_ledger(output):
        assert {path.name for path in ledger_folder(output).iterdir()} == {"ledger.jsonl", "00000000.part"}


def test_a_ledger_with_other_options_is_refused_with_each_difference(output: Path) -> None:
    fill(output, [b"a\n"])
    with pytest.raises(ConfigError, match="with other options") as caught:
        open_ledger(output, {"input": "sha256 cc", "model": "bb", "options": {"threshold": 0.5}})
    message = str(caught.value)
    assert "input: then sha256 aa, now sha256 cc" in message
    assert 'options: then nothing, now {"threshold": 0.5}' in message
    assert "model" not in [fault.where for fault in caught.value.faults]
    with open_ledger(output, {"input": "sha256 cc"}, fresh=True) as ledger:
        assert (ledger.done, ledger.resumed) == ({}, False)


def test_a_ledger_of_another_version_is_refused(output: Path) -> None:
    fill(output, [])
    file = ledger_folder(output) / "ledger.jsonl"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99}) + "\n")
    with pytest.raises(ConfigError, match="another version"):
        open_ledger(output)


def test_two_processes_cannot_write_one_output(output: Path) -> None:
    with open_ledger(output), pytest.raises(JobError, match="another process"):
        open_ledger(output)
    open_ledger(output).close()


def test_a_file_that_appeared_at_the_output_meanwhile_is_kept(output: Path) -> None:
    fill(output, [b"a\n"])
    output.write_text("precious")
    with open_ledger(output) as ledger, pytest.raises(OutputError, match="exists already"):
        ledger.finish(ROW_FORMAT)
    assert output.read_text() == "precious"
    with open_ledger(output) as ledger:
        assert set(ledger.done) == {0}
        ledger.finish(ROW_FORMAT, overwrite=True)
    assert output.read_bytes() == b"a\n"


def test_an_interruption_after_the_rename_is_completed(output: Path) -> None:
    fill(output, [b"a\n"])
    kept = {file.name: file.read_bytes() for file in ledger_folder(output).iterdir()}
    with open_ledger(output) as ledger:
        ledger.finish(ROW_FORMAT)
    digest = hashlib.sha256(output.read_bytes()).hexdigest()
    ledger_folder(output).mkdir()
    line = json.dumps({"finished": digest}).encode() + b"\n"
    (ledger_folder(output) / "ledger.jsonl").write_bytes(kept["ledger.jsonl"] + line)  # the parts were removed before
    with open_ledger(output) as ledger:
        assert ledger.done == {0: ONE}
        ledger.finish(ROW_FORMAT)
    assert output.read_bytes() == b"a\n"
    assert not ledger_folder(output).exists()


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "out"
    os.symlink(tmp_path / "there" / "real", link)
    assert ledger_folder(link) == tmp_path / "there" / "real.unfinished"
    with open_ledger(link) as ledger:
        ledger.put(0, b"a\n", ONE)
        ledger.finish(ROW_FORMAT)
    assert link.is_symlink()
    assert (tmp_path / "there" / "real").read_bytes() == b"a\n"


SMALL_DISK = """
import resource, signal, sys
from glossator.service.documents.row_formats import JsonlFormat
from glossator.service.errors import OutputError
from glossator.service.labelling.ledger import Ledger
from glossator.service.labelling.summary import RowCounts

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
with Ledger(sys.argv[1], {"input": "sha256 aa", "model": "bb"}, {"cost": 1}) as ledger:
    ledger.put(0, b"a\\n", RowCounts(rows=1, tokens=2, windows=1))
    ledger.put(1, b"x" * 6_000, RowCounts(rows=1))
    try:
        ledger.finish(JsonlFormat([]))
    except OutputError as error:
        print(error)
"""


def test_a_full_disk_raises_output_error_and_keeps_finished_chunks(output: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    ran = subprocess.run([sys.executable, "-c", SMALL_DISK, output], cwd=root, capture_output=True, text=True)
    assert "the output cannot be written" in ran.stdout, ran.stderr
    assert "1 chunks are kept" in ran.stdout
    with open_ledger(output) as ledger:
        assert set(ledger.done) == {0}
        ledger.put(1, b"b\n", ONE)
        ledger.finish(ROW_FORMAT)
    assert output.read_bytes() == b"a\nb\n"


def test_a_folder_that_cannot_be_created_raises_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written") as caught:
        open_ledger(tmp_path / "nowhere" / "out")
    assert "Make its folder first" in str(caught.value)
