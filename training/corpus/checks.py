"""What is noticed in a corpus and left as it is. Each check is a pure function from a corpus to its findings."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

from service.errors import ConfigError, shorten
from training.corpus.corpus import Corpus, Finding
from training.corpus.near import near_groups, normalise_text
from training.corpus.repair import EXAMPLES

IMBALANCE = 10
"""A class with this many times fewer rows than the largest is pointed out."""

_PLACEHOLDERS = frozenset({"nan", "null", "none", "n/a", "na", "nil", "undefined", "unlabelled", "unlabeled", "-", "?"})
_HTML = re.compile(r"</?[a-zA-Z][^<>]*>|<!--|&(?:[a-zA-Z][a-zA-Z0-9]{1,30}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]{2,}")
# Tabs and line ends are ordinary; the rest of C0, DEL and C1 (a sign of Windows-1252 read as Latin-1) are not.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f]")


def findings(corpus: Corpus) -> list[Finding]:
    """All that is worth knowing about the rows and the labels, in a fixed order."""
    return [*label_findings(corpus), *row_findings(corpus), *text_findings(corpus)]


def label_findings(corpus: Corpus) -> list[Finding]:
    """Label names that look like placeholders or numbers, rows without labels, and classes out of balance."""
    counts = {name: count for name, count in corpus.label_counts().items() if count}
    suspicious = [name for name in counts if name.strip().casefold() in _PLACEHOLDERS]
    found = []
    if suspicious:
        rows = [index for index, names in enumerate(corpus.labels) if not set(suspicious).isdisjoint(names)]
        shown = [f"{name!r} ({counts[name]} rows)" for name in suspicious]
        done = "kept as a label; if it stands for no label, empty these cells"
        found.append(_finding(corpus, "suspicious-label-names", len(rows), shown, done))
    if counts and all(name.strip().lstrip("-").isdecimal() for name in counts):
        shown = [f"{name!r} ({counts[name]} rows)" for name in counts]
        done = "kept; answers will show these numbers, so give names if there are any"
        found.append(_finding(corpus, "numeric-label-names", len(corpus), shown, done))
    unlabelled = [index for index, names in enumerate(corpus.labels) if not names]
    if unlabelled:
        shown = _lines(corpus, unlabelled)
        found.append(
            _finding(corpus, "rows-without-labels", len(unlabelled), shown, "kept: no label applies", unlabelled)
        )
    largest = max(counts.values(), default=0)
    small = sorted((count, name) for name, count in counts.items() if count * IMBALANCE < largest)
    if small:
        rows_hit = sum(count for count, _ in small)
        shown = [f"{name!r}: {count} rows, the largest has {largest}" for count, name in small]
        found.append(_finding(corpus, "class-imbalance", rows_hit, shown, "left as it is"))
    return found


def row_findings(corpus: Corpus) -> list[Finding]:
    """Texts that are nearly those of an earlier row, and copies of a text whose labels differ."""
    keys = corpus.keys()
    same: defaultdict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(keys):
        same[normalise_text(text)].append(index)
    conflicts = [rows for rows in same.values() if len({corpus.labels[index] for index in rows}) > 1]
    copies = []
    for index, group in enumerate(near_groups(keys)):
        rows = same[normalise_text(keys[index])]
        earlier = {corpus.labels[other] for other in rows[: rows.index(index)]} if len(rows) > 1 else set()
        if corpus.labels[index] in earlier or (group < rows[0] and not earlier):
            copies.append(index)
    found = []
    if copies:
        done = "kept, and kept on one side of the split"
        found.append(_finding(corpus, "near-duplicates", len(copies), _lines(corpus, copies), done, copies))
    if conflicts:
        shown = [_conflict(corpus, group) for group in conflicts[:EXAMPLES]]
        done = "kept, and kept on one side of the split; at most one of these labels can be right"
        if corpus.problem_type == "multi_label_classification":
            done = "kept, and kept on one side of the split"
        rows = sorted(chain.from_iterable(conflicts))
        found.append(_finding(corpus, "conflicting-labels", len(rows), shown, done, rows))
    return found


def text_findings(corpus: Corpus) -> list[Finding]:
    """Texts with signs of a wrong encoding, remains of HTML, or control characters."""
    damaged, html, control = [], [], []
    for index, text in enumerate(corpus.texts):
        if ("<" in text or "&" in text) and _HTML.search(text):
            html.append(index)
        if not text.isprintable() and _CONTROL.search(text):
            control.append(index)
        if not text.isascii():
            damaged.append(index)
    damaged = [index for index in damaged if _encoding_damage(corpus.texts[index])]
    return [
        _finding(corpus, name, len(rows), _lines(corpus, rows), done, rows)
        for name, rows, done in (
            ("encoding-damage", damaged, "left as it is; read the source in its true encoding, or mend it with ftfy"),
            ("html-remains", html, "left as it is"),
            ("control-characters", control, "left as it is"),
        )
        if rows
    ]


def span_findings(corpus: Corpus) -> list[Finding]:
    """Spans that begin or end in the middle of a word, or with white space: a sign of offsets that are shifted.

    Letters of scripts that put no space between words say nothing of this.
    """
    rows, shown = [], []
    for index, (text, spans) in enumerate(zip(corpus.texts, corpus.spans or (), strict=False)):
        odd = [span for span in spans if _splits_word(text, span.start, span.end)]
        if odd:
            rows.append(index)
            shown.append(f"line {corpus.lines[index]}: {text[odd[0].start : odd[0].end]!r} in {shorten(text, 60)}")
    done = "kept; check whether all are shifted by the same number of characters"
    return [_finding(corpus, "spans-across-words", len(rows), shown, done, rows)] if rows else []


def _splits_word(text: str, start: int, end: int) -> bool:
    if text[start].isspace() or text[end - 1].isspace():
        return True
    return any(0 < cut < len(text) and _in_word(text[cut - 1]) and _in_word(text[cut]) for cut in (start, end))


def _in_word(character: str) -> bool:
    return character.isalnum() and unicodedata.category(character) != "Lo"


def token_length_findings(corpus: Corpus, lengths: Sequence[int], room: int) -> list[Finding]:
    """Rows of more tokens than the `room` of one window; `lengths` has the token count of each row. Empty where there
    are none."""
    if len(lengths) != len(corpus):
        raise ConfigError("token counts and rows differ in number", found=len(lengths), expected=f"{len(corpus)}")
    long = [index for index, length in enumerate(lengths) if length > room]
    if not long:
        return []
    long.sort(key=lambda index: (-lengths[index], index))
    shown = [f"line {corpus.lines[index]}: {lengths[index]} tokens" for index in long[:EXAMPLES]]
    return [_finding(corpus, "too-long", len(long), shown, f"over {room} tokens: read in windows, nothing cut off")]


def _encoding_damage(text: str) -> bool:
    """True for the replacement character, and for UTF-8 that was read in another encoding ("Ã©" for "é")."""
    from ftfy.badness import is_bad

    return "\ufffd" in text or is_bad(text) or any(_read_wrongly(run) for run in _BEYOND_ASCII.findall(text))


def _read_wrongly(run: str) -> bool:
    """Whether characters beyond ASCII are the bytes of UTF-8: by chance they hardly ever are."""
    try:
        return run.encode("cp1252").decode("utf-8") != run
    except UnicodeError:
        return False


def _finding(
    corpus: Corpus, name: str, count: int, examples: Iterable[str], what_was_done: str, rows: Sequence[int] = ()
) -> Finding:
    lines = tuple(corpus.lines[index] for index in rows)
    return Finding(name, count, count / max(1, len(corpus)), tuple(examples)[:EXAMPLES], what_was_done, lines)


def _lines(corpus: Corpus, rows: Sequence[int]) -> list[str]:
    return [f"line {corpus.lines[index]}: {shorten(corpus.texts[index], 80)}" for index in rows[:EXAMPLES]]


def _conflict(corpus: Corpus, group: Sequence[int]) -> str:
    sides = [(" + ".join(corpus.labels[index]) or "(none)", corpus.lines[index]) for index in group[:4]]
    told = ", ".join(f"{labels} (line {line})" for labels, line in sides)
    return f"{shorten(corpus.texts[group[0]], 60)}: {told}"
