"""Reports the end of a job to a webhook, signed as in Standard Webhooks 1.0 (standardwebhooks.com).

`webhook-signature` is `v1,` and the base64 of an HMAC with SHA-256 over `id.timestamp.body`. A server only calls hosts
that its operator allowed; otherwise a client could make it call machines in its own network.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import SplitResult, urlsplit

from glossator.service.errors import ConfigError
from glossator.service.jobs.records import Job

SECRET_PREFIX = "whsec_"
_LEAST_SECRET = 24
TRIES = 8
"""About a day, with the delays of `wait`."""
_SECONDS = 10.0


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
    except binascii.Error:
        key = b""
    if not secret.startswith(SECRET_PREFIX) or len(key) < _LEAST_SECRET:
        raise ValueError(f"a webhook secret must be {SECRET_PREFIX} and the base64 of at least {_LEAST_SECRET} bytes")
    return key


def check_url(url: str, hosts: Iterable[str]) -> str:
    """Return the URL if it is allowed: HTTPS (or HTTP to this machine) and a host in `hosts`, `name` or `name:port`.

    Raises ConfigError.
    """
    allowed = frozenset(hosts)
    try:
        parts = urlsplit(url)
        named = {parts.netloc.lower(), (parts.hostname or "").lower()} if parts.port is None else {parts.netloc.lower()}
    except ValueError:
        parts, named = SplitResult("", "", "", "", ""), set()
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    secure = parts.scheme == "https" or (parts.scheme == "http" and local)
    if not secure or "@" in parts.netloc or not named & allowed:
        raise ConfigError(
            "this webhook is not allowed",
            found=url,
            expected=f"https:// and one of {', '.join(sorted(allowed))}"
            if allowed
            else "no webhook: the operator has allowed no host",
            hint="Ask the operator to add the host to GLOSSATOR_WEBHOOK_HOSTS, or poll GET /v1/jobs/ID.",
        )
    return url


def message_body(job: Job) -> bytes:
    """Return the message: the job, its state and counts; never texts."""
    data = {
        "id": job.id,
        "state": job.state,
        "model": job.model,
        "version": job.digest,
        "rows": job.counts.rows,
        "failed": job.counts.failed,
    }
    ended = datetime.fromtimestamp(job.finished or job.created, UTC).isoformat()
    return json.dumps({"type": f"job.{job.state}", "timestamp": ended, "data": data}).encode()


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` of a message."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def deliver(job: Job, key: bytes) -> int | None:
    """Post the end of a job. Return the status of the response, or None without one. Redirects are not followed."""
    assert job.webhook is not None
    parts = urlsplit(job.webhook)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    body, now = message_body(job), int(time.time())
    # Retries have the same id, so that receivers can ignore duplicates.
    message_id = f"{job.id}.{job.attempt}"
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "glossator",
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(key, message_id, now, body),
    }
    path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=_SECONDS)
        try:
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return None
