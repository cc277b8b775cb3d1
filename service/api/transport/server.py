"""Runs an app with uvicorn on a socket that we bind, until a signal of `stop_signals`. Writes nothing to stdout."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from glossator.service.api.log_format import log_to_stderr
from glossator.service.api.replicas.replica_supervisor import ReplicaSupervisor, inherited_socket, report_ready
from glossator.service.api.settings import PREFIX, Settings
from glossator.service.api.state import AppState
from glossator.service.api.transport.header_limits import HeaderLimitsProtocol
from glossator.service.api.transport.unix_socket import unix_listener
from glossator.service.errors import ConfigError
from glossator.service.stop_signals import stop_signals

_BACKLOG = 2048
_ACCEPT_SECONDS = 0.01
"""The event loop accepts all waiting connections in its next pass."""
_LINGER_SECONDS = 0.3
_KEEP_ALIVE_SECONDS = 75
"""Longer than load balancers keep idle connections: the side that closes first may lose a request."""


def serve(app: FastAPI, settings: Settings, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve an app until SIGTERM, SIGINT or SIGHUP; requests that have begun are still answered.

    Args:
        app: An app from `create_app`.
        settings: The settings of the app.
        on_ready: Called once with the URL when the server is ready. With port 0, the URL contains the chosen port.

    Raises:
        ConfigError: The address cannot be bound.
        GlossatorError: A model failed to warm up.
    """
    state: AppState = app.state.service
    log_to_stderr()
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
            with _return_after_signal(server):
                server.run(sockets=[listener])
        except SystemExit:  # uvicorn exits like this if the app does not start
            if state.failure is None:
                raise
            raise state.failure from None


def serve_replicas(command: Sequence[str], settings: Settings, count: int, *, on_ready: Callable[[str], None]) -> int:
    """Run `count` processes of a serving command (see `ReplicaSupervisor`) until SIGTERM, SIGINT or SIGHUP.

    Returns the exit code.
    """
    log_to_stderr()
    with _listening(settings) as listener:
        secret = {
            f"{PREFIX}SESSION_SECRET": settings.session_secret.get_secret_value()
        }  # sessions hold in all replicas
        replicas = ReplicaSupervisor(
            command, listener, count, grace_seconds=settings.grace_seconds, environment=os.environ | secret
        )
        for kind in stop_signals():
            signal.signal(kind, replicas.stop)
        return replicas.run(lambda: on_ready(_url(listener)))


class _Server(uvicorn.Server):
    """uvicorn's server, which also reports when it is ready and when it starts to drain."""

    def __init__(
        self, config: uvicorn.Config, state: AppState, url: str, on_ready: Callable[[str], None] | None
    ) -> None:
        super().__init__(config)
        self._state = state
        self._url = url
        self._on_ready = on_ready

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, then read requests that are already on open connections.

        An idle connection may hold a request that has not been read yet. Responses from now on close the connection.
        Connections that wait to be accepted would be reset.
        """
        await asyncio.sleep(_ACCEPT_SECONDS)
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LINGER_SECONDS)
        await super().shutdown(sockets)
        if self.force_exit:  # a second Ctrl-C: uvicorn waits for no request, and leaves the app as it is
            await self.lifespan.shutdown()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.should_exit:
            return
        report_ready()
        if self._on_ready is not None:
            self._on_ready(self._url)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does, except that SIGINT stays ignored where it is (see `stop_signals`)."""
        is_ignored = signal.SIGINT not in stop_signals()
        with super().capture_signals():
            if is_ignored and threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._state.draining = True
        super().handle_exit(sig, frame)

    def stop(self, *_: object) -> None:
        """Drain as after SIGTERM. Can be used as a signal handler."""
        self._state.draining = True
        self.should_exit = True


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """A socket that listens at the address of the settings; in a replica, the parent's socket."""
    if (inherited := inherited_socket()) is not None:
        with inherited:
            yield inherited
        return
    if settings.uds is not None:
        with unix_listener(settings.uds, _BACKLOG) as unix:
            yield unix
        return
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that DNS cannot encode
        raise ConfigError(
            "the host name cannot be resolved", found=settings.host, hint="Bind 127.0.0.1 or another address."
        ) from error
    with socket.socket(family, kind, protocol) as listener:
        # Allows a port whose old connections still close, but not a port with a listener.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            raise _bind_error(error, settings) from error
        yield listener


def _bind_error(error: OSError, settings: Settings) -> ConfigError:
    found = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        hint = f"Stop the program that uses it, or choose another port (--port or {PREFIX}PORT; 0 chooses a free one)."
        return ConfigError("the port is in use", found=found, expected="a free port", hint=hint)
    if error.errno == errno.EACCES:
        return ConfigError("no permission to bind the port", found=found, hint="Choose a port above 1023.")
    return ConfigError(f"the address cannot be bound: {error.strerror}", found=found, hint="Bind 127.0.0.1.")


def _url(listener: socket.socket) -> str:
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _return_after_signal(server: _Server) -> Iterator[None]:
    """Let `serve` return after a signal. uvicorn raises the signal again at the end, for the handler before its own.

    That handler is ours. It also stops a server that receives a signal before uvicorn sets its handler, and after
    SIGHUP, for which uvicorn sets none.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {kind: signal.signal(kind, server.stop) for kind in stop_signals()}
    try:
        yield
    finally:
        for kind, handler in handlers.items():
            signal.signal(kind, handler)
