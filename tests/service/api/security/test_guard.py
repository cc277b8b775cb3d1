from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable

import anyio
import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from glossator.service.api.problems import RequestError, status_of
from glossator.service.api.security.access import RouteAccess
from glossator.service.api.security.guard import GuardMiddleware
from glossator.service.api.security.key_ring import open_key_ring
from glossator.service.api.security.sessions import Sessions
from glossator.service.api.settings import Settings

KEY = "correct-horse-battery"
BODY = {"text": "money"}
PATH = "/v1/models/intents/predict"


async def _inner_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Probes for everyone, all other paths for holders of a key."""
    try:
        RouteAccess(None if scope["path"] in ("/livez", "/readyz") else "infer").check(scope)
        answer = 200
    except RequestError as error:
        answer = int(status_of(error))
    await send({"type": "http.response.start", "status": answer, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def status(
    settings: Settings,
    *headers: tuple[str, str],
    method: str = "GET",
    path: str = "/v1/models",
    public_host: str | None = None,
) -> int:
    """The status of the response of a server with these settings."""
    sent: list[Message] = []

    async def send_request() -> None:
        async def receive() -> Message:
            raise AssertionError("the guard reads no body")

        async def send(message: Message) -> None:
            sent.append(message)

        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        await GuardMiddleware(_inner_app, settings, open_key_ring(settings), Sessions(b"secret"))(
            {"type": "http", "method": method, "path": path, "headers": raw, "state": {"public_host": public_host}},
            receive,
            send,
        )

    anyio.run(send_request)
    return int(sent[0]["status"])


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LocalHost:99", "localhost.", "[::1]:8000"])
def test_loopback_hosts_are_accepted(host: str) -> None:
    assert status(Settings(), ("host", host)) == 200


@pytest.mark.parametrize(
    "hosts",
    [
        ["evil.example"],
        ["evil.example:8000"],
        ["localhost.evil.example"],
        ["127.0.0.1.evil.example"],
        ["evil.example#localhost"],
        ["localhost@evil.example"],
        ["["],
        [""],
        [],
        ["localhost", "evil.example"],
    ],
)
def test_other_hosts_are_refused_on_loopback(hosts: list[str]) -> None:
    assert status(Settings(), *[("host", host) for host in hosts]) == 421
    assert status(Settings(), *[("host", host) for host in hosts], path="/livez") == 421


def test_allowed_hosts_are_accepted() -> None:
    behind_proxy = Settings(allowed_hosts=("Labels.example",))
    assert status(behind_proxy, ("host", "labels.example")) == 200
    assert status(behind_proxy, ("host", "127.0.0.1")) == 200
    public = Settings(host="0.0.0.0", api_keys=(KEY,), allowed_hosts=("labels.example",))
    authorization = ("authorization", f"Bearer {KEY}")
    assert status(public, ("host", "labels.example"), authorization) == 200
    assert status(public, ("host", "127.0.0.1"), authorization) == 421


@pytest.mark.parametrize(
    ("public", "expected"),
    [
        ("labels.example", 200),
        ("LABELS.example:443", 200),
        ("localhost:80", 200),
        (None, 200),
        ("evil.example", 421),
        ("evil.example, labels.example", 421),
        ("labels.example.evil.example", 421),
        ("labels.example@evil", 421),
    ],
)
def test_public_host_that_a_proxy_reports_must_be_listed_too(public: str | None, expected: int) -> None:
    """DNS rebinding through a proxy that sends a Host of its own: the address of the server."""
    listed = Settings(allowed_hosts=("labels.example",))
    assert status(listed, ("host", "127.0.0.1:8000"), public_host=public) == expected
    assert status(Settings(), ("host", "127.0.0.1:8000"), public_host=public) == 200  # nothing is listed


def test_public_server_without_a_host_list_accepts_every_host() -> None:
    public = Settings(host="0.0.0.0", api_keys=(KEY,))
    assert status(public, ("host", "whatever.example"), ("authorization", f"Bearer {KEY}")) == 200
    assert status(public, ("authorization", f"Bearer {KEY}")) == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], 200),
        ([("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:8000")], 200),
        ([("sec-fetch-site", "none")], 200),
        ([("origin", "HTTP://127.0.0.1:8000")], 200),
        ([("sec-fetch-site", "cross-site")], 403),
        ([("sec-fetch-site", "same-site")], 403),
        ([("sec-fetch-site", "anything")], 403),
        ([("origin", "http://127.0.0.1:3000")], 403),
        ([("origin", "http://localhost:8000")], 403),
        ([("origin", "https://evil.example")], 403),
        ([("origin", "null")], 403),
        ([("origin", "http://[")], 403),
        ([("sec-fetch-site", "same-origin"), ("origin", "https://public.example")], 200),
    ],
)
def test_posts_from_pages_of_other_sites_are_refused(headers: list[tuple[str, str]], expected: int) -> None:
    host = ("host", "127.0.0.1:8000")
    assert status(Settings(), host, *headers, method="POST") == expected
    assert status(Settings(), host, *headers, method="DELETE") == expected
    assert status(Settings(), host, *headers, method="GET") == 200


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (None, 401),
        (f"Bearer {KEY}", 200),
        (f"bearer  {KEY} ", 200),
        (f"Basic {KEY}", 401),
        (KEY, 401),
        ("Bearer", 401),
        ("Bearer wrong-horse-battery", 401),
        ("Bearer correct-horse-batterÿ", 401),
    ],
)
def test_key_is_required_if_one_is_set(authorization: str | None, expected: int) -> None:
    headers = [("host", "localhost")] + ([("authorization", authorization)] if authorization else [])
    settings = Settings(api_keys=(KEY, "another-key-of-the-ring"))
    assert status(settings, *headers) == expected
    assert status(settings, *headers, path="/metrics") == expected
    assert status(settings, *headers, path="/openapi.json") == expected
    assert status(settings, *headers, path="/livez") == 200
    assert status(settings, *headers, path="/readyz") == 200


def test_refusals_are_problems(make_client: Callable[..., TestClient]) -> None:
    client = make_client(api_keys=(KEY,))
    unknown = client.post(PATH, json=BODY)
    assert (unknown.status_code, unknown.json()["code"]) == (401, "unauthorized")
    assert unknown.headers["www-authenticate"].startswith("Bearer")
    assert unknown.headers["content-type"] == "application/problem+json"
    assert KEY not in unknown.text
    known = {"Authorization": f"Bearer {KEY}"}
    assert client.post(PATH, json=BODY, headers=known).status_code == 200
    foreign = client.post(PATH, json=BODY, headers={**known, "Origin": "https://evil.example"})
    assert (foreign.status_code, foreign.json()["code"]) == (403, "cross-site-refused")
    rebound = client.get("/v1/models", headers={**known, "Host": "evil.example"})
    assert (rebound.status_code, rebound.json()["found"]) == (421, "evil.example")


def test_no_other_origin_can_read_responses(client: TestClient) -> None:
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (client.options(PATH, headers=preflight), client.get("/v1/models", headers=preflight)):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_pages_of_listed_origins_can_call_the_api_with_a_key(make_client: Callable[..., TestClient]) -> None:
    client = make_client(api_keys=(KEY,), cors_origins=("https://app.example",))
    preflight = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    allowed = client.options(PATH, headers={**preflight, "Origin": "https://app.example"})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert (
        "access-control-allow-origin"
        not in client.options(PATH, headers={**preflight, "Origin": "https://other.example"}).headers
    )
    sent = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    answer = client.post(PATH, json=BODY, headers={**sent, "Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-credentials" not in answer.headers
    client.post("/ui/session", data={"key": KEY}, follow_redirects=False)
    assert client.get("/v1/models").status_code == 200
    assert client.post(PATH, json=BODY, headers=sent).status_code == 401  # our cookie does not count there


def test_session_counts_like_its_key(make_client: Callable[..., TestClient]) -> None:
    client = make_client(api_keys=(KEY,))
    assert client.post("/ui/session", data={"key": "wrong"}, follow_redirects=False).status_code == 401
    assert client.get("/v1/models").status_code == 401
    entered = client.post("/ui/session", data={"key": KEY, "next": "//evil.example"}, follow_redirects=False)
    assert (entered.status_code, entered.headers["location"]) == (303, "/ui")
    assert client.get("/v1/models").status_code == 200
    assert client.get("/ui").status_code == 200
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-site"}
    assert client.post(PATH, json=BODY, headers=foreign).status_code == 403
    client.post("/ui/session/end", follow_redirects=False)
    assert client.get("/v1/models").status_code == 401


def test_browser_without_a_key_is_sent_to_the_form(make_client: Callable[..., TestClient]) -> None:
    client = make_client(api_keys=(KEY,))
    for path in ("/ui", "/docs", "/ui/models/intents"):
        answer = client.get(path, headers={"Accept": "text/html"}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/ui/session?next={path}")
    path = "/ui/monitor/a%26b%C3%A9?range=week&version=1"
    form = client.get(path, headers={"Accept": "text/html"}).text
    (target,) = re.findall(r'name="next" value="([^"]*)"', form)
    assert html.unescape(target) == path
    part = client.get("/ui/models", headers={"HX-Request": "true"})
    assert part.status_code == 401
    assert "Enter an API key" in part.text


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [(f"user:{KEY}", 200), (f":{KEY}", 200), (KEY, 401), ("user:wrong", 401)],
)
def test_key_may_be_the_password_of_basic_authentication(credentials: str, expected: int) -> None:
    header = "Basic " + base64.b64encode(credentials.encode()).decode()
    assert status(Settings(api_keys=(KEY,)), ("host", "localhost"), ("authorization", header)) == expected
