"""Every route declares its scope, and no spelling of a path gets around it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from fastapi import APIRouter, Depends, FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Scope

from glossator.service.api.app import create_app
from glossator.service.api.security.access import (
    ADMIN,
    INFER,
    DeclaredRoute,
    RouteAccess,
    access_of,
    declared_routes,
)
from glossator.service.api.security.key_file import SCOPES, ApiKey, KeyFile
from glossator.service.api.security.key_hashing import hash_key
from glossator.service.api.settings import Dialect, Settings
from glossator.service.api.web.static_files import STATIC
from glossator.service.inference.model import Model

KEYS = {scope: f"gl_key-with-scope-{scope}" for scope in SCOPES}
_LOOP = asyncio.Runner()
OPEN_PATHS = {"/livez", "/readyz", "/ui/session", "/ui/session/end", "/ui/static/{name:path}"}
LABEL_PREFIXES = (
    "/v1/jobs", "/v1/files", "/v1/batches", "/v1/reviews", "/v1/review-files", "/v1/promotions", "/ui/jobs",
    "/ui/review", "/ui/reports/runs",
)  # fmt: skip
ADMIN_PATHS = (
    "/v1/reviews/{name}/periods",
    "/v1/models/{name}/bundle",
    *(f"/ui/models/{{name}}/{path}" for path in ("promote", "rollback", "switch", "deployed", "evidence")),
    *(f"/v1/promotions/{{name}}{path}" for path in ("", "/batches", "/promote", "/rollback")),
)
VALUES = {
    "name": "intents",
    "version": "1",
    "job_id": "job_1",
    "file_id": "file-1",
    "batch_id": "batch_1",
    "rest": "x",
    "feedback_id": "f",
    "item": "1",
    "queue": "period:intents",
    "queue_id": "queue_1",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("access")
    keys = [
        ApiKey(name=scope, scopes=[scope], created=datetime.now(UTC), sha256=hash_key(KEYS[scope])) for scope in SCOPES
    ]
    (path / "keys.json").write_text(KeyFile(keys=keys).model_dump_json())
    return path


@pytest.fixture(scope="module")
def app(served_models: dict[str, Model], folder: Path) -> Iterator[FastAPI]:
    """An app with every route that there is: jobs, feedback, and a dialect at the root."""
    app = create_app(
        served_models,
        Settings(
            key_file=folder / "keys.json",
            jobs=folder / "jobs",
            prediction_log=folder / "log",
            root_dialect="text-embeddings-inference",
        ),
    )
    app.state.service.warm = True
    yield app
    app.state.service.jobs.store.close()


class Answer:
    """The response to one request, and what the route that ran declares (None if no route ran)."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.access: RouteAccess | None = None


def get(app: ASGIApp, raw_path: bytes, key: str | None, *, path: str, method: str = "GET") -> Answer:
    """Send one request as uvicorn would."""
    answer = Answer()
    headers = [(b"host", b"127.0.0.1:8000"), (b"content-type", b"application/json")]
    if key is not None:
        headers.append((b"authorization", f"Bearer {key}".encode()))
    scope: Scope = {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path, "raw_path": raw_path,
        "query_string": b"", "root_path": "", "headers": headers, "client": ("127.0.0.1", 1), "server": ("a", 1),
        "state": {},
    }  # fmt: skip

    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()  # the client waits for the answer
        return messages.pop()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
        else:
            answer.body += message.get("body", b"")

    _LOOP.run(app(scope, receive, send))
    if answer.status not in (404, 405) and "route" in scope:
        answer.access = access_of(scope["route"])
    return answer


def example_path(route: DeclaredRoute) -> str:
    path = route.path.replace("{name:path}", "app.css").replace("{path:path}", "x.svg").replace("{rest:path}", "x")
    return path.format_map(VALUES)


@pytest.mark.parametrize("root", [None, "hugging-face", "text-embeddings-inference", "cohere", "label-studio"])
@pytest.mark.parametrize("jobs", [False, True])
def test_every_route_declares_one_scope(
    served_models: dict[str, Model], tmp_path: Path, root: Dialect | None, jobs: bool
) -> None:
    more: dict[str, Path] = {"jobs": tmp_path, "prediction_log": tmp_path / "log"} if jobs else {}
    app = create_app(served_models, Settings(root_dialect=root, **more))
    found = list(declared_routes(app.routes))
    assert len(found) > 60
    for route in found:
        expected: str | None = "infer"
        if route.path in OPEN_PATHS:
            expected = None
        elif (
            route.path in ADMIN_PATHS
            or route.path.endswith(("/metrics", "/monitor", "/timeline"))
            or route.path.startswith("/ui/monitor")
        ):
            expected = "admin"
        elif route.path.startswith(LABEL_PREFIXES) or (route.path, route.methods) in (
            ("/v1/feedback", ("GET",)),
            ("/ui/reports", ("GET",)),
        ):
            expected = "label"
        assert route.access.scope == expected, route
    if jobs:
        app.state.service.jobs.store.close()


def test_app_with_an_undeclared_route_does_not_start() -> None:
    def fine() -> None: ...

    for dependencies in ([], [INFER, ADMIN], [Depends(fine)]):
        router = APIRouter()
        router.add_api_route("/forgotten", fine, dependencies=dependencies)
        app = FastAPI(openapi_url=None)
        app.include_router(router)
        with pytest.raises(RuntimeError, match="/forgotten"):
            list(declared_routes(app.routes))
    mounted = FastAPI(openapi_url=None, routes=[Mount("/static", FastAPI())])
    with pytest.raises(RuntimeError, match="/static"):
        list(declared_routes(mounted.routes))


def test_no_body_is_read_before_the_scope_is_checked(app: FastAPI) -> None:
    for route in declared_routes(app.routes):
        if route.access.scope is None:
            continue
        wrong = next(scope for scope in SCOPES if scope != route.access.scope)
        for method in route.methods:
            path = example_path(route)
            refused = get(app, path.encode(), KEYS[wrong], path=path, method=method)
            assert refused.status == 403, (method, path, refused.body)
            assert get(app, path.encode(), None, path=path, method=method).status in (401, 303), (method, path)


def test_without_a_key_nobody_learns_which_routes_exist(app: FastAPI) -> None:
    for path in ("/nowhere", "/v1/models/intents/nothing", "/metrics/x"):
        assert get(app, path.encode(), None, path=path).status == 401
    assert get(app, b"/v1/models", None, path="/v1/models", method="DELETE").status == 401
    assert get(app, b"/nowhere", KEYS["infer"], path="/nowhere").status == 404


def test_key_with_the_scope_gets_an_answer(app: FastAPI) -> None:
    for path, scope in (("/metrics", "admin"), ("/v1/jobs", "label"), ("/v1/models", "infer"), ("/ui", "infer")):
        assert get(app, path.encode(), KEYS[scope], path=path).status == 200
    for path in ("/livez", "/readyz", "/ui/static/studio.css"):
        assert get(app, path.encode(), None, path=path).status == 200


PROTECTED: Mapping[str, str] = {
    "/metrics": "admin", "/tei/intents/metrics": "admin", "/intents/metrics": "admin", "/v1/jobs": "label",
    "/ui/jobs": "label", "/v1/files": "label", "/v1/feedback": "label",
    "/v1/models": "infer", "/ui/models/intents": "infer",
}  # fmt: skip
INSERTED = [
    b"%0A", b"%0D", b"%00", b"%2F", b"%2f", b"%5C", b"\\", b"/", b"//", b".", b"..", b"/.", b"/..", b"%2e", b"%2E%2e",
    b";", b";x=1", b"%20", b"%09", b"?", b"%3F", b"%23", b"%C0%AF", b"%E2%80%A8", b"%C2%85", b"%FF", b"+", b"~", b"%25",
    b"%252F", b"@", b":", b"%7F",
]  # fmt: skip


@st.composite
def mutated_paths(draw: st.DrawFn) -> tuple[str, bytes]:
    """A protected path and a spelling of it: characters inserted, encoded, in other case, after an open prefix."""
    path = draw(st.sampled_from(sorted(PROTECTED)))
    raw = path.encode()
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.integers(0, 4))
        at = draw(st.integers(0, len(raw)))
        if kind == 0:
            raw = raw[:at] + draw(st.sampled_from(INSERTED)) + raw[at:]
        elif kind == 1 and at < len(raw):
            raw = raw[:at] + b"%%%02X" % raw[at] + raw[at + 1 :]
        elif kind == 2:
            raw = raw[:at] + raw[at:].swapcase()
        elif kind == 3:
            prefix = draw(st.sampled_from([b"/ui/static/..", b"/livez/..", b"/ui/session/%2e%2e", b"/.", b"/x/../"]))
            raw = prefix + raw
        else:
            raw += draw(st.sampled_from(INSERTED))
    return path, raw if raw.startswith(b"/") else b"/" + raw


def decoded(raw: bytes) -> str:
    """The path as uvicorn decodes it."""
    return unquote(raw.partition(b"?")[0].decode("ascii"))


@given(mutated_paths(), st.sampled_from([None, *SCOPES]), st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "DELETE"]))
@settings(max_examples=examples(200), deadline=None)
def test_no_spelling_of_a_path_answers_a_key_without_its_scope(
    app: FastAPI, mutated: tuple[str, bytes], scope: str | None, method: str
) -> None:
    _, raw = mutated
    answer = get(app, raw.partition(b"?")[0], KEYS[scope] if scope else None, path=decoded(raw), method=method)
    assert answer.status < 500
    if answer.status < 300:
        assert answer.access is not None
        assert answer.access.scope in (None, scope), (raw, answer.access)
    if scope != "admin":
        assert b"glossator_request_seconds" not in answer.body
    if scope != "label":
        assert not answer.body.startswith(b'{"jobs"')


@pytest.mark.parametrize("path", sorted(PROTECTED))
def test_path_with_an_ending_that_no_route_has_is_not_found(app: FastAPI, path: str) -> None:
    for ending in ("%0A", "%0D", "%00", "%2F", "%09", "%C2%85", "%E2%80%A8", "/.", "/..", "%2e%2e/x", "%FF", "%5C"):
        raw = (path + ending).encode()
        for scope in SCOPES:
            assert get(app, raw, KEYS[scope], path=decoded(raw)).status == 404, (raw, scope)
        assert get(app, raw, None, path=decoded(raw)).status in (303, 401), raw


def test_static_files_have_one_spelling(app: FastAPI) -> None:
    for file in STATIC.rglob("*"):
        name = file.relative_to(STATIC).as_posix()
        is_served = file.suffix in (".js", ".css", ".svg")
        path = f"/ui/static/{name}"
        assert get(app, path.encode(), None, path=path).status == (200 if is_served else 404), path
        encoded = f"/ui/static/{quote(name, safe='')}".encode()
        assert get(app, encoded, None, path=path).status == (303 if "/" in name else 200 if is_served else 404), path
