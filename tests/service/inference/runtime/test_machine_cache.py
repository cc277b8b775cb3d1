"""The cache of measurements of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from glossator.service.inference.runtime.machine_cache import cache_folder, load_cached, store_cached


def test_fields_are_cached_by_kind_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOSSATOR_CACHE_DIR", str(tmp_path))
    assert load_cached("speed", "a") == {}
    store_cached("speed", "a", {"value": 1})
    store_cached("speed", "a", {"value": 2})
    assert load_cached("speed", "a") == {"value": 2}
    assert load_cached("speed", "b") == load_cached("cost", "a") == {}
    assert [path.parent.name for path in tmp_path.rglob("*.json")] == ["speed"]


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"GLOSSATOR_CACHE_DIR": "/one", "XDG_CACHE_HOME": "/two", "HOME": "/three"}, "/one"),
        ({"XDG_CACHE_HOME": "/two", "HOME": "/three"}, "/two/glossator"),
        ({"HOME": "/three"}, "/three/.cache/glossator"),
    ],
)
def test_the_folder_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], folder: str
) -> None:
    for name in ("GLOSSATOR_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder)
