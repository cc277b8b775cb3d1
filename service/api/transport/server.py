"""Runs an app with uvicorn: on a socket that we bind ourselves, until SIGTERM, and without a word on stdout."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from glossator.service.api.replicas.replica_supervisor import ReplicaSupervisor, inherited_socket, report_ready
from glossator.service.api.settings import PREFIX, Settings
from glossator.service.api.state import AppState
from glossator.service.api.transport.header_limits import HeaderLimitsProtocol
from glossator.service.errors import ConfigError

_BACKLOG = 2048
_LINGER_SECONDS = 0.3
_KEEP_ALIVE_SECONDS = 75
"""Longer than load balancers keep an idle connection: who closes first may meet a request on its way."""


def serve(app: FastAPI, settings: Settings, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Serves `app` (of `create_app`) until SIGTERM or SIGINT; requests that have begun are answered first.

    `on_ready` is called once with the URL when the models are warm and connections are accepted; with port 0 the URL
    tells the port that was taken. Raises ConfigError where the address cannot be bound, and the error of a model that
    does not warm up.
    """
    state: AppState = app.state.service
    with _listening(settings) as listener:
        config = uvicorn.Config(
            app,
            lifespan="on",
            http=HeaderLimitsProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=settings.grace_seconds,
        )
        server = _Server(config, state, _url(listener), on_ready)
        try:
            with _signals_survived(server):
                server.run(sockets=[listener])
        except SystemExit:  # uvicorn's way to say that the lifespan did not start
            if state.failure is None:
                raise
            raise state.failure from None


def serve_replicas(command: Sequence[str], settings: Settings, count: int, *, on_ready: Callable[[str], None]) -> int:
    """Runs `count` processes of a command that serves (see `Replicas`) until SIGTERM or SIGINT; the exit code."""
    with _listening(settings) as listener:
        replicas = ReplicaSupervisor(command, listener, count, grace_seconds=settings.grace_seconds)
        for kind in (signal.SIGTERM, signal.SIGINT):
            signal.signal(kind, replicas.stop)
        return replicas.run(lambda: on_ready(_url(listener)))


class _Server(uvicorn.Server):
    """uvicorn's server that tells when it is ready, and that it drains before it stops listening."""

    def __init__(
        self, config: uvicorn.Config, state: AppState, url: str, on_ready: Callable[[str], None] | None
    ) -> None:
        super().__init__(config)
        self._state = state
        self._url = url
        self._on_ready = on_ready

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes no more connections, then lets those that are open say what they have sent: an idle one may hold a
        request that has not been read yet. Answers from now on say that the connection ends."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LINGER_SECONDS)
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        report_ready()
        if self._on_ready is not None:
            self._on_ready(self._url)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._state.draining = True
        super().handle_exit(sig, frame)


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """A socket that listens at the address of the settings; in a replica, that of its parent."""
    if (shared := inherited_socket()) is not None:
        with shared:
            yield shared
        return
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:  # the latter for a name that DNS cannot hold
        raise ConfigError(
            "the host name cannot be resolved", found=settings.host, hint="Bind 127.0.0.1 or another address."
        ) from error
    with socket.socket(family, kind, protocol) as listener:
        # A port whose last connections still close may be bound again; one that is listened on may not.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            raise _unbindable(error, settings) from error
        yield listener


def _unbindable(error: OSError, settings: Settings) -> ConfigError:
    found = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        hint = f"Stop the program that listens there, or choose another port ({PREFIX}PORT; 0 takes any free one)."
        return ConfigError("the port is in use", found=found, expected="a free port", hint=hint)
    if error.errno == errno.EACCES:
        return ConfigError("this user may not bind the port", found=found, hint="Choose a port above 1023.")
    return ConfigError(f"the address cannot be bound: {error.strerror}", found=found, hint="Bind 127.0.0.1.")


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _signals_survived(server: uvicorn.Server) -> Iterator[None]:
    """Lets `serve` return after a signal: uvicorn raises it again when it is done, for the handler that stood before.

    That handler is ours, and also stops a server that has not come to setting its own.
    """

    def stop(*_: object) -> None:
        server.should_exit = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {kind: signal.signal(kind, stop) for kind in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for kind, handler in handlers.items():
            signal.signal(kind, handler)
