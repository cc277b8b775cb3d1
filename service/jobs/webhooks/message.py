"""The message of a webhook, signed as in Standard Webhooks 1.0 (standardwebhooks.com).

`webhook-signature` is `v1,` and the base64 of an HMAC with SHA-256 over `id.timestamp.body`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import NamedTuple

from glossator.service.jobs.records import Job

SECRET_PREFIX = "whsec_"
_LEAST_SECRET = 24
TRIES = 8
"""About a day, with the delays of `wait`."""


def wait(tries: int) -> float:
    """Return the seconds before the next try, after `tries` failed ones.

    >>> [wait(tries) for tries in range(4)]
    [5.0, 30.0, 180.0, 1080.0]
    """
    return min(5.0 * 6.0**tries, 6 * 3_600.0)


def secret_bytes(secret: str) -> bytes:
    """Return the key in a secret, `whsec_` and base64. Raises ValueError, which does not repeat the secret."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):  # ValueError: characters beyond ASCII
        key = b""
    if not secret.startswith(SECRET_PREFIX) or len(key) < _LEAST_SECRET:
        raise ValueError(f"a webhook secret must be {SECRET_PREFIX} and the base64 of at least {_LEAST_SECRET} bytes")
    return key


class Message(NamedTuple):
    """A message to one URL. Retries have the same id, so that receivers can ignore duplicates."""

    url: str
    id: str
    body: bytes

    def headers(self, key: bytes, now: int) -> dict[str, str]:
        """Return the headers of the message when it is sent at `now`, in seconds since 1970."""
        return {
            "Content-Type": "application/json",
            "User-Agent": "glossator",
            "webhook-id": self.id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(key, self.id, now, self.body),
        }


def job_message(job: Job) -> Message:
    """Return the message about the end of a job with a webhook: its state and counts; never texts."""
    assert job.webhook is not None
    data = {
        "id": job.id,
        "state": job.state,
        "model": job.model,
        "version": job.digest,
        "rows": job.counts.rows,
        "failed": job.counts.failed,
    }
    ended = datetime.fromtimestamp(job.finished or job.created, UTC).isoformat()
    body = json.dumps({"type": f"job.{job.state}", "timestamp": ended, "data": data}).encode()
    return Message(job.webhook, f"{job.id}.{job.attempt}", body)


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` of a message."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"
