"""Chooses among the annotations that several annotators made of one text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from glossator.service.documents.decision import Decision
from glossator.service.errors import UnknownColumn, shorten
from glossator.training.corpus.finding import Finding
from glossator.training.corpus.reading.annotated.result import Counted

FIRST, MAJORITY = "first", "majority"


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one annotator said about a text; `answer` is compared as JSON."""

    answer: object
    annotators: tuple[str, ...] = ()
    """The names by which the annotator can be called."""
    is_truth: bool = False
    """Whether a reviewer marked this annotation as the right one."""

    @property
    def key(self) -> str:
        """The answer as text: equal answers have equal keys."""
        return json.dumps(self.answer, sort_keys=True, ensure_ascii=False, default=str)


@dataclass(slots=True)
class AnnotatorRule:
    """Applies `--annotator`: the named annotator, the first, or the most frequent answer (the default)."""

    wanted: str | None
    _several: int = 0
    _disagreed: Counted = field(default_factory=Counted)
    _ties: int = 0
    _seen: Counter[str] = field(default_factory=Counter)
    _found: bool = False

    def choose(self, line: int, annotations: Sequence[Annotation]) -> Annotation | None:
        """The annotation that counts, or None if the wanted annotator has none."""
        for each in annotations:
            self._seen[next(iter(each.annotators), "?")] += 1
        if len(annotations) > 1:
            self._several += 1
            answers = {each.key: each for each in annotations}
            if len(answers) > 1:
                shown = " / ".join(shorten(_shown(each.answer), 40) for each in list(answers.values())[:3])
                self._disagreed.add(line, shown)
        if self.wanted not in (None, FIRST, MAJORITY):
            chosen = next((each for each in annotations if self.wanted in each.annotators), None)
            self._found = self._found or chosen is not None
            return chosen
        truth = next((each for each in annotations if each.is_truth), None)
        if truth is not None or self.wanted == FIRST:
            return truth or annotations[0]
        counts = Counter(each.key for each in annotations).most_common(2)
        if len(counts) > 1 and counts[0][1] == counts[1][1]:
            self._ties += 1
            return annotations[0]
        return next(each for each in annotations if each.key == counts[0][0])

    def finding(self, rows: int) -> list[Finding]:
        """The finding about annotators that disagree; raises UnknownColumn if the named annotator has no annotation."""
        if self.wanted not in (None, FIRST, MAJORITY) and not self._found:
            raise UnknownColumn(
                "no annotation is by this annotator",
                found=self.wanted,
                expected=f"first, majority, or one of {', '.join(self._names())}",
                hint="Pass --annotator with one of them.",
            )
        return self._disagreed.finding("annotators-disagree", rows, f"{self._rule()}. Hint: choose with --annotator")

    def decisions(self) -> list[Decision]:
        """The decision for the user, if a text has several annotations."""
        if not self._several:
            return []
        disagree = len(self._disagreed.lines)
        why = f"{self._several:,} texts have several annotations, which differ in {disagree:,}"
        others = ", ".join(["first", "majority", *self._names()])
        return [
            Decision("annotator", self._rule(), why, others, "--annotator", guessed=bool(disagree and not self.wanted))
        ]

    def _rule(self) -> str:
        if self.wanted == FIRST:
            return "the first annotation counts, or the one marked as ground truth"
        if self.wanted in (None, MAJORITY):
            ties = f"; of {self._ties:,} ties the first" if self._ties else ""
            return f"the most frequent annotation counts, or the one marked as ground truth{ties}"
        return f"the annotations of {self.wanted} count"

    def _names(self) -> list[str]:
        return [name for name, _ in self._seen.most_common(8) if name != "?"]


def name_annotator(value: object) -> tuple[str, ...]:
    """The names in a field that identifies an annotator: a number, a name, or an object with them."""
    if isinstance(value, dict):
        parts: Iterable[object] = (value.get(key) for key in ("email", "username", "id", "first_name"))
        return tuple(str(part) for part in parts if part not in (None, ""))
    return () if value in (None, "") else (str(value),)


def _shown(answer: object) -> str:
    """An answer for a message: labels as they are, spans by their text."""
    if isinstance(answer, list):
        parts = [
            f"{each.get('label')} '{each.get('text', '')}'" if isinstance(each, dict) else str(each) for each in answer
        ]
        return ", ".join(parts) or "nothing"
    return str(answer)
