from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest

from glossator.service.jobs.storage.store import Store
from glossator.service.jobs.webhooks.delivery import Limits, Outcome, WebhookDelivery
from glossator.service.jobs.webhooks.message import job_message, signature

from .conftest import KEY, Answer, Receiver, ended, status

Receive = Callable[[Answer], Receiver]
QUICK = Limits(connect=0.5, idle=0.3, total=0.6)


def drip(block: bytes, seconds: float = 0.05) -> Answer:
    """Sends a block again and again until the other side gives up."""

    def answer(connection: socket.socket) -> None:
        while True:
            connection.sendall(block)
            time.sleep(seconds)

    return answer


def test_end_of_a_job_is_reported(sqlite_store: Store, receive: Receive) -> None:
    receiver = receive(status(200))
    job = ended(sqlite_store, receiver.url)
    assert WebhookDelivery(job_message(job), KEY).run() == Outcome(200)
    assert WebhookDelivery(job_message(job), KEY).run() == Outcome(200)
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert first == "POST /hook?x=1 HTTP/1.1"
    assert headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert headers["Content-Length"] == str(len(body))
    assert headers["webhook-id"] == "job_1.1"
    assert headers["webhook-signature"] == signature(KEY, "job_1.1", int(headers["webhook-timestamp"]), body)
    assert body == job_message(job).body
    assert b"webhook-id: job_1.1\r\n" in receiver.requests[1]


def test_redirects_are_not_followed(sqlite_store: Store, receive: Receive) -> None:
    other = receive(status(200))
    receiver = receive(status(307, f"Location: {other.url}\r\n"))
    assert WebhookDelivery(job_message(ended(sqlite_store, receiver.url)), KEY).run() == Outcome(307)
    assert other.requests == []


def test_interim_responses_are_skipped(sqlite_store: Store, receive: Receive) -> None:
    receiver = receive(
        lambda connection: connection.sendall(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
        )
    )
    assert WebhookDelivery(job_message(ended(sqlite_store, receiver.url)), KEY).run() == Outcome(204)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (drip(b"H"), "no response in time"),
        (drip(b"HTTP/1.1 100 Continue\r\n\r\n"), "no response in time"),
        (lambda connection: time.sleep(0.7), "no response in time"),
        (drip(b"x" * 65_536, 0), "has no status in its first 16,384 bytes"),
        (drip(b"nonsense\r\n", 0), "the response is not HTTP/1.1"),
        (lambda connection: None, "closed before a response"),
        (lambda connection: connection.sendall(b"HTTP/1.1 2\xb2\xb2 X\r\n"), "the response is not HTTP/1.1"),
    ],
    ids=["dripped status", "endless interim responses", "silence", "endless line", "nonsense", "closed", "odd digits"],
)
def test_receiver_that_does_not_answer_properly_is_given_up(
    sqlite_store: Store, receive: Receive, answer: Answer, reason: str
) -> None:
    began = time.monotonic()
    outcome = WebhookDelivery(job_message(ended(sqlite_store, receive(answer).url)), KEY, limits=QUICK).run()
    assert outcome.status is None
    assert reason in outcome.reason
    assert time.monotonic() - began < 10


def test_dripped_headers_and_endless_bodies_do_not_matter(sqlite_store: Store, receive: Receive) -> None:
    """The status is all that is read."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        drip(b"X: y\r\n")(connection)

    assert WebhookDelivery(job_message(ended(sqlite_store, receive(answer).url)), KEY, limits=QUICK).run() == Outcome(
        200
    )


def test_nobody_there_is_no_answer(sqlite_store: Store) -> None:
    outcome = WebhookDelivery(job_message(ended(sqlite_store, "http://127.0.0.1:1/")), KEY).run()
    assert outcome.status is None
    assert "refused" in outcome.reason


def test_connection_goes_to_the_address_that_was_checked(sqlite_store: Store, receive: Receive) -> None:
    """The resolver is asked once; a second answer, as in DNS rebinding, is never used."""
    receiver = receive(status(200))
    answers = iter([["127.0.0.1"], ["203.0.113.1"]])
    job = ended(sqlite_store, f"http://localhost:{receiver.port}/")
    assert WebhookDelivery(job_message(job), KEY, resolve=lambda *_: next(answers)).run() == Outcome(200)
    assert next(answers) == ["203.0.113.1"]
    assert f"Host: localhost:{receiver.port}\r\n".encode() in receiver.requests[0]


def test_name_that_leads_to_this_machine_is_not_called(sqlite_store: Store, receive: Receive) -> None:
    receiver = receive(status(200))
    job = ended(sqlite_store, f"https://hooks.test:{receiver.port}/")
    outcome = WebhookDelivery(job_message(job), KEY, resolve=lambda *_: ["127.0.0.1"]).run()
    assert outcome == Outcome(None, "hooks.test resolves to 127.0.0.1, which is not a public address")
    assert receiver.requests == []


def test_certificate_of_the_receiver_is_checked(sqlite_store: Store, receive: Receive) -> None:
    """A receiver without TLS, or with any certificate that the system does not trust, gets nothing."""
    receiver = receive(status(200))
    outcome = WebhookDelivery(
        job_message(ended(sqlite_store, f"https://127.0.0.1:{receiver.port}/")), KEY, limits=QUICK
    ).run()
    assert outcome.status is None
    assert receiver.requests == []


def test_delivery_is_aborted_at_once(sqlite_store: Store, receive: Receive) -> None:
    arrived = threading.Event()

    def answer(connection: socket.socket) -> None:
        arrived.set()
        connection.recv(1)

    delivery = WebhookDelivery(
        job_message(ended(sqlite_store, receive(answer).url)), KEY, limits=Limits(idle=60, total=60)
    )
    thread = threading.Thread(target=delivery.run)
    thread.start()
    assert arrived.wait(30)
    delivery.abort()
    thread.join(30)
    assert not thread.is_alive()
