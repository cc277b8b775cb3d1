"""Counts the code blocks of the documents by what is done with them, and checks the reasons of those that are left out.

    python scripts/docs/count_blocks.py

A block is executed (`run_sessions.py` runs it and compares what it shows), left out of a document that is executed
(with its reason), checked without being run (`check_docs.py` parses commands and compiles snippets), or only shown:
output, settings of other programs, drawings.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from run_sessions import BLOCK, EXECUTED, IN_DEMO, REASONS, ROOT

_CHECKED = {"", "sh", "bash", "shell", "console", "python", "py", "json", "toml"}


def count(text: str, executed: bool) -> Counter[str]:
    """How many blocks of a document are in each class; a class that begins with "not run" names the reason."""
    classes = Counter[str]()
    for block in BLOCK.finditer(text):
        language, content = block["language"], block["text"]
        session = (language == "python" and ">>> " in content) or (language == "console" and "$ " in content)
        if block["reason"]:
            classes[f"not run: {block['reason']}"] += 1
        elif executed and (session or language == "bash"):
            classes["executed"] += 1
        elif language in _CHECKED:
            classes["checked"] += 1
        else:
            classes["shown"] += 1
    return classes


def summary(root: Path) -> tuple[Counter[str], list[str]]:
    """The classes of all blocks of the README and `docs/`, and a fault for each reason that is not in REASONS."""
    total, faults = Counter[str](), list[str]()
    for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        name = path.relative_to(root).as_posix()
        found = count(path.read_text(encoding="utf-8"), name in {*EXECUTED, *IN_DEMO})
        reasons = [each.removeprefix("not run: ") for each in found if each.startswith("not run: ")]
        faults += [f"{name}: {reason!r} is no reason of run_sessions.py" for reason in reasons if reason not in REASONS]
        total += found
    return total, faults


def described(total: Counter[str]) -> str:
    """The counts in one line."""
    return f"{total.total()} code blocks: " + ", ".join(f"{number} {name}" for name, number in sorted(total.items()))


def main(arguments: Sequence[str]) -> int:
    """Print the counts; 1 if a reason is unknown."""
    total, faults = summary(Path(arguments[0]) if arguments else ROOT)
    print(described(total))
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
