"""One delivery of a webhook: an HTTP request with limits on every step, of whose response only the status is read."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from glossator.service.jobs.webhooks.addresses import Network, Resolve, allowed_addresses, resolve_host
from glossator.service.jobs.webhooks.message import Message
from glossator.service.jobs.webhooks.urls import Target, parse_url

MAX_RESPONSE_BYTES = 16_384
"""The status line must come within this many bytes; what follows it is not read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one delivery, in seconds."""

    connect: float = 5.0
    """For each address, until the connection is made."""
    idle: float = 5.0
    """Without a byte of the response."""
    total: float = 15.0
    """For the whole delivery, with the resolution of the name."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a delivery."""

    status: int | None
    """The status of the response; None without one."""
    reason: str = ""
    """Why there is none."""


class DeliveryProtocolError(OSError):
    """The response is not HTTP."""


class WebhookDelivery:
    """A delivery that another thread may abort."""

    def __init__(
        self,
        message: Message,
        key: bytes,
        *,
        networks: Sequence[Network] = (),
        limits: Limits = Limits(),
        resolve: Resolve = resolve_host,
    ) -> None:
        self._message = message
        self._key = key
        self._networks = networks
        self._limits = limits
        self._resolve = resolve
        self._until = 0.0
        self._aborted = threading.Event()
        self._socket: socket.socket | None = None

    def run(self) -> Outcome:
        """Post the message. Redirects are not followed. Never raises."""
        self._until = time.monotonic() + self._limits.total
        try:
            target = parse_url(self._message.url)
            addresses = allowed_addresses(
                target.host, target.port, self._networks, seconds=self._left(), resolve=self._resolve
            )
            with contextlib.closing(self._connect(addresses, target)) as connection:
                connection.settimeout(self._left())  # sendall counts it over all of its calls
                connection.sendall(self._request(target))
                return Outcome(self._status(connection))
        except TimeoutError:
            return Outcome(None, "no response in time")
        except (OSError, ValueError) as error:
            return Outcome(None, str(error) or type(error).__name__)

    def abort(self) -> None:
        """End the delivery now."""
        self._aborted.set()
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _left(self, step: float = float("inf")) -> float:
        """Return the seconds that a step may take. Raises TimeoutError."""
        left = self._until - time.monotonic()
        if left <= 0 or self._aborted.is_set():
            raise TimeoutError
        return min(step, left)

    def _connect(self, addresses: Sequence[str], target: Target) -> socket.socket:
        """Return a connection to the first address that accepts one."""
        failure: OSError = OSError("the host name has no address")
        for address in addresses:
            try:
                plain = socket.create_connection((address, target.port), timeout=self._left(self._limits.connect))
            except TimeoutError:
                self._left()
                failure = OSError("no connection in time")
                continue
            except OSError as error:
                failure = error
                continue
            self._socket = plain
            if not target.secure:
                return plain
            try:
                context = ssl.create_default_context()
                secure = context.wrap_socket(plain, server_hostname=target.host, do_handshake_on_connect=False)
                self._socket = secure
                secure.settimeout(self._left(self._limits.connect))
                secure.do_handshake()
            except BaseException:
                (self._socket or plain).close()
                raise
            return secure
        raise failure

    def _request(self, target: Target) -> bytes:
        body = self._message.body
        headers = {
            "Host": target.authority,
            "Content-Length": str(len(body)),
            "Connection": "close",
            **self._message.headers(self._key, int(time.time())),
        }
        lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode("ascii") + body

    def _status(self, connection: socket.socket) -> int:
        """Return the status of the final response; interim responses (1xx) are skipped."""
        received = b""
        while True:
            head, ended, rest = received.partition(b"\r\n\r\n")
            status = _parse_status(received) if b"\n" in received else None
            if status is not None and status >= 200:
                return status
            if status is not None and ended:
                received = rest
                continue
            if len(head) > MAX_RESPONSE_BYTES:
                raise DeliveryProtocolError(f"the response has no status in its first {MAX_RESPONSE_BYTES:,} bytes")
            connection.settimeout(self._left(self._limits.idle))
            block = connection.recv(4_096)
            if not block:
                raise DeliveryProtocolError("the connection was closed before a response")
            received += block


def _parse_status(received: bytes) -> int:
    version, _, rest = received.partition(b"\n")[0].partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/1.") or len(status) < 3 or not status.isdigit():
        raise DeliveryProtocolError("the response is not HTTP/1.1")
    return int(status)
