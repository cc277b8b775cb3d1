from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.row_formats import CsvLayout, JsonlLayout
from glossator.service.errors import ConfigError, JobError, OutputError
from glossator.service.labelling.ledger import Ledger, folder_of
from glossator.service.labelling.summary import Counts

JOB = {"input": "sha256 aa", "model": "bb"}
LAYOUT = JsonlLayout([])
ONE = Counts(rows=1, tokens=2, windows=1)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def begin(output: Path, job: dict[str, Any] | None = None, **options: Any) -> Ledger:
    return Ledger(output, JOB if job is None else job, {"cost": 1}, **options)


def fill(output: Path, parts: list[bytes]) -> None:
    with begin(output) as ledger:
        for index, part in enumerate(parts):
            ledger.put(index, part, ONE)


def test_parts_become_the_output_and_nothing_is_left(output: Path) -> None:
    with begin(output) as ledger:
        ledger.put(0, b"a\n", ONE)
        ledger.put(1, b"b\n", ONE)
        assert not output.exists()
        ledger.finish(LAYOUT)
    assert output.read_bytes() == b"a\nb\n"
    assert [path.name for path in output.parent.iterdir()] == ["out.jsonl"]


def test_what_is_done_is_there_again_with_its_counts_and_settings(output: Path) -> None:
    fill(output, [b"a\n", b"b\n"])
    with Ledger(output, JOB, {"cost": 2}) as ledger:
        assert ledger.resumed
        assert ledger.done == {0: ONE, 1: ONE}
        assert ledger.settings == {"cost": 1}
        ledger.put(2, b"c\n", ONE)
        ledger.finish(LAYOUT)
    assert output.read_bytes() == b"a\nb\nc\n"


def test_head_and_compression_stand_around_the_parts(output: Path) -> None:
    import gzip

    with begin(output) as ledger:
        ledger.put(0, b"x\n", ONE)
        ledger.finish(CsvLayout(["text"]), codec=".gz")
    assert gzip.decompress(output.read_bytes()) == b"text\nx\n"


@given(cut=st.integers(0, 2_000), junk=st.binary(max_size=20))
def test_a_ledger_cut_anywhere_is_taken_up_where_it_is_whole(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes
) -> None:
    output = tmp_path_factory.mktemp("ledger") / "out"
    fill(output, [b"a\n", b"b\n", b"c\n"])
    file = folder_of(output) / "ledger.jsonl"
    lines = file.read_bytes()
    kept = lines[: min(cut, len(lines))]
    file.write_bytes(kept + junk.replace(b"\n", b""))
    with begin(output) as ledger:
        assert sorted(ledger.done) == list(range(max(0, kept.count(b"\n") - 1)))
        for index in range(3):
            if index not in ledger.done:
                ledger.put(index, b"abc"[index : index + 1] + b"\n", ONE)
        ledger.finish(LAYOUT)
    assert output.read_bytes() == b"a\nb\nc\n"


@pytest.mark.parametrize("damage", ["gone", "cut", "changed"])
def test_a_part_that_is_not_as_it_was_is_done_again(output: Path, damage: str) -> None:
    fill(output, [b"first\n", b"second\n"])
    part = folder_of(output) / "00000000.part"
    if damage == "gone":
        part.unlink()
    else:
        part.write_bytes(b"fir" if damage == "cut" else b"other\n")
    with begin(output) as ledger:
        assert set(ledger.done) == {1}


def test_what_the_ledger_does_not_name_is_removed(output: Path) -> None:
    fill(output, [b"a\n"])
    for name in ("00000001.tmp", "00000007.part", "whole"):
        (folder_of(output) / name).write_bytes(b"half")
    with begin(output):
        assert {path.name for path in folder_of(output).iterdir()} == {"ledger.jsonl", "00000000.part"}


def test_another_job_is_refused_field_by_field(output: Path) -> None:
    fill(output, [b"a\n"])
    with pytest.raises(ConfigError, match="another kind") as caught:
        begin(output, {"input": "sha256 cc", "model": "bb", "options": {"threshold": 0.5}})
    told = str(caught.value)
    assert "input: then sha256 aa, now sha256 cc" in told
    assert 'options: then nothing, now {"threshold": 0.5}' in told
    assert "model" not in [fault.where for fault in caught.value.faults]
    with begin(output, {"input": "sha256 cc"}, fresh=True) as ledger:
        assert (ledger.done, ledger.resumed) == ({}, False)


def test_a_ledger_of_another_version_is_refused(output: Path) -> None:
    fill(output, [])
    file = folder_of(output) / "ledger.jsonl"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99}) + "\n")
    with pytest.raises(ConfigError, match="another version"):
        begin(output)


def test_two_processes_do_not_write_one_output(output: Path) -> None:
    with begin(output), pytest.raises(JobError, match="another process"):
        begin(output)
    begin(output).close()


def test_a_file_that_took_the_name_meanwhile_is_kept(output: Path) -> None:
    fill(output, [b"a\n"])
    output.write_text("precious")
    with begin(output) as ledger, pytest.raises(OutputError, match="exists already"):
        ledger.finish(LAYOUT)
    assert output.read_text() == "precious"
    with begin(output) as ledger:
        assert set(ledger.done) == {0}
        ledger.finish(LAYOUT, overwrite=True)
    assert output.read_bytes() == b"a\n"


def test_an_end_that_was_broken_off_after_the_rename_ends_well(output: Path) -> None:
    fill(output, [b"a\n"])
    kept = {file.name: file.read_bytes() for file in folder_of(output).iterdir()}
    with begin(output) as ledger:
        ledger.finish(LAYOUT)
    digest = hashlib.sha256(output.read_bytes()).hexdigest()
    folder_of(output).mkdir()
    line = json.dumps({"finished": digest}).encode() + b"\n"
    (folder_of(output) / "ledger.jsonl").write_bytes(kept["ledger.jsonl"] + line)  # the parts had gone already
    with begin(output) as ledger:
        assert ledger.done == {0: ONE}
        ledger.finish(LAYOUT)
    assert output.read_bytes() == b"a\n"
    assert not folder_of(output).exists()


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "out"
    os.symlink(tmp_path / "there" / "real", link)
    assert folder_of(link) == tmp_path / "there" / "real.unfinished"
    with begin(link) as ledger:
        ledger.put(0, b"a\n", ONE)
        ledger.finish(LAYOUT)
    assert link.is_symlink()
    assert (tmp_path / "there" / "real").read_bytes() == b"a\n"


SMALL_DISK = """
import resource, signal, sys
from glossator.service.documents.row_formats import JsonlLayout
from glossator.service.errors import OutputError
from glossator.service.labelling.ledger import Ledger
from glossator.service.labelling.summary import Counts

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
with Ledger(sys.argv[1], {"input": "sha256 aa", "model": "bb"}, {"cost": 1}) as ledger:
    ledger.put(0, b"a\\n", Counts(rows=1, tokens=2, windows=1))
    ledger.put(1, b"x" * 6_000, Counts(rows=1))
    try:
        ledger.finish(JsonlLayout([]))
    except OutputError as error:
        print(error)
"""


def test_no_room_is_told_and_what_is_done_is_kept(output: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    ran = subprocess.run([sys.executable, "-c", SMALL_DISK, output], cwd=root, capture_output=True, text=True)
    assert "the output cannot be written" in ran.stdout, ran.stderr
    assert "1 chunks are kept" in ran.stdout
    with begin(output) as ledger:
        assert set(ledger.done) == {0}
        ledger.put(1, b"b\n", ONE)
        ledger.finish(LAYOUT)
    assert output.read_bytes() == b"a\nb\n"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written") as caught:
        begin(tmp_path / "nowhere" / "out")
    assert "Make its folder first" in str(caught.value)
