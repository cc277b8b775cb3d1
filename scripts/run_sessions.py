"""Run the Python sessions (`>>>`) of documents and compare their output with the documents.

    python scripts/run_sessions.py README.md ...

The sessions of one document share their variables. They run in the current folder, so the README's session finds
`demo/tickets` after `make demo`. Prints each difference, and exits with 1 if there is any or if there is no session.
"""

from __future__ import annotations

import doctest
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TOLERANCE = 0.05
"""Largest difference between a number in a document and in the output: scores differ a little between processors."""
_NUMBER = re.compile(r"-?\d+\.\d+")
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


class NumberChecker(doctest.OutputChecker):
    """Compares outputs exactly, except for decimal numbers, which may differ by TOLERANCE."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        wanted, found = (list(map(float, _NUMBER.findall(text))) for text in (want, got))
        close = len(wanted) == len(found) and all(abs(a - b) <= TOLERANCE for a, b in zip(wanted, found, strict=True))
        return close and super().check_output(_NUMBER.sub("#", want), _NUMBER.sub("#", got), optionflags)


def run(document: Path) -> doctest.TestResults:
    """Run the sessions of a document. Returns how many examples ran and failed."""
    text = document.read_text(encoding="utf-8")
    parser, runner, variables = doctest.DocTestParser(), doctest.DocTestRunner(NumberChecker()), dict[str, Any]()
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
