"""Begins challenges, and freezes the texts that both versions answered."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.errors import ConfigError
from glossator.service.monitoring.prediction_log.records import format_time
from glossator.service.promotion.evidence import waiting
from glossator.service.promotion.pairs import freeze, read_pairs
from glossator.service.promotion.records import Batch, Challenge
from glossator.service.statistics.disagreements import Direction

if TYPE_CHECKING:
    from glossator.service.promotion.store import PromotionStore

ALPHA = 0.05
MARGIN = 0.005
FEWEST_TEXTS = 200
"""Of a batch after the first one."""


def open_challenge(
    store: PromotionStore,
    model: str,
    direction: Direction,
    *,
    candidate: str,
    baseline: str,
    margin: float | None = None,
    total_alpha: float = ALPHA,
    spend: float | None = None,
    restart: bool = False,
) -> Challenge:
    """Return the challenge of two versions that goes on, or begin one.

    Args:
        store: The store of promotions.
        model: The name of the model.
        direction: "promote": may the candidate, the challenger, replace the baseline, the champion? "roll back": must
            the candidate, the new champion, give way to the baseline, the previous one?
        candidate: The digest of the version in question.
        baseline: The digest of the other one.
        margin: By how much the candidate may be worse, as a share; None: as the challenge was begun, or MARGIN.
        total_alpha: The error probability of all challenges of the champion together.
        spend: What this challenge may spend of it; None: the share of its number, see `share_of_alpha`.
        restart: Begin another challenge after a closed one, with answers from now on.

    Raises:
        ConfigError: The versions are the same, the challenge was begun with another margin, it is closed, or the
            champion's error level is spent.
    """
    if candidate == baseline:
        raise ConfigError(
            "a version cannot be compared with itself",
            found=f"{model}@{candidate[:12]}",
            expected="two versions",
            hint="Give another version: --challenger VERSION.",
        )
    known = store.newest(model, direction, candidate, baseline)
    if known is not None and known.state in ("open", "deciding"):
        if margin is not None and abs(known.margin - margin) > 1e-12:
            raise ConfigError(
                "this challenge was begun with another margin",
                found=f"{100 * margin:g} points",
                expected=f"{100 * known.margin:g} points",
                hint="A margin that is chosen after looking at the answers proves nothing. Leave it as it was.",
            )
        return known
    if known is not None and not restart:
        raise ConfigError(
            "these two versions were compared before",
            found=f"{model}@{candidate[:12]} and {baseline[:12]}: {known.state}",
            hint="--restart compares them again on answers from now on, and spends another share of the error level.",
        )
    return store.begin(
        model,
        direction,
        candidate,
        baseline,
        margin=MARGIN if margin is None else margin,
        total_alpha=total_alpha,
        spend=spend,
        since=None if known is None else format_time(time.time()),
        after=known,
    )


def refresh_batches(
    store: PromotionStore, log: Path, challenge: Challenge, *, new: bool = False, until: str | None = None
) -> list[Batch]:
    """Return the batches of a challenge. The first one, and later ones when all disagreements have been reviewed, are
    frozen now.

    Args:
        store: The store of promotions.
        log: The folder of the prediction log.
        challenge: The challenge.
        new: Freeze another batch in any case.
        until: The time of the first answers that do not belong to it; None: now.

    Raises:
        FileMissing: There is no log.
        ConfigError: The answers of the model cannot be right or wrong.
    """
    batches = store.batches(challenge.id)
    if batches and not new and waiting(batches, store.reviews(challenge.id)):
        return batches
    since = batches[-1].until if batches else challenge.since
    until = until or format_time(time.time())
    pairs = read_pairs(log, challenge, since=since, until=until)
    if len(pairs) >= (1 if new or not batches else FEWEST_TEXTS):
        store.add_batch(challenge.id, freeze(pairs, challenge, len(batches), since=since, until=until))
        batches = store.batches(challenge.id)
    return batches
