"""Drift of the served models: watches the prediction log, and reports alarms.

An alarm is a line in the server's log, a metric, a note in the registry's audit, and a message to the webhook. All of
it happens in a thread of its own, which also saves the state of the tests.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.api.settings import Settings
from glossator.service.errors import GlossatorError
from glossator.service.jobs.webhooks.addresses import Network
from glossator.service.jobs.webhooks.delivery import WebhookDelivery
from glossator.service.jobs.webhooks.message import TRIES, Message, secret_bytes, wait
from glossator.service.monitoring.drift.detector import DriftDetector, Key
from glossator.service.monitoring.drift.events import DriftEvent, LiveDrift
from glossator.service.monitoring.drift.state import DriftState
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.registry import Registry
from glossator.service.statistics.drift import DriftSettings, Verdict

SAVE_SECONDS = 60.0
_TICK_SECONDS = 0.5
_GONE = 410

logger = logging.getLogger("glossator.service.drift")


@dataclass(frozen=True, slots=True)
class DriftWebhook:
    """Where alarms are sent, and the key that signs them."""

    url: str
    key: bytes
    networks: Sequence[Network] = ()


@dataclass(slots=True)
class _Pending:
    """A message that is not delivered yet."""

    id: str
    body: str
    tries: int
    due: float
    """When it is sent, in seconds since 1970."""


class DriftService:
    """The drift tests of one server process.

    Args:
        settings: What counts as drift.
        log: The prediction log that is watched.
        registry: The registry whose audit gets a note of each alarm; None if bundles are served without one.
        webhook: Where alarms are sent; None: nowhere.
        retry: Returns the seconds before the next try, after a number of failed ones.
    """

    def __init__(
        self,
        settings: DriftSettings,
        log: PredictionLog,
        *,
        registry: Registry | None = None,
        webhook: DriftWebhook | None = None,
        retry: Callable[[int], float] = wait,
    ) -> None:
        self._registry = registry
        self._webhook = webhook
        self._retry = retry
        self._state: DriftState | None = None
        try:
            self._state = DriftState(log.settings.folder)
        except OSError as error:
            logger.warning("the state of drift is not saved: %s: %s", log.settings.folder, error.strerror)
        self._events: queue.SimpleQueue[DriftEvent] = queue.SimpleQueue()
        self.detector = DriftDetector(settings, self._state, self._events.put)
        self._pending = [] if self._state is None else _read_pending(self._state.read_pending())
        self._closed = threading.Event()
        self._delivery: WebhookDelivery | None = None
        self._save_at = time.monotonic() + SAVE_SECONDS
        self._thread = threading.Thread(target=self._run, name="drift", daemon=True)
        log.observe(self.detector.observe)

    def start(self) -> None:
        """Start to report and to save."""
        self._thread.start()

    def close(self) -> None:
        """Report what has happened, and save the state. Call it after the log is closed."""
        self._closed.set()
        delivery = self._delivery
        if delivery is not None:
            delivery.abort()
        if self._thread.ident is not None:
            self._thread.join()
        try:
            self.detector.close()
        except OSError as error:
            logger.error("the state of drift cannot be saved: %s", error)

    def verdicts(self, model: str, digest: str) -> list[LiveDrift]:
        """Return what is known of each summary of a version, in all processes of the server. Reads files."""
        return self.detector.verdicts(model, digest)

    def own_verdicts(self) -> dict[Key, list[Verdict]]:
        """Return what this process knows of each version."""
        return self.detector.own_verdicts()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._step(_TICK_SECONDS)
        while not self._events.empty():
            self._step(0.0)

    def _step(self, patience: float) -> None:
        """Report one event if there is one, send one message if one is due, save the state if it is time."""
        try:
            if self._events.empty():
                self._closed.wait(patience)  # SimpleQueue.get may wait forever if SIGCONT ends its timeout
            event = None if self._events.empty() else self._events.get_nowait()
            if event is not None:
                self._report(event)
                self._save_at = 0.0  # an alarm must not be raised again after a crash
            if time.monotonic() >= self._save_at:
                self._save_at = time.monotonic() + SAVE_SECONDS
                self.detector.save()
            if not self._closed.is_set():
                self._send()
        except Exception as error:  # a full disk, for example: try again later
            logger.warning("drift: %s", error)
            self._closed.wait(_TICK_SECONDS)

    def _report(self, event: DriftEvent) -> None:
        logger.warning("%s", event.sentence())
        if self.detector.is_known_elsewhere(event):
            return  # another replica has reported it
        if self._registry is not None:
            try:
                self._registry.note(event.model, event.digest, why=event.sentence(), evidence=event.to_dict())
            except (GlossatorError, OSError) as error:  # the message is sent all the same
                logger.warning("the audit has no note of the drift: %s", error)
        if self._webhook is not None:
            body = {"type": event.type, "timestamp": _iso(event.time), "data": event.to_dict()}
            self._pending.append(_Pending(event.id, json.dumps(body), 0, time.time()))
            self._save_pending()

    def _send(self) -> None:
        due = next((each for each in self._pending if each.due <= time.time()), None)
        if due is None or self._webhook is None:
            return
        message = Message(self._webhook.url, due.id, due.body.encode())
        delivery = self._delivery = WebhookDelivery(message, self._webhook.key, networks=self._webhook.networks)
        if self._closed.is_set():  # `close` may have looked for a delivery before there was one
            delivery.abort()
        outcome = delivery.run()
        self._delivery = None
        if self._closed.is_set() and outcome.status is None:
            return  # aborted: it is sent after the next start
        done = outcome.status is not None and 200 <= outcome.status < 300
        if not done:
            logger.warning("webhook of drift: %s", outcome.status or outcome.reason)
        due.tries += 1
        if done or outcome.status == _GONE or due.tries >= TRIES:
            self._pending.remove(due)
        else:
            due.due = time.time() + self._retry(due.tries - 1)
        self._save_pending()

    def _save_pending(self) -> None:
        if self._state is not None:
            saved = [{"id": each.id, "body": each.body, "tries": each.tries} for each in self._pending]
            self._state.write_pending(saved)


def open_drift(log: PredictionLog | None, models: Mapping[str, Any], settings: Settings) -> DriftService | None:
    """Watch the log of a server for drift; None without a log."""
    if log is None:
        return None
    webhook = None
    if settings.prediction_log_drift_webhook is not None and settings.webhook_secret is not None:
        webhook = DriftWebhook(
            settings.prediction_log_drift_webhook.get_secret_value(),
            secret_bytes(settings.webhook_secret.get_secret_value()),
            [ipaddress.ip_network(each) for each in settings.webhook_networks],
        )
    return DriftService(
        DriftSettings(tolerance=settings.prediction_log_drift_tolerance),
        log,
        registry=models.registry if isinstance(models, RegistryCatalog) else None,
        webhook=webhook,
    )


def _read_pending(saved: Sequence[Mapping[str, Any]]) -> list[_Pending]:
    now = time.time()
    try:
        return [_Pending(str(each["id"]), str(each["body"]), int(each["tries"]), now) for each in saved]
    except (KeyError, TypeError, ValueError):
        return []


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
