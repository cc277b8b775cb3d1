"""What is noticed in a corpus and left as it is. Each check is a pure function from a corpus to its findings."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, combinations, islice

import numpy as np

from glossator.evaluation.languages import LEAST_LETTERS, language_of
from glossator.service.errors import ConfigError, shorten
from glossator.training.corpus.cleaning.deduplicate import EXAMPLES
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.findings.near_duplicates import group_near_duplicates, group_same_texts
from glossator.training.corpus.findings.pii import find_personal_data, masked
from glossator.training.corpus.findings.text_rules import TEXT_RULES

IMBALANCE = 10
"""A class with this many times fewer rows than the largest is pointed out."""

_PLACEHOLDERS = frozenset({"nan", "null", "none", "n/a", "na", "nil", "undefined", "unlabelled", "unlabeled", "-", "?"})
_DIGITS = re.compile(r"\d")
_ALIKE_LETTERS = 5
LANGUAGE_ROWS = 5_000
"""Texts whose language is told: it takes 0.1 ms each."""


def findings(corpus: Corpus) -> list[Finding]:
    """All that is worth knowing about the rows and the labels of a task, in a fixed order."""
    named = corpus.task in ("text-classification", "text-pair") and corpus.problem_type != "regression"
    return [
        *(label_findings(corpus) if named else ()),
        *row_findings(corpus),
        *(span_findings(corpus) if corpus.task == "token-classification" else ()),
        *text_findings(corpus),
        *language_findings(corpus),
    ]


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
    alike = _alike(counts)
    if alike:
        rows = [index for index, names in enumerate(corpus.labels) if any(set(pair) & set(names) for pair in alike)]
        shown = [f"{one!r} ({counts[one]} rows) and {other!r} ({counts[other]} rows)" for one, other in alike]
        done = "kept apart; if one is a slip of the other, rename it in the source"
        found.append(_finding(corpus, "alike-label-names", len(rows), shown, done))
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
    keys = corpus.input_keys()
    firsts = group_same_texts(keys)
    counts = np.bincount(firsts)
    same: defaultdict[int, list[int]] = defaultdict(list)
    for index, first in enumerate(firsts):
        if counts[first] > 1:
            same[first].append(index)
    conflicts = [rows for rows in same.values() if len({corpus.labels[index] for index in rows}) > 1]
    copies = []
    seen: defaultdict[int, set[tuple[str, ...]]] = defaultdict(set)
    for index, (first, group) in enumerate(zip(firsts, group_near_duplicates(keys), strict=True)):
        earlier = seen[first] if counts[first] > 1 else set()
        if corpus.labels[index] in earlier or (group < first and not earlier):
            copies.append(index)
        earlier.add(corpus.labels[index])
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
    """Texts that a rule of TEXT_RULES is about, one finding a rule; what looks personal is shown masked."""
    found = []
    for rule in TEXT_RULES:
        rows = [index for index, text in enumerate(corpus.texts) if rule.finds(text)]
        if rows:
            shown = _personal(corpus, rows) if rule.name == "personal-data" else _lines(corpus, rows)
            done = f"left as it is; --apply {'mends it' if rule.safe else f'--rule {rule.name} mends it'}: {rule.hint}"
            found.append(_finding(corpus, rule.name, len(rows), shown, done, rows))
    return found


def language_findings(corpus: Corpus) -> list[Finding]:
    """Texts in another language than most, of the first LANGUAGE_ROWS that are long enough to tell."""
    told = {index: language for index in _telling(corpus) if (language := language_of(corpus.texts[index])) is not None}
    counts = Counter(told.values()).most_common()
    if len(counts) < 2:
        return []
    rows = [index for index, language in told.items() if language != counts[0][0]]
    shown = [f"line {corpus.lines[index]}, {told[index]}: {shorten(corpus.texts[index], 80)}" for index in rows]
    parts = ", ".join(f"{language} {count:,}" for language, count in counts[:EXAMPLES])
    done = f"kept; of {len(told):,} texts whose language can be told: {parts}"
    return [_finding(corpus, "other-languages", len(rows), shown, done, rows)]


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


def long_text_findings(corpus: Corpus, lengths: Sequence[int], room: int) -> list[Finding]:
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


def _telling(corpus: Corpus) -> list[int]:
    """The first rows whose texts have letters enough to tell a language."""
    return list(islice((row for row, text in enumerate(corpus.texts) if len(text) >= LEAST_LETTERS), LANGUAGE_ROWS))


def _alike(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of names that one letter more, less or other parts: by what is left when one letter is taken out, so that
    ten thousand names are not compared with one another."""
    by_rest: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        if len(name) >= _ALIKE_LETTERS:
            for rest in {name, *(name[:place] + name[place + 1 :] for place in range(len(name)))}:
                by_rest[rest].add(name)
    pairs = {pair for group in by_rest.values() for pair in combinations(sorted(group), 2)}
    return sorted(pair for pair in pairs if _DIGITS.findall(pair[0]) == _DIGITS.findall(pair[1]))


def _personal(corpus: Corpus, rows: Sequence[int]) -> list[str]:
    kinds = Counter(each.kind for row in rows for each in find_personal_data(corpus.texts[row]))
    shown = [", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common())]
    for row in rows[: EXAMPLES - 1]:
        text = corpus.texts[row]
        parts = [f"{each.kind} {masked(text[each.start : each.end])}" for each in find_personal_data(text)]
        shown.append(f"line {corpus.lines[row]}: {', '.join(parts)}")
    return shown


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
