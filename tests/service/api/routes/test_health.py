from __future__ import annotations

from collections.abc import Callable

from starlette.testclient import TestClient

from glossator.service.api.app import create_app
from glossator.service.api.settings import Settings
from glossator.service.inference.model import Model


def test_livez_and_readyz_of_a_running_server(client: TestClient) -> None:
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_readyz_waits_for_the_models_while_livez_answers(served_models: dict[str, Model]) -> None:
    app = create_app(served_models, Settings())
    client = TestClient(app, base_url="http://localhost")  # no `with`: the app does not start
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not-ready")
    assert answer.json()["detail"] == "the models are still warming up"
    assert answer.headers["retry-after"] == "1"
    assert client.get("/livez").status_code == 200
    with client:
        assert client.get("/readyz").status_code == 200
    assert client.get("/readyz").json()["detail"] == "the server is stopping"


def test_metrics_are_in_the_text_format(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "# TYPE glossator_request_seconds histogram" in answer.text


def test_index_lists_every_route(make_client: Callable[..., TestClient]) -> None:
    client = make_client()
    index = client.get("/").json()
    assert index["name"] == "glossator"
    listed = {(route["method"], route["path"]) for route in index["routes"]}
    assert {("POST", "/hf/{name}"), ("POST", "/tei/{name}/embed"), ("POST", "/v2/models/{name}/infer")} < listed
    prefixes = ("/hf", "/tei", "/cohere", "/label-studio", "/v2", "/v1/embeddings", "/v1/rerank", "/v1/models/{name}:")
    assert {each for each in listed if not each[1].startswith(prefixes)} == {
        ("POST", "/v1/models/{name}/predict"),
        ("POST", "/v1/models/{name}/heads/predict"),
        ("POST", "/v1/models/{name}/zero-shot"),
        ("POST", "/v1/models/{name}/rerank"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/{name}"),
        ("GET", "/v1/models/{name}/bundle"),
        ("GET", "/v1/models/{name}/monitor"),
        ("GET", "/v1/models/{name}/timeline"),
        ("GET", "/v1/promotions/{name}"),
        ("POST", "/v1/promotions/{name}/batches"),
        ("GET", "/v1/promotions/{name}/tasks"),
        ("POST", "/v1/promotions/{name}/reviews"),
        ("POST", "/v1/promotions/{name}/promote"),
        ("POST", "/v1/promotions/{name}/rollback"),
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("GET", "/"),
    }
    assert client.get(index["openapi"]).status_code == 200
    redirect = client.get("/", headers={"Accept": "text/html"}, follow_redirects=False)
    assert (redirect.status_code, redirect.headers["location"]) == (307, "/ui")
