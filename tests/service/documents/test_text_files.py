from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from glossator.service.documents.text_files import TextFiles
from glossator.service.errors import FileMissing, InputError, UndecodableText

POLISH = "Proszę o zwrot pieniędzy, paczka się spóźnia\n"


def test_files_are_decoded_one_by_one_and_guesses_are_counted(tmp_path: Path) -> None:
    files = TextFiles()
    for name, data in (
        ("a.txt", POLISH.encode()),
        ("b.txt", POLISH.encode("cp1250")),
        ("c.txt", POLISH.encode("cp1250")),
    ):
        (tmp_path / name).write_bytes(data)
        assert files.read(tmp_path / name) == POLISH
    (decision,) = files.decisions
    assert (decision.chosen, decision.guessed) == ("windows-1250", True)
    assert decision.why.startswith("2 files, the first is b.txt: ")
    (tmp_path / "d.txt.gz").write_bytes(gzip.compress(POLISH.encode("utf-16")))
    assert files.read(tmp_path / "d.txt.gz") == POLISH


def test_the_encoding_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Škoda".encode("cp1250"))
    files = TextFiles("windows-1250")
    assert files.read(tmp_path / "a.txt") == "Škoda"
    assert files.decisions == []


def test_files_that_cannot_be_read_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("lost \ufffd".encode())
    (tmp_path / "b.txt").write_bytes(b"")
    with pytest.raises(UndecodableText, match=r"U\+FFFD"):
        TextFiles().read(tmp_path / "a.txt")
    with pytest.raises(InputError, match="is empty"):
        TextFiles().read(tmp_path / "b.txt")
    with pytest.raises(FileMissing):
        TextFiles().read(tmp_path / "c.txt")
