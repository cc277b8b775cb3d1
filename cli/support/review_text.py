"""What `glossator review` prints for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glossator.service.reviews.accuracy.status import ReviewStatus
    from glossator.service.reviews.formats.review_files import ReadFile
    from glossator.service.statistics.agreement import Agreement

_SHOWN = 10


def import_sentences(done: ReadFile) -> Iterator[str]:
    """Yield what was read from a file of reviews."""
    yield f"new reviews: {done.new:,}; known: {done.known:,}"
    if done.outdated:
        yield f"left out, because they were replaced or undone since: {done.outdated:,} (--restore stores them again)"
    if done.faults:
        yield f"rows that could not be used: {len(done.faults):,}"


def status_sentences(found: ReviewStatus) -> Iterator[str]:
    """Yield how far the reviews of a period are."""
    from glossator.service.reviews.accuracy.status import accuracy_sentence

    period = found.period
    yield (
        f"{period.model}@{period.digest[:12]}: {len(period.items):,} answers from {period.since[:19]} to "
        f"{period.until[:19]} UTC"
    )
    yield (
        f"drawn: {found.drawn:,} items; reviewed: {found.reviewed:,}, of which skipped: {found.skipped:,}; "
        f"reviews still wanted: {found.missing:,}"
    )
    for each in found.reviewers:
        pace = "" if each.seconds is None else f", {each.seconds:.0f} s each (median)"
        role = "" if each.role == "reviewer" else f" ({each.role})"
        yield f"  {each.name}{role}: {each.reviews:,} reviews, {each.skipped:,} skipped{pace}"
    if found.twice or found.shared:
        yield f"items that want two reviewers: {found.twice:,}; answered by several: {found.shared:,}"
        agreement = found.agreement
        yield f"  right or wrong: {_agreement(agreement.verdicts, 'nominal')}"
        yield f"  which answer is right: {_agreement(agreement.answers, agreement.distance)}"
        if agreement.unstated:
            yield f'  left out of the latter, because a reviewer said "wrong" and no more: {agreement.unstated:,} items'
    if found.differing:
        shown = _listed(found.differing)
        yield f"reviewers differ on {len(found.differing):,} items: {shown} (glossator review adjudicate)"
    yield accuracy_sentence(found.accuracy)


def _agreement(found: Agreement, distance: str) -> str:
    if found.same is None:
        return "nothing to compare yet"
    between = "" if found.low is None else f" ({found.low:.2f} to {found.high:.2f})"
    alpha = "not defined, all say the same" if found.alpha is None else f"{found.alpha:.2f}{between}"
    return f"the same in {found.same:.1%} of {found.units:,} items; Krippendorff's alpha ({distance}) {alpha}"


def _listed(items: Iterable[int]) -> str:
    numbers = [str(each) for each in items]
    return ", ".join(numbers[:_SHOWN]) + (", ..." if len(numbers) > _SHOWN else "")


def opinion(said: dict[str, object]) -> str:
    """Return what a reviewer said about an item, in a few words."""
    gold = [value for name, value in said.items() if name.startswith("gold_")]
    return f"{said['verdict']}" + (f" {gold[0]}" if gold else "")
