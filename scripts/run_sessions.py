"""Run the Python sessions (`>>>`) of documents and compare their output with the documents.

    python scripts/run_sessions.py README.md ...

The sessions of one document share their variables. They run in the current folder, so that of the README finds
`demo/tickets` after `make demo`. Prints each difference, and exits with 1 if there is any or if there is no session.
"""

from __future__ import annotations

import doctest
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


def run(document: Path) -> doctest.TestResults:
    """How many examples of a document ran, and how many failed."""
    text = document.read_text(encoding="utf-8")
    parser, runner, variables = doctest.DocTestParser(), doctest.DocTestRunner(), dict[str, Any]()
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        session = parser.get_doctest(block[1], variables, document.name, str(document), line)
        runner.run(session, clear_globs=False)
        variables = session.globs
    return runner.summarize(verbose=False)


def main(arguments: Sequence[str]) -> int:
    """Run every document that is named. Returns 1 if an example fails, or if a document has none."""
    failed = 0
    for name in arguments:
        results = run(Path(name))
        print(f"{name}: {results.attempted} examples, {results.failed} failed", file=sys.stderr)
        failed += results.failed or not results.attempted
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
