"""The checks that every corpus goes through. Each returns findings and changes nothing."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, combinations, islice

import numpy as np

from glossator.evaluation.language_detection import MIN_LETTERS, detect_language
from glossator.service.errors import shorten
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import EXAMPLES, Finding
from glossator.training.corpus.findings.near_duplicates import group_near_duplicates, group_same_texts
from glossator.training.corpus.findings.pii import find_personal_data, mask
from glossator.training.corpus.findings.separators import check_separators
from glossator.training.corpus.findings.text_rules import TEXT_RULES, TextRule

IMBALANCE_RATIO = 10
"""Labels with this many times fewer rows than the largest are reported."""
LANGUAGE_ROWS = 5_000
"""The language of this many first texts is detected; it takes 0.1 ms per text."""

_MISSING_VALUES = frozenset({"nan", "null", "none", "n/a", "#n/a", "na", "nil", "nat", "<na>", "undefined", "-", "?"})
"""What programs write for a missing value."""
_PLACEHOLDERS = _MISSING_VALUES | {"unlabelled", "unlabeled", "unsup", "unsupervised", "todo", "tbd"}
_DIGITS = re.compile(r"\d")
_MIN_SIMILAR_NAME = 5
"""Shorter label names are not compared: many of them differ by one character."""


def check_corpus(corpus: Corpus) -> list[Finding]:
    """All findings about the rows and the labels of a corpus, in a fixed order."""
    has_classes = corpus.task in ("text-classification", "text-pair") and corpus.problem_type != "regression"
    return [
        *(check_labels(corpus) if has_classes else ()),
        *check_duplicates(corpus),
        *(check_spans(corpus) if corpus.task == "token-classification" else ()),
        *check_placeholders(corpus),
        *check_texts(corpus),
        *check_languages(corpus),
    ]


def check_labels(corpus: Corpus) -> list[Finding]:
    """Findings about label names (placeholders, numbers, similar names), rows without labels, and class imbalance."""
    counts = {name: count for name, count in corpus.label_counts().items() if count}
    found: list[Finding] = []
    found += check_separators(corpus)
    suspicious = [name for name in counts if name.strip().casefold() in _PLACEHOLDERS]
    if suspicious:
        rows = [index for index, names in enumerate(corpus.labels) if not set(suspicious).isdisjoint(names)]
        examples = [f"'{name}' ({counts[name]} rows)" for name in suspicious]
        done = "kept as a label. Hint: empty these cells if they mean that there is no label"
        found.append(_finding(corpus, "suspicious-label-names", len(rows), examples, done))
    if counts and all(name.strip().lstrip("-").isdecimal() for name in counts):
        examples = [f"'{name}' ({counts[name]} rows)" for name in counts]
        done = "kept. Hint: answers will show these numbers; --label-names gives the labels names"
        found.append(_finding(corpus, "numeric-label-names", len(corpus), examples, done))
    similar = _similar_names(counts)
    if similar:
        rows = [index for index, names in enumerate(corpus.labels) if any(set(pair) & set(names) for pair in similar)]
        examples = [f"'{one}' ({counts[one]} rows) and '{other}' ({counts[other]} rows)" for one, other in similar]
        done = "kept as separate labels. Hint: if one is a typing error, correct it in the source"
        found.append(_finding(corpus, "alike-label-names", len(rows), examples, done))
    unlabelled = [index for index, names in enumerate(corpus.labels) if not names]
    if unlabelled:
        done = "kept: they are examples to which no label applies. Hint: check that this is meant"
        found.append(
            _finding(corpus, "rows-without-labels", len(unlabelled), _shown(corpus, unlabelled), done, unlabelled)
        )
    largest = max(counts.values(), default=0)
    small = sorted((count, name) for name, count in counts.items() if count * IMBALANCE_RATIO < largest)
    if small:
        examples = [f"'{name}': {count} rows, the largest has {largest}" for count, name in small]
        done = "kept. Hint: add rows of these labels, and read their own scores in the evaluation"
        found.append(_finding(corpus, "class-imbalance", sum(count for count, _ in small), examples, done))
    return found


def check_duplicates(corpus: Corpus) -> list[Finding]:
    """Findings about texts that nearly repeat an earlier one, and about equal texts with different labels."""
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
        done = "kept on one side of the split. Hint: --apply --rule near-duplicates keeps the first of each group"
        found.append(_finding(corpus, "near-duplicates", len(copies), _shown(corpus, copies), done, copies))
    if conflicts:
        examples = [_shown_conflict(corpus, group) for group in conflicts[:EXAMPLES]]
        done = "kept on one side of the split. Hint: correct the labels, or drop these rows with --apply --rule "
        done += "conflicting-labels"
        if corpus.problem_type == "multi_label_classification":
            done = "kept on one side of the split. Hint: check whether labels are missing"
        rows = sorted(chain.from_iterable(conflicts))
        found.append(_finding(corpus, "conflicting-labels", len(rows), examples, done, rows))
    return found


def check_texts(corpus: Corpus) -> list[Finding]:
    """One finding for each rule of `TEXT_RULES` that applies to any text. Examples of personal data are masked."""
    found = []
    for rule in TEXT_RULES:
        rows = [index for index, text in enumerate(corpus.texts) if rule.applies(text)]
        if rows:
            examples = _shown_personal_data(corpus, rows) if rule.name == "personal-data" else _shown(corpus, rows)
            found.append(_finding(corpus, rule.name, len(rows), examples, _rule_hint(rule, corpus, rows), rows))
    return found


def check_placeholders(corpus: Corpus) -> list[Finding]:
    """A finding about texts such as `nan` and `NULL`, which programs write for missing values."""
    rows = [index for index, text in enumerate(corpus.texts) if text.strip().casefold() in _MISSING_VALUES]
    if not rows:
        return []
    done = "kept as texts. Hint: leave these cells empty if they mean that there is no text"
    return [_finding(corpus, "placeholder-texts", len(rows), _shown(corpus, rows), done, rows)]


def check_languages(corpus: Corpus) -> list[Finding]:
    """A finding about texts in another language than most, of the first `LANGUAGE_ROWS` long enough texts."""
    long_enough = (row for row, text in enumerate(corpus.texts) if len(text) >= MIN_LETTERS)
    languages = {row: detect_language(corpus.texts[row]) for row in islice(long_enough, LANGUAGE_ROWS)}
    detected = {row: language for row, language in languages.items() if language is not None}
    counts = Counter(detected.values()).most_common()
    if len(counts) < 2:
        return []
    rows = [row for row, language in detected.items() if language != counts[0][0]]
    examples = [f"line {corpus.lines[row]}, {detected[row]}: {shorten(corpus.texts[row], 80)}" for row in rows]
    parts = ", ".join(f"{language} {count:,}" for language, count in counts[:EXAMPLES])
    done = f"kept. The languages of {len(detected):,} texts were detected: {parts}"
    return [_finding(corpus, "other-languages", len(rows), examples, done, rows)]


def check_spans(corpus: Corpus) -> list[Finding]:
    """A finding about spans that start or end inside a word or with white space: a sign of shifted offsets.

    Letters of scripts without spaces between words are no part of this check.
    """
    rows, examples = [], []
    for index, (text, spans) in enumerate(zip(corpus.texts, corpus.spans or (), strict=False)):
        odd = [span for span in spans if _splits_word(text, span.start, span.end)]
        if odd:
            rows.append(index)
            examples.append(f"line {corpus.lines[index]}: '{text[odd[0].start : odd[0].end]}' in {shorten(text, 60)}")
    if not rows:
        return []
    done = "kept. Hint: check whether all offsets are shifted by the same number of characters"
    return [_finding(corpus, "spans-across-words", len(rows), examples, done, rows)]


def _rule_hint(rule: TextRule, corpus: Corpus, rows: Sequence[int]) -> str:
    option = "--apply" if rule.safe else f"--apply --rule {rule.name}"
    if rule.name != "encoding-damage":
        return f"kept. Hint: {option} changes them: {rule.hint}"
    repaired = sum(rule.clean(corpus.texts[row]) != corpus.texts[row] for row in rows)
    if not repaired:
        return "kept: they cannot be repaired. Hint: read the source with its encoding (--encoding)"
    return f"kept. Hint: {option} changes {repaired:,} of them: {rule.hint}"


def _splits_word(text: str, start: int, end: int) -> bool:
    if text[start].isspace() or text[end - 1].isspace():
        return True
    return any(0 < cut < len(text) and _in_word(text[cut - 1]) and _in_word(text[cut]) for cut in (start, end))


def _in_word(character: str) -> bool:
    return character.isalnum() and unicodedata.category(character) != "Lo"


def _similar_names(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of names that differ by one character but not by a digit.

    Names are indexed by what is left of them without one character, so that not every pair has to be compared.
    """
    by_rest: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        if len(name) >= _MIN_SIMILAR_NAME:
            for rest in {name, *(name[:place] + name[place + 1 :] for place in range(len(name)))}:
                by_rest[rest].add(name)
    pairs = {pair for group in by_rest.values() for pair in combinations(sorted(group), 2)}
    return sorted(pair for pair in pairs if _DIGITS.findall(pair[0]) == _DIGITS.findall(pair[1]))


def _shown(corpus: Corpus, rows: Sequence[int]) -> list[str]:
    return [f"line {corpus.lines[index]}: {shorten(corpus.texts[index], 80)}" for index in rows[:EXAMPLES]]


def _shown_personal_data(corpus: Corpus, rows: Sequence[int]) -> list[str]:
    """The number of each kind, then examples with their characters masked."""
    kinds = Counter(each.kind for row in rows for each in find_personal_data(corpus.texts[row]))
    examples = [", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common())]
    for row in rows[: EXAMPLES - 1]:
        text = corpus.texts[row]
        parts = [f"{each.kind} {mask(text[each.start : each.end])}" for each in find_personal_data(text)]
        examples.append(f"line {corpus.lines[row]}: {', '.join(parts)}")
    return examples


def _shown_conflict(corpus: Corpus, group: Sequence[int]) -> str:
    sides = [(" + ".join(corpus.labels[index]) or "(none)", corpus.lines[index]) for index in group[:4]]
    labels = ", ".join(f"{names} (line {line})" for names, line in sides)
    return f"{shorten(corpus.texts[group[0]], 60)}: {labels}"


def _finding(
    corpus: Corpus, name: str, count: int, examples: Iterable[str], what_was_done: str, rows: Sequence[int] = ()
) -> Finding:
    lines = tuple(corpus.lines[index] for index in rows)
    return Finding(name, count, count / max(1, len(corpus)), tuple(examples)[:EXAMPLES], what_was_done, lines)
