"""`glossator label` on documents: what was guessed is said, what cannot be decoded is an error of its row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
MakeFolder = Callable[[str], Path]

POLISH = "Proszę o zwrot pieniędzy, paczka się spóźnia"


@pytest.fixture
def bundle(tiny_bundle: MakeFolder) -> Path:
    return tiny_bundle("single_label_classification")


def test_a_guessed_encoding_is_said_for_a_file_and_a_mail(run: Run, bundle: Path, tmp_path: Path) -> None:
    mail = b"Subject: x\nContent-Transfer-Encoding: 8bit\n\n" + POLISH.encode("iso8859-2")
    for name, data in (("a.txt", POLISH.encode("cp1250")), ("a.eml", mail)):
        (tmp_path / name).write_bytes(data)
        result = run("label", tmp_path / name, "-m", bundle, "-o", tmp_path / f"{name}.jsonl")
        assert result.code == 0
        assert "(guessed) (not UTF-8; confidence" in result.err
        assert json.loads((tmp_path / f"{name}.jsonl").read_text())["text"] == POLISH


def test_a_folder_says_how_many_files_were_guessed(run: Run, bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}.html").write_bytes(f"<p>{POLISH}</p>".encode("cp1250"))
    (folder / "c.txt").write_bytes(POLISH.encode())
    (folder / "d.txt").write_bytes("lost \ufffd".encode())
    result = run("label", folder, "-m", bundle, "-o", tmp_path / "out.jsonl")
    assert result.code == 3
    assert "encoding: windows-1250 (guessed) (2 files, the first is 0.html: not UTF-8" in result.err
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["text"] for row in found[:3]] == [POLISH] * 3
    assert found[3]["_error"].startswith("undecodable-text")


def test_the_encoding_of_a_folder_may_be_named(run: Run, bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.html").write_bytes("<p>Škoda</p>".encode("cp1250"))
    (folder / "b.md").write_bytes("Šárka".encode("cp1250"))
    (folder / "c.rtf").write_bytes(rb"{\rtf1\ansi \'8aimon}")
    (folder / "d.eml").write_bytes(b"Subject: x\nContent-Transfer-Encoding: 8bit\n\n\x8atef")
    (folder / "e.docx").write_bytes(b"not a document")
    result = run("label", folder, "-m", bundle, "-o", tmp_path / "out.jsonl", "--encoding", "windows-1250")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert result.code == 3
    assert [row["text"] for row in found[:4]] == ["Škoda", "Šárka", "Šimon", "Štef"]
    assert "cannot be read as a Word document" in found[4]["_error"]


def test_an_encoding_that_cannot_be_guessed_is_refused_with_both_readings(
    run: Run, bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_bytes("Kur yra mano siuntinys? Užsisakiau jį prieš savaitę.\n".encode("cp1257"))
    result = run("label", tmp_path / "a.txt", "-m", bundle, "-o", tmp_path / "out.jsonl")
    assert result.code == 2
    assert "expected: a confidence of at least 0.55" in result.err
    assert "--encoding windows-1257" in result.err
