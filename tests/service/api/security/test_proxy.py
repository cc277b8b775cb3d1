from __future__ import annotations

from typing import Any

import anyio
import pytest
from starlette.types import Receive, Scope, Send

from glossator.service.api.security.proxy import ProxyMiddleware, forwarded_host, is_https, public_url, root_of
from glossator.service.api.settings import Settings
from glossator.service.errors import ConfigError


def forwarded(
    settings: Settings, path: str, client: tuple[str, int] | None = ("127.0.0.1", 50_000), **headers: str
) -> dict[str, Any]:
    """The scope that the app sees."""
    seen: dict[str, Any] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(scope)

    async def nothing(*_: Any) -> Any:
        raise AssertionError("the middleware reads and sends nothing")

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "scheme": "http", "path": path, "headers": raw, "client": client}
    anyio.run(ProxyMiddleware(app, settings), scope, nothing, nothing)
    return seen


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/ui", "/ui"), ("/a/b/ui", "/ui"), ("/a/b", "/"), ("/a/b/", "/"), ("/a/bc", "/a/bc"), ("/", "/")],
)
def test_root_path_is_removed_where_the_proxy_left_it(path: str, expected: str) -> None:
    scope = forwarded(Settings(root_path="/a/b/"), path)
    assert (scope["path"], root_of(scope)) == (expected, "/a/b")


def test_prefix_of_a_trusted_proxy_replaces_the_root_path() -> None:
    scope = forwarded(Settings(root_path="/a"), "/ui", x_forwarded_prefix="/b/", x_forwarded_proto="https")
    assert (root_of(scope), is_https(scope)) == ("/b", True)


@pytest.mark.parametrize("prefix", ["//evil.example", "/a/../b c", "https://evil.example", '/a"><script>', "", "/a//b"])
def test_prefixes_that_are_no_path_are_ignored(prefix: str) -> None:
    assert root_of(forwarded(Settings(), "/ui", x_forwarded_prefix=prefix)) == ""


def test_public_url_is_the_address_that_the_client_used() -> None:
    headers = {"x_forwarded_prefix": "/b", "x_forwarded_proto": "https", "x_forwarded_host": "models.example"}
    assert public_url(forwarded(Settings(), "/ui", **headers)) == "https://models.example/b"
    assert public_url(forwarded(Settings(), "/ui", host="127.0.0.1:8000")) == "http://127.0.0.1:8000"


def test_other_clients_cannot_forward() -> None:
    headers = {
        "x_forwarded_prefix": "/b",
        "x_forwarded_proto": "https",
        "x_forwarded_for": "9.9.9.9",
        "x_forwarded_host": "evil.example",
    }
    scope = forwarded(Settings(), "/ui", ("10.0.0.7", 1), **headers)
    assert (root_of(scope), is_https(scope), forwarded_host(scope)) == ("", False, None)
    assert scope["client"] == ("10.0.0.7", 1)
    trusted = forwarded(Settings(trusted_proxies=("10.0.0.0/8",)), "/ui", ("10.0.0.7", 1), **headers)
    assert (root_of(trusted), is_https(trusted), forwarded_host(trusted)) == ("/b", True, "evil.example")
    assert trusted["client"] == ("9.9.9.9", 0)


def test_unix_socket_is_a_trusted_proxy() -> None:
    assert root_of(forwarded(Settings(), "/ui", None, x_forwarded_prefix="/b")) == "/b"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4, 127.0.0.1", "1.2.3.4"),
        ("2001:db8::1", "2001:db8::1"),
        ("unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_client_is_the_last_address_before_our_proxies(header: str, expected: str) -> None:
    """Clients can write any addresses in front: they must not get around the rate limit with them."""
    assert forwarded(Settings(), "/ui", x_forwarded_for=header)["client"][0] == expected


@pytest.mark.parametrize(
    "settings",
    [
        {"root_path": "glossator"},
        {"root_path": "/a b"},
        {"trusted_proxies": ("nginx",)},
        {"cors_origins": ("*",)},
        {"cors_origins": ("https://a.example/path",)},
    ],
)
def test_invalid_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="invalid settings"):
        Settings(**settings)
