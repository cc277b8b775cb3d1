"""The rejects file: one JSON line for each row that could not be used."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from glossator.service.errors import OutputError
from glossator.service.files.durable import write_atomically
from glossator.training.corpus.corpus import Corpus


def write_rejects(corpus: Corpus, path: str | Path) -> int:
    """Write each reject as `{"line", "reason", "message", "raw"}`, in the order of the source; return their number.

    An empty file is written if there are none, so that no rejects of an earlier reading remain. The file is written
    atomically. Raises OutputError.
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
