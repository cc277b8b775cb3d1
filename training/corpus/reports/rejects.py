"""The rejects file: one JSON line for each row that could not be used."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from glossator.service.errors import OutputError
from glossator.service.files.durable import write_atomically
from glossator.training.corpus.corpus import Corpus


def write_rejects(corpus: Corpus, path: str | Path) -> int:
    """The number of rejects, after writing each as `{"line", "reason", "message", "raw"}`, in the order of the source.

    The file is written even when there are none, so that one left by an earlier run misleads nobody. It is written
    aside, flushed and renamed. Raises OutputError.
    """
    path = Path(path)
    lines = [json.dumps(asdict(reject), ensure_ascii=False) + "\n" for reject in corpus.rejects]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, "".join(lines).encode(), mode=0o644)
    except OSError as error:
        raise OutputError(
            f"the rejects file cannot be written: {error.strerror or error}",
            found=path,
            hint="Free some space or choose a folder that you may write to.",
        ) from error
    return len(corpus.rejects)
