"""Erases from the database of the closed loop what `glossator log forget` erases from the prediction log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from glossator.service.reviews.feedback import FeedbackStore
from glossator.service.reviews.store import FILE, ReviewStore, open_review_database


def erase_reviewed(
    folder: Path, url: str | None, *, text_hashes: Sequence[str] = (), requests: Sequence[str] = ()
) -> int:
    """Remove what was said about these texts and requests. Return how many rows and comments. Repeating it is safe.

    Args:
        folder: The folder of the prediction log.
        url: The PostgreSQL database, if it is not in this folder.
        text_hashes: The SHA-256 of texts.
        requests: The ids of requests and jobs.

    Raises:
        ConfigError: The database cannot be opened, or belongs to a newer version.
        StoreUnavailable: It cannot be written at the moment.
    """
    if url is None and not (folder / FILE).exists():
        return 0
    database = open_review_database(folder, url)
    try:
        comments = ReviewStore(database).erase_comments(text_hashes=text_hashes, requests=requests)
        return comments + FeedbackStore(database).erase(text_hashes=text_hashes, requests=requests)
    finally:
        database.close()
