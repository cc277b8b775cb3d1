"""Findings about corpora on which results would be too good, or mean nothing.

They have few texts, texts that give the label away, or labels that number the rows.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from glossator.modeling.minhash import normalise_text
from glossator.service.documents.text_evidence import is_mark, is_missing
from glossator.service.errors import shorten
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import EXAMPLES, Finding
from glossator.training.corpus.row import shown

MIN_ROWS = 20
"""Fewer rows show nothing."""
_DISTINCT_SHARE = 0.5
_MARK_SHARE = 0.5
_EQUAL_SHARE = 0.1
_CONTAINED_SHARE = 0.8
_ROWS_PER_LABEL = 3
_ROWS_PER_VALUE = 5
_MAX_VALUES = 1_000
_MAX_COLUMNS = 50
_CHOOSE = "kept. Hint: look at the texts; name another column with --text-column if these are not the texts"


def few_distinct_texts(texts: Sequence[str]) -> int | None:
    """The number of different texts if it is so small that a score on them means little; else None."""
    if len(texts) < MIN_ROWS:
        return None
    distinct = len(set(map(normalise_text, texts)))
    return distinct if distinct <= _DISTINCT_SHARE * len(texts) else None


def check_suspicious(corpus: Corpus) -> list[Finding]:
    """The findings about the texts and labels of a corpus from which duplicates were not dropped yet."""
    if len(corpus) < MIN_ROWS:
        return []
    found = [_few_texts(corpus), _texts_without_words(corpus)]
    if corpus.spans is None and corpus.scores is None and corpus.seconds is None:
        found += [_labels_in_texts(corpus), _nearly_unique_labels(corpus)]
    return [finding for finding in found if finding is not None]


@dataclass(slots=True)
class ColumnLinks:
    """Collects, row by row, which labels go with the values of the other columns."""

    skip: frozenset[str]
    """The columns of text and labels."""
    _labels: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=lambda: defaultdict(dict))
    _rows: Counter[str] = field(default_factory=Counter)
    _free: set[str] = field(default_factory=set)
    """Columns whose values do not determine the label."""

    def collect(self, fields: Mapping[str, object], labels: tuple[str, ...]) -> None:
        """Add the values of one row."""
        for name, value in fields.items():
            if name in self.skip or name in self._free or is_missing(value):
                continue
            known = self._labels[name]
            key = shown(value, 40)
            if known.setdefault(key, labels) != labels or len(known) > _MAX_VALUES or len(self._labels) > _MAX_COLUMNS:
                self._free.add(name)
                del self._labels[name]
            else:
                self._rows[name] += 1

    def findings(self, corpus: Corpus) -> list[Finding]:
        """One finding about all columns that determine the label, except for copies of it."""
        examples, count = [], 0
        labels = len(set(corpus.labels))
        for name, known in self._labels.items():
            rows = self._rows[name]
            copies = len(known) == len(set(known.values()))
            if copies or labels < 2 or len(set(known.values())) < labels or rows < _ROWS_PER_VALUE * len(known):
                continue
            values = ", ".join(f"{value}: {' + '.join(names) or 'none'}" for value, names in list(known.items())[:3])
            examples.append(f"column {name}: {shorten(values, 100)}")
            count = max(count, rows)
        if not examples or len(corpus) < MIN_ROWS:
            return []
        done = "kept: no model sees that column. Hint: check that the labels were not derived from it"
        return [Finding("label-follows-column", count, count / len(corpus), tuple(examples[:EXAMPLES]), done)]


def _few_texts(corpus: Corpus) -> Finding | None:
    keys = corpus.input_keys()
    distinct = few_distinct_texts(keys)
    if distinct is None:
        return None
    counts = Counter(map(normalise_text, keys))
    repeated = len(corpus) - distinct
    examples = [f"{count:,} rows: {shorten(text, 60)}" for text, count in counts.most_common(EXAMPLES)]
    labels_of: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for key, labels in zip(keys, corpus.labels, strict=True):
        labels_of[normalise_text(key)].add(labels)
    same = all(len(labels) == 1 for labels in labels_of.values()) and distinct == len(set(corpus.labels))
    one = ", one for each label" if same else ""
    done = f"there are {distinct:,} different texts{one}; {_CHOOSE}"
    return Finding("few-distinct-texts", repeated, repeated / len(corpus), tuple(examples), done)


def _texts_without_words(corpus: Corpus) -> Finding | None:
    rows = [index for index, text in enumerate(corpus.texts) if is_mark(text.strip())]
    if len(rows) < _MARK_SHARE * len(corpus):
        return None
    return _finding(corpus, "texts-without-words", rows, _CHOOSE)


def _labels_in_texts(corpus: Corpus) -> Finding | None:
    equal, contained = [], []
    patterns = {
        name: re.compile(rf"(?<!\w){re.escape(_words(name))}(?!\w)")
        for name in corpus.label_names
        if len(name) > 2 and not name.strip().isdecimal()
    }
    for index, (text, labels) in enumerate(zip(corpus.texts, corpus.labels, strict=True)):
        words = _words(text)
        if labels and words == " ".join(map(_words, labels)):
            equal.append(index)
        if labels and all(name in patterns and patterns[name].search(words) for name in labels):
            contained.append(index)
    if len(equal) >= _EQUAL_SHARE * len(corpus):
        return _finding(corpus, "texts-are-labels", equal, _CHOOSE)
    if len(contained) >= _CONTAINED_SHARE * len(corpus):
        done = "kept. Hint: remove the labels from the texts, or the model learns to look for them only"
        return _finding(corpus, "labels-in-texts", contained, done)
    return None


def _nearly_unique_labels(corpus: Corpus) -> Finding | None:
    labels = Counter(name for names in corpus.labels for name in names)
    if len(labels) * _ROWS_PER_LABEL <= len(corpus):
        return None
    numbers = all(name.strip().lstrip("-").isdecimal() for name in labels)
    kind = "they are numbers, such as those of rows" if numbers else "they may be identifiers or free text"
    done = f"kept: {len(labels):,} labels in {len(corpus):,} rows; {kind}. "
    done += "Hint: name the column of classes: --label-column"
    examples = [f"'{shorten(name, 60)}' ({count:,} rows)" for name, count in labels.most_common(EXAMPLES)]
    return Finding("nearly-unique-labels", len(corpus), 1.0, tuple(examples), done)


def _words(text: str) -> str:
    return " ".join(text.replace("_", " ").casefold().split())


def _finding(corpus: Corpus, name: str, rows: Sequence[int], done: str) -> Finding:
    examples = tuple(
        f"line {corpus.lines[row]}, '{' + '.join(corpus.labels[row])}': {shorten(corpus.texts[row], 80)}"
        for row in rows[:EXAMPLES]
    )
    lines = tuple(corpus.lines[row] for row in rows)
    return Finding(name, len(rows), len(rows) / len(corpus), examples, done, lines)
