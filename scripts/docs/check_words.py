"""Search the repository's text for retired words: the list and their replacements are in `retired_words.txt`.

    python scripts/docs/check_words.py [PATH ...]

Prints each use as `file:line: word -> replacement` and exits with 1 if there is any. Reads the files that git tracks
or would track: source code, documentation and templates. Results of benchmarks, data and third-party files are left
out. A word counts inside identifiers too.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORDS = Path(__file__).with_name("retired_words.txt")
SUFFIXES = {".py", ".md", ".html", ".js", ".ts", ".mjs", ".css", ".sh", ".toml", ".yaml", ".yml", ""}
LEFT_OUT = ("benchmarks/results/", "service/api/web/static/vendor/", "LICENSE", "node_modules/")


@dataclass(frozen=True)
class Word:
    """A retired word: the pattern that finds it, and what to write instead."""

    pattern: re.Pattern[str]
    replacement: str


@dataclass(frozen=True)
class Use:
    """One use of a retired word."""

    line: int
    found: str
    replacement: str


def read_words(file: Path = WORDS) -> list[Word]:
    """The retired words. Raises ValueError for a line without a tab or with an invalid regular expression."""
    words = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        expression, tab, replacement = line.partition("\t")
        if not tab or not replacement.strip():
            raise ValueError(f"{file.name}:{number}: expected a regular expression, a tab and a replacement")
        spaced = expression.replace(" ", r"[\s_]+")
        words.append(Word(re.compile(rf"(?<![A-Za-z])(?:{spaced})(?![A-Za-z])", re.IGNORECASE), replacement))
    return words


def uses(text: str, words: Sequence[Word]) -> Iterator[Use]:
    """Every use of a retired word, in the order of the text; a phrase may run over the end of a line."""
    found = [(match, word) for word in words for match in word.pattern.finditer(text)]
    for match, word in sorted(found, key=lambda each: each[0].start()):
        yield Use(text.count("\n", 0, match.start()) + 1, " ".join(match.group().split()), word.replacement)


def files(paths: Sequence[str]) -> list[Path]:
    """The text files below `paths` that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *paths]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [
        ROOT / name
        for name in sorted(set(listed))
        if Path(name).suffix in SUFFIXES and not any(part in name for part in LEFT_OUT) and (ROOT / name).is_file()
    ]


def main(arguments: Sequence[str]) -> int:
    words = read_words()
    count = 0
    for file in files(arguments or ["."]):
        for use in uses(file.read_text(encoding="utf-8"), words):
            count += 1
            print(f"{file.relative_to(ROOT)}:{use.line}: {use.found!r} -> {use.replacement}")
    if count:
        print(
            f"{count} retired words found. "
            "Hint: write plain technical English; scripts/docs/retired_words.txt is the list."
        )
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
