"""The server behind a real nginx: under a path prefix, with nginx's default Host header, over a Unix socket."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from nginx import nginx
from servers import Server, server
from vote_bundle import vote_bundle

BODY = {"text": "money"}
PREDICT = "/v1/models/intents/predict"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vote_bundle(tmp_path_factory.mktemp("proxied") / "intents", "single_label_classification")


@pytest.fixture(scope="module")
def running(bundle: Path) -> Iterator[Server]:
    with server(bundle) as running:
        yield running


def links(url: str, page: str) -> list[str]:
    """The links, scripts and styles of a page."""
    html = httpx.get(url + page, headers={"Accept": "text/html"}).text
    return re.findall(r'(?:href|src|hx-get|hx-post|action)="([^"#][^"]*)"', html)


def check_prefix(url: str) -> None:
    """Every link of the pages carries the prefix and works; redirects and the OpenAPI document do too."""
    for page in ("/ui", "/docs", "/ui/models/intents", "/ui/models"):
        found = links(url, page)
        assert found, page
        for link in found:
            assert link.startswith("/glossator/"), (page, link)
            query = "?model=intents" if link.endswith("/playground/model") else ""
            if not link.endswith(("/answer", "/jobs")):
                assert httpx.get(url.removesuffix("/glossator") + link + query).status_code == 200, link
    redirect = httpx.get(f"{url}/", headers={"Accept": "text/html"})
    assert (redirect.status_code, redirect.headers["location"]) == (307, "/glossator/ui")
    document = httpx.get(f"{url}/openapi.json").json()
    assert document["servers"] == [{"url": "/glossator"}]
    assert httpx.post(url + PREDICT, json=BODY).json()["results"][0]["labels"] == ["refund"]
    missing = httpx.get(f"{url}/nowhere", headers={"Accept": "text/html"})
    assert missing.status_code == 404
    assert 'href="/glossator/ui"' in missing.text


def test_prefix_that_the_proxy_removes_and_forwards(running: Server, tmp_path: Path) -> None:
    locations = f"""location /glossator/ {{
        proxy_pass {running.url}/;
        proxy_set_header X-Forwarded-Prefix /glossator;
    }}"""
    with nginx(tmp_path, locations) as url:
        check_prefix(f"{url}/glossator")


@pytest.mark.parametrize("target", ["", "/"])
def test_root_path_with_and_without_the_prefix_in_the_path(bundle: Path, tmp_path: Path, target: str) -> None:
    with server(bundle, root_path="/glossator") as running:
        locations = f"location /glossator/ {{ proxy_pass {running.url}{target}; }}"
        with nginx(tmp_path, locations) as url:
            check_prefix(f"{url}/glossator")


def test_browser_behind_a_proxy_that_sends_its_own_host(running: Server, tmp_path: Path) -> None:
    """nginx's default Host header is the address of the upstream, so it differs from the page's origin."""
    public = "https://labels.example"
    with nginx(tmp_path, f"location / {{ proxy_pass {running.url}; }}") as url:
        own = {"Origin": public, "Sec-Fetch-Site": "same-origin"}
        assert httpx.post(url + PREDICT, json=BODY, headers=own).status_code == 200
        foreign = {"Origin": public, "Sec-Fetch-Site": "cross-site"}
        assert httpx.post(url + PREDICT, json=BODY, headers=foreign).status_code == 403
        assert httpx.post(url + PREDICT, json=BODY, headers={"Origin": public}).status_code == 403
    forwarding = f"location / {{ proxy_pass {running.url}; proxy_set_header X-Forwarded-Host labels.example; }}"
    with nginx(tmp_path, forwarding) as url:
        assert httpx.post(url + PREDICT, json=BODY, headers={"Origin": public}).status_code == 200


def test_unix_socket(bundle: Path, tmp_path: Path) -> None:
    sockets = Path(tempfile.mkdtemp(prefix="glossator-"))
    sockets.chmod(0o755)  # nginx's workers may be another user, who cannot enter pytest's folders
    path = sockets / "server.sock"
    with server(bundle, uds=path) as running:
        assert running.url == f"unix:{path}"
        locations = f"""location /glossator/ {{
            proxy_pass http://unix:{path}:/;
            proxy_set_header X-Forwarded-Prefix /glossator;
        }}"""
        with nginx(tmp_path, locations) as url:
            check_prefix(f"{url}/glossator")
    assert not path.exists()
    sockets.rmdir()
