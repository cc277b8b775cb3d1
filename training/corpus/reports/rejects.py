"""The rejects file: one JSON line for each row that could not be used."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from glossator.service.errors import OutputError
from glossator.service.files.atomic_folder import fsync
from glossator.training.corpus.corpus import Corpus


def write_rejects(corpus: Corpus, path: str | Path) -> int:
    """The number of rejects, after writing each as `{"line", "reason", "message", "raw"}`, in the order of the source.

    The file is written even when there are none, so that one left by an earlier run misleads nobody. It is written
    aside, flushed and renamed. Raises OutputError.
    """
    path = Path(path)
    aside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="\n", dir=path.parent, prefix=f".{path.name}-", delete=False
        ) as file:
            aside = Path(file.name)
            aside.chmod(0o644)
            for reject in corpus.rejects:
                file.write(json.dumps(asdict(reject), ensure_ascii=False) + "\n")
        fsync(aside)
        aside.replace(path)
        aside = None
        fsync(path.parent)
    except OSError as error:
        raise OutputError(
            f"the rejects file cannot be written: {error.strerror or error}",
            found=path,
            hint="Free some space or choose a folder that you may write to.",
        ) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)
    return len(corpus.rejects)
