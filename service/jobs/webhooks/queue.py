"""The webhooks that are due, in the table of jobs."""

from __future__ import annotations

from collections.abc import Collection

from glossator.service.database.interface import Database
from glossator.service.jobs.records import Delivery
from glossator.service.jobs.storage.job_rows import read_job


class WebhookQueue:
    """The webhooks of ended jobs. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, patience: float, busy: Collection[str] = ()) -> Delivery | None:
        """Return a webhook that is due, or None. It is due again in `patience` seconds unless `later` changes that.

        A webhook is also due if it was set in the future: the clock was then set back, and it would wait for hours.

        Args:
            patience: The time that the caller has to deliver it.
            busy: Hosts that take no further delivery at the moment.
        """
        now = self._database.now
        names = {f"busy{index}": host for index, host in enumerate(busy)}
        free = f"AND webhook_host NOT IN ({', '.join(f':{name}' for name in names)})" if names else ""
        with self._database.transaction() as execute:
            rows = execute(
                f"""UPDATE jobs SET webhook_tries = webhook_tries + 1, webhook_set = {now},
                webhook_due = {now} + :patience WHERE id = (SELECT id FROM jobs WHERE webhook_due IS NOT NULL
                AND (webhook_due < {now} OR webhook_set > {now}) {free}
                ORDER BY webhook_due LIMIT 1 {self._database.skip_locked}) RETURNING *""",
                names | {"patience": patience},
            )
        return Delivery(read_job(rows[0]), rows[0]["webhook_tries"] - 1) if rows else None

    def later(self, job_id: str, seconds: float | None) -> None:
        """Postpone a webhook by `seconds`; None ends its delivery."""
        now = self._database.now
        due = "NULL" if seconds is None else f"{now} + :seconds"
        with self._database.transaction() as execute:
            execute(
                f"UPDATE jobs SET webhook_set = {now}, webhook_due = {due} WHERE id = :id",
                {"id": job_id} | ({} if seconds is None else {"seconds": seconds}),
            )
