"""A name on the hub in place of a folder: nothing is downloaded, and the error says which command downloads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from local_hub import LocalHub, local_hub, use_hub

import glossator
from glossator.service.errors import BundleNotFound

Run = Callable[..., Any]
PULL = "`glossator pull owner/name@v2 -o FOLDER`"
IMPORT = "`glossator import owner/name -o FOLDER`"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalHub]:
    with local_hub() as made:
        use_hub(monkeypatch, made.url, str(tmp_path / "cache"))
        made.add("owner/name", {"bundle.json": b"{}"})
        yield made


@pytest.mark.parametrize(
    "command",
    [
        ["serve", "NAME", "--port", "0"],
        ["label", "texts.jsonl", "--model", "NAME"],
        ["predict", "a text", "-m", "NAME"],
        ["verify", "NAME"],
        ["bench", "NAME"],
        ["models", "add", "NAME"],
    ],
)
def test_commands_name_pull_and_import(run: Run, hub: LocalHub, folder: Path, command: list[str]) -> None:
    (folder / "texts.jsonl").write_text('{"text": "money"}\n')
    result = run(*[word.replace("NAME", "owner/name@v2") for word in command])
    assert result.code == 1
    assert PULL in result.out + result.err
    assert IMPORT in result.out + result.err
    assert hub.asked == []


def test_load_names_them_too(hub: LocalHub, folder: Path) -> None:
    with pytest.raises(BundleNotFound) as caught:
        glossator.load("owner/name@v2")
    assert PULL in str(caught.value)
    assert hub.asked == []


@pytest.mark.parametrize("name", ["models/tickts", "tickets", "./owner/name", "a/b/c"])
def test_a_missing_local_folder_is_not_taken_for_a_name_on_the_hub(folder: Path, name: str) -> None:
    (folder / "models" / "tickets").mkdir(parents=True)
    if name.startswith("./"):
        (folder / "owner").mkdir()
    with pytest.raises(BundleNotFound) as caught:
        glossator.load(name)
    assert caught.value.hint == "Give the folder that `glossator export` wrote."
