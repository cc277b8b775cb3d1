"""Sends webhooks: several at the same time, and few to one host, so that a slow host delays only its own."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Sequence

from glossator.service.jobs.records import Delivery
from glossator.service.jobs.webhooks.addresses import Network, Resolve, resolve_host
from glossator.service.jobs.webhooks.delivery import Limits, WebhookDelivery
from glossator.service.jobs.webhooks.message import TRIES, job_message, wait
from glossator.service.jobs.webhooks.queue import WebhookQueue
from glossator.service.jobs.webhooks.urls import host_of

MAX_DELIVERIES = 16
MAX_PER_HOST = 2
TICK_SECONDS = 0.5
_PATIENCE_SECONDS = 60.0
"""A webhook whose server died during the delivery is due again after this time; longer than any delivery."""
_CLOSE_SECONDS = 5.0
_GONE = 410

logger = logging.getLogger("glossator.service.jobs")


class WebhookSender:
    """A thread that sends the webhooks of a queue until `close`."""

    def __init__(
        self,
        queue: WebhookQueue,
        key: bytes,
        *,
        networks: Sequence[Network] = (),
        limits: Limits = Limits(),  # noqa: B008  (immutable)
        resolve: Resolve = resolve_host,
    ) -> None:
        self._queue = queue
        self._key = key
        self._networks = networks
        self._limits = limits
        self._resolve = resolve
        self._closed = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[threading.Thread, WebhookDelivery] = {}
        self._hosts: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._send, name="webhooks", daemon=True)

    def start(self) -> None:
        """Start to send."""
        self._thread.start()

    def close(self) -> None:
        """Stop to send. Deliveries that have begun are aborted; their webhooks are sent again later."""
        self._closed.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            running = dict(self._running)
        for delivery in running.values():
            delivery.abort()
        for thread in running:
            thread.join(_CLOSE_SECONDS)

    def _send(self) -> None:
        while not self._closed.is_set():
            self._wake.clear()
            try:
                started = self._start_next()
            except Exception as error:  # for example a database that is down: try again
                logger.warning("webhooks: %s", type(error).__name__)
                started = False
            if not started:
                self._wake.wait(TICK_SECONDS)

    def _start_next(self) -> bool:
        """Start a delivery that is due. Return whether there was one and room for it."""
        with self._lock:
            busy = [host for host, count in self._hosts.items() if count >= MAX_PER_HOST]
            full = len(self._running) >= MAX_DELIVERIES
        due = None if full else self._queue.due(_PATIENCE_SECONDS, busy)
        if due is None:
            return False
        assert due.job.webhook is not None
        host = host_of(due.job.webhook)
        delivery = WebhookDelivery(
            job_message(due.job), self._key, networks=self._networks, limits=self._limits, resolve=self._resolve
        )
        thread = threading.Thread(target=self._deliver, args=(due, host, delivery), name="webhook", daemon=True)
        with self._lock:
            self._running[thread] = delivery
            self._hosts[host] += 1
        thread.start()
        return True

    def _deliver(self, due: Delivery, host: str, delivery: WebhookDelivery) -> None:
        try:
            outcome = delivery.run()
            if self._closed.is_set() and outcome.status is None:
                return  # aborted: not a failure of the receiver
            done = outcome.status is not None and 200 <= outcome.status < 300
            if not done:
                logger.warning("webhook of job %s: %s", due.job.id, outcome.status or outcome.reason)
            ended = done or outcome.status == _GONE or due.tries + 1 >= TRIES
            self._queue.later(due.job.id, None if ended else wait(due.tries))
        except Exception as error:  # the webhook is due again later
            logger.warning("webhook of job %s: %s", due.job.id, type(error).__name__)
        finally:
            with self._lock:
                del self._running[threading.current_thread()]
                self._hosts[host] -= 1
                if not self._hosts[host]:
                    del self._hosts[host]
            self._wake.set()
