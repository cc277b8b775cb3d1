"""The draws of a period whose reviews count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glossator.service.reviews.records import Period, Review

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from glossator.service.reviews.store import ReviewStore


@dataclass(frozen=True, slots=True)
class ReviewedDraws:
    """The first draws of a period, until one has no review.

    `items` are the drawn ones, with repetitions; `correct` is 1 for a right answer, 0 for a wrong one, NaN for a
    skipped review; both `(draws,)`. `waiting`: drawn items that nobody has reviewed. `ahead`: reviews of later draws.
    They do not count yet: whether an item is reviewed must not depend on what is in it.
    """

    items: NDArray[np.int64]
    correct: NDArray[np.float64]
    reviews: Mapping[int, Review]
    draws: Sequence[int]
    waiting: int
    ahead: int

    @property
    def labels(self) -> int:
        """Reviewed draws that were not skipped."""
        import numpy as np

        return int((~np.isnan(self.correct)).sum())


def reviewed_draws(store: ReviewStore, period: Period) -> ReviewedDraws:
    """Return the draws of a period whose reviews count."""
    import numpy as np

    reviews, draws = store.reviews(period.id), store.draws(period.id)
    counted = next((place for place, item in enumerate(draws) if item not in reviews), len(draws))
    values = {"right": 1.0, "wrong": 0.0, "skipped": np.nan}
    return ReviewedDraws(
        items=np.array(draws[:counted], dtype=np.int64),
        correct=np.array([values[reviews[item].verdict] for item in draws[:counted]], dtype=np.float64),
        reviews=reviews,
        draws=draws,
        waiting=len({item for item in draws if item not in reviews}),
        ahead=len({item for item in draws[counted:] if item in reviews} - set(draws[:counted])),
    )
