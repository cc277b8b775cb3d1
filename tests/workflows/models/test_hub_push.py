"""A bundle is pushed to a hub with the real client: verified, only what changed, never anything else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from local_hub import ATTRIBUTES, OWNER_TOKEN, READER_TOKEN, LocalHub
from vote_bundle import vote_bundle

from glossator.service.errors import BundleInvalid, ConfigError, OutputError
from glossator.workflows.models.hub_push import PushedBundle, push_bundle
from glossator.workflows.run_records import RunStore

NAME = "owner/voters"
Push = Callable[..., PushedBundle]


@pytest.fixture
def push(voters: Path, store: RunStore, reporter: Any) -> Push:
    """Push a bundle to `owner/voters`."""

    def push(folder: Path = voters, name: str = NAME, **options: Any) -> PushedBundle:
        return push_bundle(folder, name, store, reporter, **options)

    return push


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder by their names in a repository."""
    return {str(each.relative_to(folder)): each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file()}


def test_a_new_repository_is_private_and_holds_the_files_of_the_bundle(
    hub: LocalHub, push: Push, voters: Path, store: RunStore, reporter: Any
) -> None:
    pushed = push()
    made = hub.repositories[NAME]
    assert made.private
    assert made.files() == contents(voters) | {".gitattributes": ATTRIBUTES}
    assert pushed.commit == made.branches["main"]
    assert pushed.url == f"{hub.url}/{NAME}/tree/{pushed.commit}"
    assert sorted(pushed.changed) == sorted(contents(voters))
    assert made.messages[pushed.commit] == f"voters@{pushed.digest[:12]}"
    assert "onnx/model.onnx" in {name for name, data in made.files().items() if data in hub.stored.values()}
    (run,) = store.runs()
    assert run.config == {"repository": NAME, "branch": "main"}
    assert (run.outputs["commit"], run.outputs["digest"]) == (pushed.commit, pushed.digest)
    assert "texts of your data go to everyone who can read the repository: 5 golden rows" in reporter.lines


def test_pushing_twice_changes_nothing(hub: LocalHub, push: Push) -> None:
    first, commits = push(), len(hub.repositories[NAME].commits)
    hub.asked.clear()
    again = push()
    assert (again.commit, again.changed, again.deleted) == (first.commit, [], [])
    assert len(hub.repositories[NAME].commits) == commits
    assert not hub.paths("PUT")
    assert not hub.paths("POST")


def test_only_changed_files_are_uploaded_and_files_of_the_older_bundle_are_deleted(
    hub: LocalHub, push: Push, voters: Path, tmp_path: Path
) -> None:
    older = vote_bundle(tmp_path / "older" / "voters", "single_label_classification", ballast=8)
    first = push(older)
    made = hub.repositories[NAME]
    made.commit(made.files() | {"LICENSE": b"Apache-2.0"})
    pushed = push(voters)
    assert first.commit != pushed.commit
    assert set(pushed.changed) == {"onnx/model.onnx", "bundle.json"}
    assert made.files()["LICENSE"] == b"Apache-2.0"
    assert {name: made.files()[name] for name in contents(voters)} == contents(voters)


def test_a_file_that_the_new_version_lacks_is_deleted(
    hub: LocalHub, push: Push, voters: Path, tmp_path: Path, with_file: Callable[[Path, str], Path], reporter: Any
) -> None:
    push(with_file(tmp_path / "voters", "evaluation/test-entities.html"))
    assert "evaluation/test-entities.html" in hub.repositories[NAME].files()
    assert any(line.endswith(": 5 golden rows, evaluation/test-entities.html") for line in reporter.lines)
    assert push(voters).deleted == ["evaluation/test-entities.html"]
    assert hub.repositories[NAME].files() == contents(voters) | {".gitattributes": ATTRIBUTES}


def test_a_branch_is_created(hub: LocalHub, push: Push, voters: Path) -> None:
    pushed = push(branch="v2", message="second")
    made = hub.repositories[NAME]
    assert made.branches["v2"] == pushed.commit
    assert made.messages[pushed.commit] == "second"
    assert made.files("main") == {".gitattributes": ATTRIBUTES}
    assert made.files("v2").keys() == contents(voters).keys() | {".gitattributes"}


def test_a_damaged_bundle_is_not_pushed(hub: LocalHub, push: Push, voters: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(voters, tmp_path / "voters"))
    (damaged / "README.md").write_text("another card")
    (damaged / "notes.txt").write_text("private")
    with pytest.raises(BundleInvalid) as caught:
        push(damaged)
    assert {fault.where for fault in caught.value.faults} == {"README.md", "notes.txt"}
    assert hub.repositories == {}


def test_another_model_is_not_replaced_unless_asked(hub: LocalHub, push: Push, voters: Path) -> None:
    theirs = {"config.json": b"{}", "model.safetensors": b"weights", "README.md": b"# Theirs"}
    made = hub.add(NAME, theirs)
    with pytest.raises(ConfigError, match="did not write") as caught:
        push()
    assert "config.json" in str(caught.value)
    assert made.files() == theirs
    push(overwrite=True)
    assert made.files() == theirs | contents(voters)


def test_a_card_that_was_made_on_the_page_is_replaced(hub: LocalHub, push: Push, voters: Path) -> None:
    made = hub.add(NAME, {"README.md": b"---\nlicense: mit\n---\n", ".gitattributes": ATTRIBUTES})
    push()
    assert made.files()["README.md"] == (voters / "README.md").read_bytes()


def test_a_public_repository_is_accepted_but_not_if_private_is_asked(hub: LocalHub, push: Push, reporter: Any) -> None:
    made = hub.add(NAME, {})
    with pytest.raises(ConfigError, match="the repository is public"):
        push(private=True)
    assert made.files() == {}
    push()
    assert any("go to everyone, as the repository is public: 5 golden rows" in line for line in reporter.lines)


def test_public_repositories_are_made_on_request(hub: LocalHub, push: Push) -> None:
    push(private=False)
    assert not hub.repositories[NAME].private


def test_files_that_the_hub_leaves_out_are_named(hub: LocalHub, push: Push) -> None:
    hub.add(NAME, {}, ignored={"golden.jsonl"})
    with pytest.raises(OutputError, match="did not take every file") as caught:
        push()
    assert [fault.where for fault in caught.value.faults] == ["golden.jsonl"]


def test_a_commit_of_somebody_else_in_the_meantime_is_kept(
    hub: LocalHub, push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glossator.workflows.models.hub_repository import HubRepository

    made, files = hub.add(NAME, {}), HubRepository.files

    def files_then_a_commit(self: HubRepository, commit: str) -> Any:
        found = files(self, commit)
        if "LICENSE" not in made.files():
            made.commit({"LICENSE": b"Apache-2.0"})
        return found

    monkeypatch.setattr(HubRepository, "files", files_then_a_commit)
    with pytest.raises(ConfigError, match="somebody else changed the repository"):
        push()
    assert made.files() == {"LICENSE": b"Apache-2.0"}


@pytest.mark.parametrize(
    ("name", "token", "message"),
    [
        ("other/voters", OWNER_TOKEN, "no right"),
        (NAME, READER_TOKEN, "no right"),
        (NAME, None, "asks for a token"),
        (NAME, "hf_wrong_token", "does not accept the token"),
        ("voters", OWNER_TOKEN, "not a name on the hub"),
        ("owner/voters@v1", OWNER_TOKEN, "a push has no revision"),
        ("owner/../voters", OWNER_TOKEN, "not a name on the hub"),
    ],
)
def test_pushes_that_are_refused_say_why_and_show_no_token(
    hub: LocalHub, push: Push, monkeypatch: pytest.MonkeyPatch, store: RunStore, name: str, token: str, message: str
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(ConfigError, match=message) as caught:
        push(name=name)
    assert "hf_" not in str(caught.value)
    assert hub.repositories == {}
    assert store.runs() == []


def test_a_reader_cannot_push_to_an_existing_repository(
    hub: LocalHub, push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hub.add(NAME, {})
    monkeypatch.setenv("HF_TOKEN", READER_TOKEN)
    with pytest.raises(ConfigError, match="no right") as caught:
        push()
    assert "right to write" in str(caught.value)
    assert made.files() == {}


def test_a_message_of_the_hub_is_shown_without_the_token(hub: LocalHub, push: Push) -> None:
    hub.refused["/preupload/"] = (422, f"storage limit reached for {OWNER_TOKEN}")
    with pytest.raises(ConfigError, match=r"storage limit reached for \[token\]"):
        push()


def test_without_the_client_the_extra_is_named(push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    from glossator.workflows import extras

    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(ConfigError) as caught:
        push()
    assert caught.value.hint == "pip install 'glossator[hub]'"
