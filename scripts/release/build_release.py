"""Build sdist and wheel of a commit, byte for byte the same at any time, in any folder and for any user.

    python scripts/release/build_release.py FOLDER [COMMIT]

The files are those of the commit. Every date in the archives is that of the commit (SOURCE_DATE_EPOCH). Needs `build`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str]) -> int:
    for path in build(Path(arguments[0]), *arguments[1:2]):
        print(f"{sha256(path)}  {path.name}")
    return 0


def build(folder: Path, commit: str = "HEAD") -> list[Path]:
    """Build the sdist, and the wheel from it, into `folder`; return their paths."""
    epoch = int(_git("log", "-1", "--format=%ct", commit))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        source, built = Path(temporary, "source"), Path(temporary, "built")
        with tarfile.open(fileobj=io.BytesIO(_git("archive", commit)), mode="r:") as archive:
            archive.extractall(source, filter="data")
        environment = os.environ | {
            "SOURCE_DATE_EPOCH": str(epoch),
            "PIP_CONSTRAINT": str(source / "constraints.txt"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        command = [sys.executable, "-m", "build", "--outdir", str(built), str(source)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, umask=0o022)
        if done.returncode != 0:
            raise SystemExit(f"error: the build failed\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        for sdist in built.glob("*.tar.gz"):
            sdist.write_bytes(with_date(sdist.read_bytes(), epoch))
        return sorted(Path(shutil.copy(each, folder)) for each in built.iterdir())


def with_date(sdist: bytes, epoch: int) -> bytes:
    """Return a .tar.gz with sorted entries, this date everywhere, and nothing about who made it.

    setuptools applies SOURCE_DATE_EPOCH to wheels only.
    """
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(sdist), mode="r:gz") as old,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for entry in sorted(old.getmembers(), key=lambda each: each.name):
            clean = tarfile.TarInfo(entry.name)
            clean.size, clean.type, clean.mtime = entry.size, entry.type, epoch
            clean.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            new.addfile(clean, old.extractfile(entry) if entry.isfile() else None)
    return gzip.compress(packed.getvalue(), compresslevel=9, mtime=epoch)


def resolve(name: str) -> str:
    """Return the commit that a name such as HEAD stands for now."""
    return _git("rev-parse", "--verify", f"{name}^{{commit}}").decode().strip()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
