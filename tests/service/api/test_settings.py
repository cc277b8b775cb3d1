from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from glossator.service.api.settings import Settings
from glossator.service.errors import ConfigError

KEY = "correct-horse-battery"
HASHED = "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()


def test_settings_bind_the_loopback_address_without_a_key_by_default() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.api_keys) == ("127.0.0.1", 8000, ())
    assert (settings.max_body_bytes, settings.max_texts, settings.max_characters) == (8 * 2**20, 1_000, 1_000_000)


def test_options_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOSSATOR_PORT", "9000")
    monkeypatch.setenv("GLOSSATOR_MAX_TEXTS", "7")
    monkeypatch.setenv("GLOSSATOR_ALLOWED_HOSTS", "Labels.example, other.example")
    settings = Settings(port=9001)
    assert (settings.port, settings.max_texts) == (9001, 7)
    assert settings.allowed_hosts == ("labels.example", "other.example")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost", "LOCALHOST"])
def test_settings_need_no_key_on_a_loopback_address(host: str) -> None:
    assert Settings(host=host).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.7", "labels.example", "localhost.example"])
def test_settings_refuse_a_public_address_without_a_key(host: str) -> None:
    with pytest.raises(ConfigError, match="no API key is set") as caught:
        Settings(host=host)
    assert "GLOSSATOR_API_KEYS" in str(caught.value)
    assert Settings(host=host, api_keys=(KEY,)).host == host


def test_settings_keep_keys_as_hashes_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = "another-key-of-the-file"
    file = tmp_path / "keys"
    file.write_text(f"{other}\n{KEY}\n")
    monkeypatch.setenv("GLOSSATOR_API_KEYS", f"{KEY}, {HASHED}")
    monkeypatch.setenv("GLOSSATOR_API_KEYS_FILE", str(file))
    settings = Settings()
    assert settings.api_keys == (HASHED, "sha256:" + hashlib.sha256(other.encode()).hexdigest())
    assert KEY not in repr(settings) + settings.model_dump_json()
    assert HASHED not in repr(settings)


@pytest.mark.parametrize("key", ["short", "holds-a-ünusual-letter-somewhere"])
def test_settings_refuse_a_weak_key_and_do_not_repeat_it(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("GLOSSATOR_API_KEYS", key)
    with pytest.raises(ConfigError) as caught:
        Settings()
    assert "GLOSSATOR_API_KEYS" in str(caught.value)
    assert key not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_settings_refuse_a_key_file_without_keys(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match="GLOSSATOR_API_KEYS_FILE"):
        Settings(api_keys_file=file)


def test_settings_report_every_fault_together() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(port=70_000, max_texts=0, colour="red", api_keys=(KEY, "short"))
    found = {(fault.name, fault.where) for fault in caught.value.faults}
    assert found == {
        ("less-than-equal", "port (GLOSSATOR_PORT)"),
        ("greater-than-equal", "max_texts (GLOSSATOR_MAX_TEXTS)"),
        ("extra-forbidden", "colour (GLOSSATOR_COLOUR)"),
        ("value-error", "api_keys (GLOSSATOR_API_KEYS)"),
    }


def test_settings_are_immutable() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().host = "0.0.0.0"
