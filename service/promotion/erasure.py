"""Erases from the store of promotions what `glossator log forget` erases from the prediction log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from glossator.service.promotion.store import PromotionStore
from glossator.service.reviews.store import FILE, open_review_database


def erase_disagreements(
    folder: Path, url: str | None, *, text_hashes: Sequence[str] = (), requests: Sequence[str] = ()
) -> int:
    """Remove what is known about these texts and requests. Return how many disagreements. Repeating it is safe.

    Args:
        folder: The folder of the prediction log.
        url: The PostgreSQL database, if it is not in this folder.
        text_hashes: The SHA-256 of texts.
        requests: The ids of requests and jobs.

    Raises:
        ConfigError: The database cannot be opened, or belongs to another version.
        StoreUnavailable: It cannot be written at the moment.
    """
    if url is None and not (folder / FILE).exists():
        return 0
    store = PromotionStore(open_review_database(folder, url))
    try:
        return store.erase(text_hashes=text_hashes, requests=requests)
    finally:
        store.close()
