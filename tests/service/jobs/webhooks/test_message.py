from __future__ import annotations

import json

import pytest

from glossator.service.jobs.storage.store import Store
from glossator.service.jobs.webhooks.message import Message, job_message, secret_bytes, signature, wait

from .conftest import KEY, ended


def test_message_is_signed_as_the_standard_has_it() -> None:
    """The example of the standard's own documentation."""
    key = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_message_has_the_state_and_the_counts(sqlite_store: Store) -> None:
    job = ended(sqlite_store, "https://a.test/x")
    message = json.loads(job_message(job).body)
    assert message["type"] == "job.completed"
    assert message["data"] == {
        "id": job.id, "state": "completed", "model": "intents", "version": "d" * 64, "rows": 0, "failed": 0,
    }  # fmt: skip
    headers = Message("https://a.test/x", job_message(job).id, b"{}").headers(KEY, 17)
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("job_1.1", "17")
    assert headers["webhook-signature"] == signature(KEY, "job_1.1", 17, b"{}")


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!", "whsec_é"]
)
def test_weak_secrets_are_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret"):
        secret_bytes(secret)


def test_waits_grow_and_end() -> None:
    waits = [wait(tries) for tries in range(8)]
    assert waits == sorted(waits)
    assert max(waits) == 21_600
