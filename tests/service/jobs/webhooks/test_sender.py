from __future__ import annotations

import threading
import time
from collections.abc import Callable

from glossator.service.jobs.storage.store import Store
from glossator.service.jobs.webhooks.delivery import Limits
from glossator.service.jobs.webhooks.sender import MAX_PER_HOST, WebhookSender

from .conftest import KEY, Answer, Receiver, ended, status

Receive = Callable[[Answer], Receiver]


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_host_that_does_not_answer_delays_no_other_host(sqlite_store: Store, receive: Receive) -> None:
    """Twenty webhooks of a host that is silent, and one of another host after them."""
    over = threading.Event()
    silent, quick = receive(lambda _: over.wait(60) and None), receive(status(200))
    for number in range(20):
        ended(sqlite_store, silent.url.replace("127.0.0.1", "localhost"), f"job_{number}")
    ended(sqlite_store, quick.url, "job_quick")
    sender = WebhookSender(
        sqlite_store.webhooks, KEY, limits=Limits(idle=60, total=60), resolve=lambda *_: ["127.0.0.1"]
    )
    sender.start()
    wait_until(lambda: len(quick.requests) == 1 and len(silent.requests) == MAX_PER_HOST)
    time.sleep(0.6)  # the sender has looked again
    assert len(silent.requests) == MAX_PER_HOST
    sender.close()
    over.set()


def test_failed_delivery_is_tried_again_later_and_a_gone_receiver_is_not(sqlite_store: Store, receive: Receive) -> None:
    failing, gone = receive(status(503)), receive(status(410))
    ended(sqlite_store, failing.url, "job_failing")
    ended(sqlite_store, gone.url.replace("127.0.0.1", "localhost"), "job_gone")
    sender = WebhookSender(sqlite_store.webhooks, KEY, resolve=lambda *_: ["127.0.0.1"])
    sender.start()

    def waits() -> dict[str, float | None]:
        with sqlite_store._transaction() as execute:
            rows = execute("SELECT id, webhook_due - webhook_set AS seconds FROM jobs", {})
        return {row["id"]: row["seconds"] for row in rows}

    wait_until(lambda: waits() == {"job_failing": 5.0, "job_gone": None})
    sender.close()
    assert (len(failing.requests), len(gone.requests)) == (1, 1)
