"""A corpus with its findings mended: which cells change, which rows go, and why. Every change can be taken back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from glossator.service.errors import ConfigError, CorpusError, Fault, shorten
from glossator.training.corpus.cleaning import deduplicate
from glossator.training.corpus.cleaning.review_queue import ReviewAnswer
from glossator.training.corpus.corpus import Corpus, DroppedRow
from glossator.training.corpus.findings import checks
from glossator.training.corpus.findings.leakage import Leakage
from glossator.training.corpus.findings.text_rules import TEXT_RULES

LABEL_NAMES, EXACT, RARE = "label-name-variants", "exact-duplicates", "rare-labels"
REVIEWED = "reviewed-labels"
NEAR, CONFLICTS, LEAKS = "near-duplicates", "conflicting-labels", "leaked-texts"
SAFE = (*(rule.name for rule in TEXT_RULES if rule.safe), LABEL_NAMES, EXACT)
"""What is mended unasked: nothing that a reader would miss."""
RULES = (*(rule.name for rule in TEXT_RULES), LABEL_NAMES, EXACT, RARE, NEAR, CONFLICTS, LEAKS)
_RULE_OF_REASON = {"exact-duplicate": EXACT, "rare-label": RARE}


class CellChange(NamedTuple):
    """One cell that a rule changed."""

    rule: str
    column: str
    before: object
    after: object


class Removal(NamedTuple):
    """Why a row was left out."""

    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class CleanedCorpus:
    """What comes out, and how it came about. Keys are lines of the source; cell changes stand in the order in which
    they were made. The labels of `corpus` say which label cells change; `reviewed` are lines whose label a person gave.
    """

    corpus: Corpus
    cells: dict[int, list[CellChange]]
    removed: dict[int, Removal]
    reviewed: frozenset[int] = frozenset()


def choose_rules(more: Sequence[str] = (), without: Sequence[str] = ()) -> tuple[str, ...]:
    """The safe rules, `more` of the others, none of `without`; raises ConfigError for a name that is no rule's."""
    unknown = [name for name in (*more, *without) if name not in RULES]
    if unknown:
        raise ConfigError("there is no such rule", found=", ".join(unknown), expected=f"of {', '.join(RULES)}")
    return tuple(name for name in RULES if name in {*SAFE, *more} - {*without})


def mend(
    corpus: Corpus,
    rules: Collection[str],
    *,
    leakage: Leakage | None = None,
    answers: Sequence[ReviewAnswer] = (),
) -> CleanedCorpus:
    """The corpus with `rules` applied: first the texts, then what is the same after that goes.

    `corpus` is as it was read, its label names unified and its duplicates dropped where these rules are on. Texts with
    spans stay as they are: spans say where in the text they stand. A text of which a rule would leave nothing stays.
    `leakage` tells which rows of `corpus` the test rows share; `answers` are labels that people gave. The findings are
    those of what comes out. Raises CorpusError where nothing is left, or an answer is to a row that is not there.
    """
    corpus = _with_answers(corpus, answers)
    removed = {each.line: Removal(_RULE_OF_REASON[each.reason], each.message) for each in corpus.dropped}
    if LEAKS in rules and leakage is not None:
        rows = sorted(leakage.rows)
        corpus = _without(corpus, rows, Removal(LEAKS, "a text of the rows that are kept apart"), removed)
    cells: dict[int, list[CellChange]] = {}
    if corpus.spans is None:
        corpus = _mend_texts(corpus, rules, cells)
    if EXACT in rules:
        once = deduplicate.drop_exact_duplicates(replace(corpus, dropped=[]))
        removed |= {each.line: Removal(EXACT, each.message) for each in once.dropped}
        corpus = replace(once, dropped=corpus.dropped + once.dropped)
    asked = {CONFLICTS, NEAR} & set(rules)
    found = {finding.name: set(finding.lines) for finding in checks.row_findings(corpus)} if asked else {}
    for rule, what in ((CONFLICTS, "its text has another label too"), (NEAR, "nearly the text of an earlier row")):
        if rule in rules and found.get(rule):
            rows = [row for row, line in enumerate(corpus.lines) if line in found[rule]]
            corpus = _without(corpus, rows, Removal(rule, what), removed)
    if not len(corpus):
        raise CorpusError(
            f"these rules leave nothing of {corpus.source_name}",
            found=f"{corpus.rows_in:,} rows, {len(removed):,} of them left out",
            hint="Leave out a rule: --without-rule NAME.",
        )
    cells = {line: changes for line, changes in cells.items() if line not in removed}
    corpus = replace(corpus, findings=checks.findings(corpus))
    return CleanedCorpus(corpus, cells, removed, frozenset(answer.line for answer in answers))


def _with_answers(corpus: Corpus, answers: Sequence[ReviewAnswer]) -> Corpus:
    if not answers:
        return corpus
    if corpus.spans is not None or corpus.scores is not None:
        raise CorpusError(
            "answers are taken for the labels of whole texts",
            found=corpus.task,
            hint="What reviewers of entities export is a corpus itself: give that file.",
        )
    row_of = {line: row for row, line in enumerate(corpus.lines)}
    dropped = {each.line for each in corpus.dropped}
    strange = [
        Fault("answer-to-another-row", f"the text there is not {shorten(answer.text, 60)!r}", f"line {answer.line}")
        for answer in answers
        if answer.line not in dropped
        and (answer.line not in row_of or corpus.texts[row_of[answer.line]] != answer.text)
    ]
    if strange:
        raise CorpusError(
            "the answers are not about this corpus",
            found=f"{len(strange):,} of {len(answers):,} answers",
            faults=strange,
            hint="Give the file that `--review` was run on.",
        )
    labels = list(corpus.labels)
    for answer in answers:
        if answer.line in row_of:
            labels[row_of[answer.line]] = (answer.label,)
    return replace(corpus, labels=labels, label_names=sorted({name for names in labels for name in names}))


def _mend_texts(corpus: Corpus, rules: Collection[str], cells: dict[int, list[CellChange]]) -> Corpus:
    chosen = [rule for rule in TEXT_RULES if rule.name in rules]

    def column(name: str, texts: Sequence[str]) -> list[str]:
        mended = list(texts)
        for rule in chosen:
            for row, text in enumerate(mended):
                after = rule.mend(text) if rule.finds(text) else text
                if after != text and after.strip():
                    cells.setdefault(corpus.lines[row], []).append(CellChange(rule.name, name, text, after))
                    mended[row] = after
        return mended

    seconds = None if corpus.seconds is None else column(corpus.columns.second or "", corpus.seconds)
    return replace(corpus, texts=column(corpus.columns.text, corpus.texts), seconds=seconds)


def _without(corpus: Corpus, rows: Sequence[int], why: Removal, removed: dict[int, Removal]) -> Corpus:
    """The corpus without `rows`, which are entered into the ledger."""
    gone = set(rows)
    left_out = [DroppedRow(corpus.lines[row], why.rule, why.message) for row in rows]
    removed |= {each.line: why for each in left_out}
    kept = [row for row in range(len(corpus)) if row not in gone]
    return deduplicate.keep(corpus, kept, left_out)
