"""Applies cleaning rules to a corpus. Changed cells and dropped rows are recorded, so that they can be restored."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from glossator.service.errors import ConfigError, CorpusError, Fault, shorten
from glossator.training.corpus.cleaning.deduplicate import drop_exact_duplicates
from glossator.training.corpus.cleaning.label_names import RARE, VARIANTS
from glossator.training.corpus.cleaning.review_queue import ReviewAnswer
from glossator.training.corpus.corpus import Corpus, DroppedRow
from glossator.training.corpus.findings.checks import check_corpus, check_duplicates
from glossator.training.corpus.findings.leakage import Leakage
from glossator.training.corpus.findings.text_rules import TEXT_RULES

DUPLICATES, NEAR_DUPLICATES = "exact-duplicates", "near-duplicates"
CONFLICTS, LEAKS = "conflicting-labels", "leaked-texts"
REVIEWED = "reviewed-labels"
"""Recorded as the rule of labels that people gave in a review; it cannot be chosen."""
SAFE_RULES = (*(rule.name for rule in TEXT_RULES if rule.safe), VARIANTS, DUPLICATES)
"""The rules that `--apply` alone uses: they lose no information that a reader would miss."""
RULES = (*(rule.name for rule in TEXT_RULES), VARIANTS, DUPLICATES, RARE, NEAR_DUPLICATES, CONFLICTS, LEAKS)
"""All rules. Each has the name of the finding that it is about."""
_RULE_OF_REASON = {"exact-duplicate": DUPLICATES, "rare-label": RARE}


class CellChange(NamedTuple):
    """One cell that a rule changed."""

    rule: str
    column: str
    before: object
    after: object


class Removal(NamedTuple):
    """Why a row was dropped."""

    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class CleanedCorpus:
    """The cleaned rows and every change. Keys are lines of the source."""

    corpus: Corpus
    """Its labels show which label cells changed; `cells` does not list them."""
    cells: dict[int, list[CellChange]]
    """The changed text cells of each row, in the order in which the rules were applied."""
    removed: dict[int, Removal]
    reviewed: frozenset[int] = frozenset()
    """The lines of rows whose label a person gave."""


def choose_rules(more: Sequence[str] = (), without: Sequence[str] = ()) -> tuple[str, ...]:
    """The safe rules and the rules in `more`, except those in `without`. Raises ConfigError for unknown names."""
    unknown = [name for name in (*more, *without) if name not in RULES]
    if unknown:
        raise ConfigError("there is no such rule", found=", ".join(unknown), expected=f"one of {', '.join(RULES)}")
    return tuple(name for name in RULES if name in {*SAFE_RULES, *more} - {*without})


def clean(
    corpus: Corpus,
    rules: Collection[str],
    *,
    leakage: Leakage | None = None,
    answers: Sequence[ReviewAnswer] = (),
) -> CleanedCorpus:
    """Apply `rules`: first to the texts, then to rows that are duplicates after that.

    Texts with spans are not changed, because spans are offsets into them. A text is not changed if a rule would leave
    nothing of it, or would change its result again.

    Args:
        corpus: The corpus as it was read; the reader has applied the rules about label names and exact duplicates.
        rules: Names from `RULES`.
        leakage: The rows of `corpus` that share their text with the test rows, for the rule `leaked-texts`.
        answers: Labels that people gave in a review.

    Returns:
        The cleaned corpus with new findings, and every change.

    Raises:
        CorpusError: No row is left, or an answer belongs to a row that the corpus does not have.
    """
    corpus = _apply_answers(corpus, answers)
    removed = {each.line: Removal(_RULE_OF_REASON[each.reason], each.message) for each in corpus.dropped}
    if LEAKS in rules and leakage is not None:
        corpus = _drop(corpus, sorted(leakage.rows), Removal(LEAKS, "the text is also in the test rows"), removed)
    cells: dict[int, list[CellChange]] = {}
    if corpus.spans is None:
        corpus = _clean_texts(corpus, rules, cells)
    if DUPLICATES in rules:
        once = drop_exact_duplicates(replace(corpus, dropped=[]))
        removed |= {each.line: Removal(DUPLICATES, each.message) for each in once.dropped}
        corpus = replace(once, dropped=corpus.dropped + once.dropped)
    wanted = {CONFLICTS, NEAR_DUPLICATES} & set(rules)
    lines_of = {finding.name: set(finding.lines) for finding in check_duplicates(corpus)} if wanted else {}
    for rule, why in (
        (CONFLICTS, "another row has the same text with a different label"),
        (NEAR_DUPLICATES, "the text is nearly the same as an earlier one"),
    ):
        if rule in rules and lines_of.get(rule):
            rows = [row for row, line in enumerate(corpus.lines) if line in lines_of[rule]]
            corpus = _drop(corpus, rows, Removal(rule, why), removed)
    if not len(corpus):
        raise CorpusError(
            f"these rules drop every row of {corpus.source_name}",
            found=f"{corpus.rows_in:,} rows, {len(removed):,} of them dropped",
            hint="Omit a rule: --without-rule NAME.",
        )
    cells = {line: changes for line, changes in cells.items() if line not in removed}
    corpus = replace(corpus, findings=check_corpus(corpus))
    return CleanedCorpus(corpus, cells, removed, frozenset(answer.line for answer in answers))


def _apply_answers(corpus: Corpus, answers: Sequence[ReviewAnswer]) -> Corpus:
    """The corpus with the labels that people gave."""
    if not answers:
        return corpus
    if corpus.spans is not None or corpus.scores is not None:
        raise CorpusError(
            "review answers can be applied only to labels of whole texts",
            found=corpus.task,
            hint="An export of reviewed entities is a corpus of its own: read that file instead.",
        )
    row_of = {line: row for row, line in enumerate(corpus.lines)}
    dropped = {each.line for each in corpus.dropped}
    faults = [
        Fault("answer-to-another-row", f"the text there is not '{shorten(answer.text, 60)}'", f"line {answer.line}")
        for answer in answers
        if answer.line not in dropped
        and (answer.line not in row_of or corpus.texts[row_of[answer.line]] != answer.text)
    ]
    if faults:
        raise CorpusError(
            "the answers do not belong to this corpus",
            found=f"{len(faults):,} of {len(answers):,} answers",
            faults=faults,
            hint="Give the file that `--review` was run on.",
        )
    labels = list(corpus.labels)
    for answer in answers:
        if answer.line in row_of:
            labels[row_of[answer.line]] = (answer.label,)
    return replace(corpus, labels=labels, label_names=sorted({name for names in labels for name in names}))


def _clean_texts(corpus: Corpus, rules: Collection[str], cells: dict[int, list[CellChange]]) -> Corpus:
    """The corpus with cleaned texts; the changes are added to `cells`."""
    chosen = [rule for rule in TEXT_RULES if rule.name in rules]

    def clean_column(name: str, texts: Sequence[str]) -> list[str]:
        cleaned = list(texts)
        for rule in chosen:
            for row, text in enumerate(cleaned):
                after = rule.clean(text) if rule.applies(text) else text
                final = after != text and rule.clean(after) == after  # else a second run would change it again
                if final and after.strip():
                    cells.setdefault(corpus.lines[row], []).append(CellChange(rule.name, name, text, after))
                    cleaned[row] = after
        return cleaned

    seconds = None if corpus.seconds is None else clean_column(corpus.columns.second or "", corpus.seconds)
    return replace(corpus, texts=clean_column(corpus.columns.text, corpus.texts), seconds=seconds)


def _drop(corpus: Corpus, rows: Sequence[int], why: Removal, removed: dict[int, Removal]) -> Corpus:
    """The corpus without `rows`; they are recorded in the corpus and in `removed`."""
    dropped = [DroppedRow(corpus.lines[row], why.rule, why.message) for row in rows]
    removed |= {each.line: why for each in dropped}
    return corpus.drop(rows, dropped)
