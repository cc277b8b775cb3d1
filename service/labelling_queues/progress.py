"""How far a queue is: agreement of its reviewers, and how often they accept what is suggested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glossator.service.labelling_queues.records import Counts, Kind, LabellingQueue, canonical_answer
from glossator.service.reviews.accuracy.counting import Answers

if TYPE_CHECKING:
    from glossator.service.statistics.agreement import Agreement


def agreement_of(kind: Kind, answers: Answers) -> Agreement:
    """Return Krippendorff's alpha of the reviewers, on the rows that several have answered. Skips are left out.

    Sets of labels are compared by MASI, other answers as equal or not.
    """
    from glossator.service.statistics.agreement import krippendorff, masi, nominal

    has_sets = kind == "multi_label"
    units = []
    for _, found in sorted(answers.items()):
        gold = [each.gold for each in found if each.role == "reviewer" and each.gold is not None]
        values = [canonical_answer(each) for each in gold]
        units.append([frozenset(map(str, value)) if has_sets else str(value) for value in values])
    return krippendorff(units, masi if has_sets else nominal)


def differing_rows(answers: Answers) -> list[int]:
    """Return the rows on which reviewers differ and no adjudicator has decided, by number. Skips say nothing."""
    found = []
    for number, said in sorted(answers.items()):
        gold = {str(canonical_answer(each.gold)) for each in said if each.gold is not None}
        if len(gold) > 1 and not any(each.role == "adjudicator" for each in said):
            found.append(number)
    return found


def sentence_of(queue: LabellingQueue, counts: Counts) -> str:
    """Return how far a queue is, in one sentence."""
    from glossator.service.statistics.share_interval import share_interval

    share = counts.done / queue.usable if queue.usable else 0.0
    parts = [f"{share if share == 1.0 else min(share, 0.99):.0%} of the file is done"]  # 100% only if nothing is left
    if counts.skipped:
        parts.append(f"{counts.skipped:,} skipped")
    if counts.suggested:
        low, high = share_interval(counts.accepted / counts.suggested, counts.suggested)
        parts.append(
            f"{counts.accepted / counts.suggested:.0%} of the suggestions were accepted ({low:.0%} to {high:.0%})"
        )
    return "; ".join(parts)
