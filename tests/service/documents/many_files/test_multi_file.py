from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from glossator.service.documents.record import Record
from glossator.service.documents.sources.open_source import open_source
from glossator.service.errors import FileMissing

FILES = {"a.csv": b"text,n\none,1\n", "b.jsonl": b'{"text": "two"}\n{\n', "sub/c.txt": b"three\nfour\n"}


def rows(path: Path | str) -> list[tuple[object, object, str]]:
    with open_source(path) as source:
        return [summary(record) for record in source.records()]


def summary(record: Record) -> tuple[object, object, str]:
    return record.fields.get("_file"), record.fields.get("text"), record.error.message if record.error else ""


def folder(root: Path) -> Path:
    for name, data in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def archive(path: Path, extra: dict[str, bytes] | None = None) -> Path:
    files = FILES | (extra or {})
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.mkdir("sub")
            for name, data in files.items():
                zipped.writestr(name, data)
    else:
        with tarfile.open(path, f"w:{path.suffix.removeprefix('.').replace('tar', '').replace('tgz', 'gz')}") as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return path


EXPECTED = [("a.csv", "one"), ("b.jsonl", "two"), ("b.jsonl", None), ("sub/c.txt", "three"), ("sub/c.txt", "four")]


def test_a_folder_is_read_file_by_file_and_each_row_names_its_own(tmp_path: Path) -> None:
    found = rows(folder(tmp_path / "notes"))
    assert [row[:2] for row in found] == EXPECTED
    assert "line 2: not valid JSON" in found[2][2]
    with open_source(tmp_path / "notes") as source:
        assert source.columns == ("text", "n", "_file")


def test_a_pattern_matches_files_and_nested_folders(tmp_path: Path) -> None:
    folder(tmp_path)
    assert [row[1] for row in rows(tmp_path / "**" / "*.txt")] == ["three", "four"]
    assert [row[1] for row in rows(tmp_path / "[ab].*")] == ["one", "two", None]
    with pytest.raises(FileMissing, match="no file that matches"):
        rows(tmp_path / "*.pdf")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileMissing, match="no file in the folder"):
        rows(tmp_path / "empty")


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "what[1].txt").write_text("one\n")
    (tmp_path / "what1.txt").write_text("two\n")
    with open_source(tmp_path / "what[1].txt") as source:
        assert [record.fields for record in source.records()] == [{"text": "one"}]


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz"])
def test_members_of_an_archive_are_rows(tmp_path: Path, name: str) -> None:
    assert [row[:2] for row in rows(archive(tmp_path / name))] == EXPECTED


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_a_member_that_cannot_be_read_is_a_row_and_the_others_stay(tmp_path: Path, name: str) -> None:
    extra = {"in.zip": b"PK", "what.bin": b"\0", "empty.csv": b"", "bomb.txt": bytes(64 << 20)}
    found = rows(archive(tmp_path / name, extra))
    assert [row[:2] for row in found[:5]] == EXPECTED
    errors = {str(row[0]): row[2] for row in found[5:]}
    assert "an archive within an archive" in errors["in.zip"]
    assert "format" in errors["what.bin"]
    assert "the file is empty" in errors["empty.csv"]
    assert "expands to 67,1" in errors["bomb.txt"]
    assert len(errors) == 4


def test_links_and_encrypted_members_are_not_opened(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert [row[2] for row in rows(tmp_path / "a.tar")] == ["link.txt is a link or a device"]
    path = archive(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\x01\x02") + 8] |= 1  # the flag of the last member, as the directory has it
    path.write_bytes(data)
    assert "is encrypted" in rows(path)[-1][2]


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_a_damaged_archive_ends_with_an_error(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / name)
    path.write_bytes(path.read_bytes()[:-700] if name == "a.tar" else path.read_bytes()[:-30])
    found = rows(path)
    assert found
    if name != "a.tar":  # a tar that lacks its closing blocks is whole
        assert "the archive is damaged or truncated" in found[-1][2]


def test_names_that_lead_elsewhere_write_nothing(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.writestr("../../evil.txt", "text\n")
    assert [row[:2] for row in rows(tmp_path / "a.zip")] == [("../../evil.txt", "text")]
    assert not (tmp_path.parent.parent / "evil.txt").exists()


@pytest.mark.parametrize("kind", ["folder", "zip", "tar.gz"])
def test_the_decisions_for_many_files_are_counted_while_they_are_read(tmp_path: Path, kind: str) -> None:
    text = "Proszę o zwrot pieniędzy, paczka się spóźnia\n".encode("cp1250")
    files = {"d.txt": text, "e.html": b"<p>" + text, "f.md": b"plain"}
    (tmp_path / "in").mkdir()
    for name, data in files.items():
        (tmp_path / "in" / name).write_bytes(data)
    path = tmp_path / "in" if kind == "folder" else archive(tmp_path / f"a.{kind}", files)
    with open_source(path) as source:
        decisions = source.decisions()
        list(source.records())
    (decision,) = [each for each in decisions if each.subject == "encoding"]
    assert (decision.chosen, decision.guessed) == ("windows-1250", True)
    assert decision.why.startswith("2 files, the first is d.txt: not UTF-8; confidence ")
