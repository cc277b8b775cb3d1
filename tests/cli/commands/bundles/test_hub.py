"""`glossator push` and `glossator pull`"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from local_hub import OWNER_TOKEN, LocalHub, local_hub, use_hub
from vote_bundle import vote_bundle

from glossator.service.bundle.reader import read_manifest

Run = Callable[..., Any]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalHub]:
    """An empty hub; this process has a token of `owner`."""
    with local_hub() as made:
        use_hub(monkeypatch, made.url, str(tmp_path / "cache"), token=OWNER_TOKEN)
        yield made


@pytest.fixture
def digest(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The digest of the bundle `voters` in the current folder."""
    monkeypatch.setenv("GLOSSATOR_CACHE_DIR", str(folder / ".cache"))
    return read_manifest(vote_bundle(folder / "voters", "single_label_classification")).digest


def test_a_bundle_goes_to_the_hub_and_back(hub: LocalHub, run: Run, folder: Path, digest: str) -> None:
    pushed = run("push", "voters", "owner/voters")
    commit = hub.repositories["owner/voters"].branches["main"]
    assert pushed.code == 0
    assert pushed.out == (
        f"pushed owner/voters main, commit {commit}: 7 files changed, 0 deleted\n{hub.url}/owner/voters/tree/{commit}\n"
    )
    assert "· private repository owner/voters, branch main\n" in pushed.err
    assert "%|" not in pushed.err  # no bars without a terminal
    assert run("push", "voters", "owner/voters").out.startswith(f"unchanged owner/voters main, commit {commit}\n")

    pulled = run("pull", "owner/voters", "-o", "models/v", "--digest", digest)
    assert pulled.code == 0
    assert pulled.out == f"pulled models/v: voters@{digest[:12]} from owner/voters, commit {commit}\n"
    assert run("verify", "models/v").code == 0
    assert run("pull", "owner/voters", "-o", "models/v").out.startswith("unchanged models/v: voters@")
    assert OWNER_TOKEN not in pushed.err + pulled.err


def test_json(hub: LocalHub, run: Run, digest: str) -> None:
    pushed = run("push", "voters", "owner/voters", "--public", "--json").json
    assert (pushed["digest"], pushed["branch"], pushed["deleted"]) == (digest, "main", [])
    assert "onnx/model.onnx" in pushed["changed"]
    assert not hub.repositories["owner/voters"].private
    pulled = run("pull", f"owner/voters@{pushed['commit']}", "-o", "models/v", "--json", "--quiet")
    assert pulled.err == ""
    assert pulled.json == {
        "repository": "owner/voters", "commit": pushed["commit"], "folder": "models/v", "name": "voters",
        "digest": digest, "ignored": [], "unchanged": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["pull", "owner/none", "-o", "m"], 2, "the hub has no such model"),
        (["pull", "owner/voters", "-o", "m", "--digest", "0" * 64], 1, "holds another version"),
        (["pull", "owner/voters", "-o", "taken"], 1, "exists already"),
        (["push", "voters", "other/voters"], 2, "no right"),
        (["push", "none", "owner/voters"], 1, "there is no bundle here"),
    ],
)
def test_refusals_have_exit_codes_and_hints(
    hub: LocalHub, run: Run, folder: Path, digest: str, arguments: list[str], code: int, message: str
) -> None:
    files = {str(each.relative_to("voters")): each.read_bytes() for each in Path("voters").rglob("*") if each.is_file()}
    hub.add("owner/voters", files)
    Path("taken").mkdir()
    result = run(*arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert "hint: " in result.err
    assert not Path("m").exists()
