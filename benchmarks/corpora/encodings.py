"""How often the encoding of a short text file is guessed right, refused, or guessed wrong.

    python -m benchmarks.corpora.encodings

The texts of `benchmarks.common.encoded_texts` are written in each legacy encoding of their language, at three lengths
and line by line. A guess is right if the characters are those of the text, whatever the encoding is called. chardet and
charset-normalizer alone, which refuse next to nothing, are counted for comparison. Writes
benchmarks/results/encodings/.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import chardet
import charset_normalizer

from benchmarks.common.encoded_texts import LANGUAGES
from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.documents.decoding.encodings import detect_encoding
from glossator.service.errors import UndecodableFile

OLD_ENCODINGS = {
    "Central European": ("cp852", "mac-latin2"),
    "Turkish": ("cp857",),
    "Baltic": ("cp775", "iso8859-4"),
    "Western": ("cp850", "mac-roman", "cp437"),
    "Cyrillic": ("mac-cyrillic",),
}
"""Encodings of DOS and of old Macintosh systems."""
Guess = Callable[[bytes], str | None]


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    guesses: dict[str, Guess] = {"ours": ours, "chardet": chardet_alone, "charset_normalizer": charset_normalizer_alone}
    for group, length, encoding, text in samples():
        data = text.encode(encoding)
        for name, guess in guesses.items():
            counts[group, length][f"{name}_{judge(guess(data), data, text)}"] += 1
        counts[group, length]["texts"] += 1
    lines = [{"group": group, "length": length, **count} for (group, length), count in counts.items()]
    total = dict(sum(counts.values(), Counter[str]()))
    write_result("encodings", {"total": total, "lines": lines})
    write_report("encodings", report(lines, total))
    print(report(lines, total))


def samples() -> Iterator[tuple[str, str, str, str]]:
    """Yield group, length, encoding and text of every sample with characters beyond ASCII."""
    for texts in LANGUAGES:
        old = OLD_ENCODINGS.get(texts.region, ())
        for encoding in (*texts.encodings, *old):
            group = "DOS and Macintosh" if encoding in old else texts.region
            pieces = [*texts.samples().items(), *(("one line", line) for line in texts.lines)]
            yield from (
                (group, length, encoding, text)
                for length, text in pieces
                if not text.isascii() and text.encode(encoding, "ignore").decode(encoding) == text
            )


def judge(encoding: str | None, data: bytes, text: str) -> str:
    """Return `refused`, `right` or `wrong`."""
    if encoding is None:
        return "refused"
    try:
        return "right" if data.decode(encoding) == text else "wrong"
    except (UnicodeDecodeError, LookupError):
        return "refused"


def ours(data: bytes) -> str | None:
    try:
        return detect_encoding(data, "the text", complete=True).encoding
    except UndecodableFile:
        return None


def chardet_alone(data: bytes) -> str | None:
    return chardet.detect(data)["encoding"]


def charset_normalizer_alone(data: bytes) -> str | None:
    best = charset_normalizer.from_bytes(data).best()
    return None if best is None else best.encoding


def report(lines: list[dict[str, object]], total: dict[str, int]) -> str:
    header = ["texts in", "length", "texts", "right", "refused", "wrong", "chardet alone: wrong",
              "charset-normalizer alone: wrong"]  # fmt: skip
    keys = ["group", "length", "texts", "ours_right", "ours_refused", "ours_wrong", "chardet_wrong",
            "charset_normalizer_wrong"]  # fmt: skip
    rows = [[str(line.get(key, 0)) for key in keys] for line in [*lines, {"group": "all", "length": "", **total}]]
    return "\n".join(
        [
            "# Encodings that are guessed",
            "",
            "Short texts in legacy encodings. Right: the characters are those of the text. A refused text needs",
            "`--encoding`. `short` is one sentence, `medium` three, `long` eight.",
            "",
            markdown_table(header, rows, right=range(2, 8)),
            "",
            "Repeat with `python -m benchmarks.corpora.encodings`.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
