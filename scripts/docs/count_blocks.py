"""Counts the code blocks of the documents by what is done with them, and finds those that nobody runs.

    python scripts/docs/count_blocks.py

A block is executed (`run_sessions.py` runs it), left out with its reason, or only shown: output, settings of other
programs, drawings. Exits with 1 if a command or Python is none of these, or a reason is unknown.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from pages import EXECUTED, REASONS, blocks

ROOT = Path(__file__).resolve().parents[2]


def classes(text: str, name: str) -> Iterator[tuple[int, str]]:
    """The line and the class of each block of a document."""
    for block in blocks(text):
        if block.kind == "first":
            continue
        if block.reason is not None:
            yield block.line, f"not run: {block.reason}"
        elif block.kind == "shown":
            yield block.line, "shown"
        elif name in EXECUTED:
            yield block.line, "executed"
        else:
            yield block.line, "not executed"


def summary(root: Path) -> tuple[Counter[str], list[str]]:
    """The classes of all blocks of the README and `docs/`, and the faults."""
    total, faults = Counter[str](), list[str]()
    for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        name = path.relative_to(root).as_posix()
        found = list(classes(path.read_text(encoding="utf-8"), name))
        for line, kind in found:
            if kind == "not executed":
                faults.append(
                    f"{name}:{line}: is not executed: add it to EXECUTED of pages.py, or a reason above the block"
                )
            if (reason := kind.removeprefix("not run: ")) != kind and reason not in REASONS:
                faults.append(f"{name}:{line}: {reason!r} is no reason of pages.py")
        total.update(kind for _, kind in found)
    return total, faults


def described(total: Counter[str]) -> str:
    """The counts in one line."""
    return f"{total.total()} code blocks: " + ", ".join(f"{number} {name}" for name, number in sorted(total.items()))


def main(arguments: Sequence[str]) -> int:
    """Print the counts and the faults; 1 if there are any."""
    total, faults = summary(Path(arguments[0]) if arguments else ROOT)
    print(described(total))
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
