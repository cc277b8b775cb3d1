from __future__ import annotations

import os
from pathlib import Path

import pytest

from glossator.service.errors import ConfigError, FileMissing, InputError
from glossator.service.files.paths import open_bytes, refuse_same_file


def test_a_missing_file_suggests_similar_names(tmp_path: Path) -> None:
    (tmp_path / "Tickets_2024.csv").write_text("text\n")
    with pytest.raises(FileMissing) as caught:
        open_bytes(str(tmp_path / "tickets-2024.csv"))
    assert caught.value.hint == "Did you mean Tickets_2024.csv?"
    with pytest.raises(FileMissing, match="no file") as caught:
        open_bytes(str(tmp_path / "nowhere" / "a.csv"))
    assert "does not exist" in (caught.value.hint or "")


def test_a_folder_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        open_bytes(str(tmp_path))


def test_a_file_without_read_permission_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("text\n")
    path.chmod(0)
    superuser = os.geteuid() == 0
    if superuser:  # root may read everything
        os.seteuid(65534)
    try:
        with pytest.raises(InputError, match="cannot be opened") as caught:
            open_bytes(str(path))
    finally:
        if superuser:
            os.seteuid(0)
    assert caught.value.found == "Permission denied"


def test_a_path_with_a_nul_cannot_be_opened() -> None:
    with pytest.raises(InputError, match="cannot be opened"):
        open_bytes("a\0b")


def test_the_output_may_not_be_an_input_under_any_name(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("{}\n")
    (tmp_path / "link").symlink_to(source)
    os.link(source, tmp_path / "hard")
    for name in ("in.jsonl", "link", "hard", "../" + tmp_path.name + "/in.jsonl"):
        with pytest.raises(ConfigError, match="the output is the input"):
            refuse_same_file(str(tmp_path / name), [str(tmp_path / "absent"), str(source)])
    refuse_same_file(str(tmp_path / "out.jsonl"), [str(source)])
    refuse_same_file("-", ["-"])
