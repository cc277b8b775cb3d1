"""The scripts as modules, and small wheels that pip takes from a folder."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"

MakeWheel = Callable[..., Path]


@pytest.fixture(autouse=True)
def scripts_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts import each other by name."""
    for folder in (SCRIPTS / "docs", SCRIPTS / "figures", SCRIPTS / "release", SCRIPTS):
        monkeypatch.syspath_prepend(str(folder))


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the only place where pip looks for wheels."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def make_wheel(wheels: Path) -> MakeWheel:
    """Writes a wheel with one module of `size` bytes into the folder of wheels."""

    def make(name: str, version: str, requires: Sequence[str] = (), size: int = 1000) -> Path:
        module = name.replace("-", "_")
        info = f"{module}-{version}.dist-info"
        files = {
            f"{module}.py": "#" * (size - 1) + "\n",
            f"{info}/METADATA": "\n".join(
                ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
                + [f"Requires-Dist: {line}" for line in requires]
            ),
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        files[f"{info}/RECORD"] = "".join(f"{path},,{len(text)}\n" for path, text in files.items())
        path = wheels / f"{module}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for inner, text in files.items():
                archive.writestr(inner, text)
        return path

    return make


@pytest.fixture
def environment(tmp_path: Path, wheels: Path) -> tuple[Path, Path]:
    """A new virtual environment without pip of its own: its Python, and the folder of its packages.

    The tests' pip is made visible to it, which is faster than installing another.
    """
    import venv

    import pip

    folder = tmp_path / "venv"
    venv.create(folder, symlinks=True, with_pip=False)
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (packages / "pip").symlink_to(Path(pip.__file__).parent)
    return folder / "bin" / "python", packages
