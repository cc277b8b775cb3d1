"""A key file that is gone, unreadable or damaged: its keys stay valid for a while, then all are refused."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from glossator.service.api.security.key_changes import add_key, revoke_key, rotate_key
from glossator.service.api.security.key_reloading import KeyFileStatus, ReloadingKeyFile

GRACE = 60.0


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    add_key(path, "shop", ["infer"], None)
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def followed(file: Path, clock: Clock) -> ReloadingKeyFile:
    return ReloadingKeyFile(file, GRACE, clock=clock)


def names(followed: ReloadingKeyFile, clock: Clock, seconds: float) -> list[str]:
    clock.now += seconds
    current = followed.keys()
    return [key.name for key in current]


def remove(file: Path) -> None:
    file.unlink()


def damage(file: Path) -> None:
    file.write_text("{")


def replace_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def dangle(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def naive_time(file: Path) -> None:
    file.write_text(file.read_text().replace('Z"', '"'))


@pytest.mark.parametrize("spoil", [remove, damage, replace_by_folder, dangle, naive_time])
def test_keys_of_a_file_that_cannot_be_read_are_refused_after_the_grace_period(
    followed: ReloadingKeyFile,
    file: Path,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], None],
) -> None:
    content = file.read_text()
    spoil(file)
    assert names(followed, clock, 0.5) == ["shop"]
    assert followed.status() == KeyFileStatus()
    assert names(followed, clock, 1) == ["shop"]
    assert names(followed, clock, GRACE - 1) == ["shop"]
    assert followed.status() == KeyFileStatus(GRACE - 1, refused=False)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "its last keys stay valid for 60 s" in caplog.text
    assert names(followed, clock, 1) == []
    assert names(followed, clock, 1_000) == []
    assert followed.status() == KeyFileStatus(GRACE + 1_000, refused=True)
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert "all of its keys are refused" in caplog.text
    if file.is_dir():
        file.rmdir()
    else:
        file.unlink(missing_ok=True)
    file.write_text(content)
    assert names(followed, clock, 1) == ["shop"]
    assert followed.status() == KeyFileStatus()
    assert "can be read again" in caplog.text


def test_a_file_whose_folder_is_away_for_a_moment_stays_valid(
    followed: ReloadingKeyFile, file: Path, clock: Clock, tmp_path: Path
) -> None:
    """The same file comes back: nothing has to be read again."""
    away = tmp_path / "away"
    file.rename(away)
    assert names(followed, clock, 1) == ["shop"]
    assert followed.status().unreadable_seconds == 0.0
    assert names(followed, clock, 5) == ["shop"]
    assert followed.status() == KeyFileStatus(5.0, refused=False)
    away.rename(file)
    assert names(followed, clock, 1) == ["shop"]
    assert followed.status() == KeyFileStatus()


def test_no_grace_period_refuses_at_once(file: Path, clock: Clock) -> None:
    followed = ReloadingKeyFile(file, 0.0, clock=clock)
    file.unlink()
    assert names(followed, clock, 1) == []


def test_changes_through_a_link_apply(tmp_path: Path, file: Path, clock: Clock) -> None:
    """As in Kubernetes: the name stays, and the folder behind it is replaced."""
    for number in (1, 2):
        (tmp_path / f"v{number}").mkdir()
        add_key(tmp_path / f"v{number}" / "keys.json", f"key-{number}", ["infer"], None)
    (tmp_path / "current").symlink_to("v1")
    followed = ReloadingKeyFile(tmp_path / "current" / "keys.json", GRACE, clock=clock)
    assert names(followed, clock, 1) == ["key-1"]
    (tmp_path / "next").symlink_to("v2")
    (tmp_path / "next").rename(tmp_path / "current")
    assert names(followed, clock, 1) == ["key-2"]


def test_a_server_reports_an_unreadable_key_file_and_then_refuses_its_keys(
    make_client: Callable[..., TestClient], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReloadingKeyFile, "_CHECK_SECONDS", 0.0)
    key = rotate_key(file, "shop", 0.0)
    admin = add_key(file, "admin", ["admin"], None)
    client = make_client(key_file=file, key_file_grace_seconds=3_600)
    strict = make_client(key_file=file, key_file_grace_seconds=0)
    metric = "glossator_key_file_unreadable_seconds"

    def get(client: TestClient, path: str, key: str = key) -> int:
        return client.get(path, headers={"Authorization": f"Bearer {key}"}).status_code

    def value() -> float:
        text = client.get("/metrics", headers={"Authorization": f"Bearer {admin}"}).text
        return float(next(line for line in text.split("\n") if line.startswith(metric)).split()[-1])

    assert client.get("/readyz").json() == {"status": "ready"}
    assert value() == 0.0
    moved = file.rename(file.with_name("moved"))
    assert get(client, "/v1/models") == 200
    (problem,) = client.get("/readyz").json()["problems"]
    assert "the key file cannot be read" in problem
    assert value() > 0.0
    assert get(strict, "/v1/models") == 401
    refused = strict.get("/readyz")
    assert (refused.status_code, refused.json()["code"]) == (503, "not-ready")
    assert "all of its keys are refused" in refused.text
    assert strict.get("/livez").status_code == 200
    moved.rename(file)
    assert get(strict, "/v1/models") == 200
    revoke_key(file, "shop")
    assert (get(client, "/v1/models"), get(strict, "/v1/models")) == (401, 401)
