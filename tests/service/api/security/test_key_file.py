from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from glossator.service.api.security.key_changes import add_key, revoke_key, rotate_key, write_keys
from glossator.service.api.security.key_file import read_keys
from glossator.service.api.security.key_reloading import ReloadingKeyFile
from glossator.service.api.security.key_ring import KeyRing
from glossator.service.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_file_contains_only_hashes_and_is_private(file: Path) -> None:
    key = add_key(file, "shop", ["infer"], 90)
    assert key not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (entry,) = read_keys(file).keys
    assert (entry.name, entry.scopes) == ("shop", ["infer"])
    assert entry.expires is not None
    assert timedelta(days=89) < entry.expires - datetime.now(UTC) <= timedelta(days=90)


def test_invalid_keys_are_refused(file: Path) -> None:
    add_key(file, "shop", ["infer"], None)
    for name in ("shop", "../x", "a b", ""):
        with pytest.raises(ConfigError):
            add_key(file, name, ["infer"], None)
    with pytest.raises(ConfigError, match="no key has this name"):
        revoke_key(file, "nobody")
    file.write_text("{")
    with pytest.raises(ConfigError, match="not a key file"):
        read_keys(file)


def test_scopes_limit_a_key_to_its_routes(make_client: Callable[..., TestClient], file: Path) -> None:
    """keys: scopes infer, label and admin."""
    keys = {scope: add_key(file, scope, [scope], None) for scope in ("infer", "label", "admin")}
    client = make_client(key_file=file)
    paths = {"/v1/models": "infer", "/v1/jobs": "label", "/metrics": "admin", "/tei/intents/metrics": "admin",
             "/v2/models/intents": "infer", "/v1/files": "label"}  # fmt: skip
    for path, scope in paths.items():
        assert client.get(path).status_code == 401
        for name, key in keys.items():
            answer = client.get(path, headers=bearer(key))
            if name == scope:
                assert answer.status_code in (200, 404), (path, name)
            else:
                assert answer.status_code == 403, (path, name)
                assert "the key does not allow this route" in answer.text
                assert key not in answer.text
    page = client.get("/ui/monitor", headers=bearer(keys["infer"])).text
    assert "It has the scope infer, and admin is needed." in page
    assert "Key: infer (infer)" in page
    whole = add_key(file, "whole", ["infer", "label", "admin"], None)
    assert "Key: whole (all scopes)" in make_client(key_file=file).get("/ui", headers=bearer(whole)).text


def test_changes_apply_without_a_restart(
    make_client: Callable[..., TestClient], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """keys: expiry, rotation and revocation without restart."""
    monkeypatch.setattr(ReloadingKeyFile, "_CHECK_SECONDS", 0.0)
    old = add_key(file, "shop", ["infer"], None)
    client = make_client(key_file=file)

    def status(key: str) -> int:
        return client.get("/v1/models", headers=bearer(key)).status_code

    assert status(old) == 200
    new = rotate_key(file, "shop", 1.0)
    assert (status(old), status(new)) == (200, 200)
    keys = read_keys(file)
    keys.keys[0].old_expires = datetime.now(UTC)
    write_keys(file, keys)
    assert (status(old), status(new)) == (401, 200)
    file.write_text("damaged")
    assert status(new) == 200
    write_keys(file, keys)
    revoke_key(file, "shop")
    assert status(new) == 401
    short = add_key(file, "brief", ["infer"], 3.0 / 86_400)
    assert status(short) == 200
    time.sleep(3.1)
    assert status(short) == 401


def test_owner_stays_when_a_key_is_rotated(file: Path) -> None:
    old = add_key(file, "shop", ["label"], None)
    new = rotate_key(file, "shop", 1.0)
    ring = KeyRing([], lambda: read_keys(file).keys)
    found = [ring.holder(key.encode()) for key in (old, new)]
    assert found[0] == found[1]
    assert found[0] is not None
    assert found[0].owner == "key:shop"


def test_requests_are_counted_by_key(make_client: Callable[..., TestClient], file: Path) -> None:
    first, second = add_key(file, "a", ["infer"], None), add_key(file, "b", ["infer"], None)
    client = make_client(key_file=file, requests_per_minute=3)
    answers = [client.get("/v1/models", headers=bearer(first)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"default";q=3;w=60'
    assert answers[0].headers["ratelimit"].startswith('"default";r=2;t=')
    assert answers[3].json()["code"] == "rate-limited"
    assert 1 <= int(answers[3].headers["retry-after"]) <= 60
    assert client.get("/v1/models", headers=bearer(second)).status_code == 200
    assert client.get("/livez").status_code == 200
    assert "ratelimit" not in client.get("/livez").headers


def test_key_file_protects_a_public_server(file: Path) -> None:
    from glossator.service.api.settings import Settings

    add_key(file, "a", ["infer"], None)
    assert Settings(host="0.0.0.0", key_file=file).needs_key
    with pytest.raises(ConfigError):
        Settings(host="0.0.0.0")


HASH = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"expires": "2030-01-01T00:00:00"}, "keys[0].expires: the time has no time zone"),
        ({"created": "2030-01-01"}, "keys[0].created: the time has no time zone"),
        ({"old_expires": "2030-01-01T00:00:00"}, "keys[0].old_expires: the time has no time zone"),
        ({"sha256": "secret"}, "keys[0].sha256: String should match pattern"),
        ({"old_sha256": "sha256:ZZ"}, "keys[0].old_sha256: String should match pattern"),
        ({"scopes": ["root"]}, "keys[0].scopes[0]: Input should be 'infer', 'label' or 'admin'"),
        ({"nme": "x"}, "keys[0].nme: Extra inputs are not permitted"),
    ],
)
def test_faults_of_a_key_file_are_named_before_it_is_served(file: Path, changed: dict[str, object], fault: str) -> None:
    key = {"name": "a", "scopes": ["infer"], "created": "2026-01-01T00:00:00Z", "sha256": HASH} | changed
    file.write_text(json.dumps({"keys": [key]}))
    with pytest.raises(ConfigError) as caught:
        read_keys(file)
    assert fault in str(caught.value)
    assert "secret" not in str(caught.value)


def test_two_keys_of_one_name_are_refused(file: Path) -> None:
    key = {"name": "a", "scopes": ["infer"], "created": "2026-01-01T00:00:00Z", "sha256": HASH}
    file.write_text(json.dumps({"keys": [key, key]}))
    with pytest.raises(ConfigError, match="several keys have the same name: a"):
        read_keys(file)


def test_what_is_not_a_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(ConfigError, match="the key file cannot be read"):
            read_keys(path)
