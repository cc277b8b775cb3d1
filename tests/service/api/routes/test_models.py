from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

from starlette.testclient import TestClient

from glossator.service.api.security.key_changes import add_key
from glossator.service.inference.model import Model

LABELS = ["refund", "delivery", "praise", "greeting", "complaint", "other"]


def test_models_lists_a_summary_of_each(client: TestClient, served_models: dict[str, Model]) -> None:
    assert client.get("/v1/models").json() == {
        "models": [
            {
                "name": "intents",
                "version": served_models["intents"].digest,
                "task": "text-classification",
                "problem_type": "single_label_classification",
                "label_count": 6,
                "precision": "fp32",
                "loaded": True,
                "measured": True,
                "backbone": None,
            },
            {
                "name": "tags",
                "version": served_models["tags"].digest,
                "task": "text-classification",
                "problem_type": "multi_label_classification",
                "label_count": 6,
                "precision": "fp32",
                "loaded": True,
                "measured": True,
                "backbone": None,
            },
        ],
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": 1767323045, "owned_by": "glossator"}
            for name in ("intents", "tags")
        ],
    }


def test_model_returns_the_records_of_its_bundle(client: TestClient, served_models: dict[str, Model]) -> None:
    shown = client.get("/v1/models/tags").json()
    manifest = served_models["tags"].bundle.manifest
    assert shown["version"] == manifest.digest
    assert shown["labels"] == LABELS
    assert shown["thresholds"] == dict(zip(LABELS, [0.6, 0.7, 0.8, 0.9, 0.9, 0.9], strict=True))
    assert (shown["max_length"], shown["stride"], shown["temperature"]) == (16, 4, 1.0)
    assert shown["evaluation"] == [
        {
            "split": "test",
            "rows": 10,
            "precision": "fp32",
            "metrics": {"accuracy": {"value": 0.9, "low": 0.8, "high": 1.0}},
        }
    ]
    assert shown["verification"] == manifest.verification.model_dump(mode="json")
    assert shown["provenance"] == manifest.task.provenance.model_dump(mode="json")
    assert shown["trained"] == "2026-01-02T03:04:05Z"


def test_single_label_model_has_no_thresholds(client: TestClient) -> None:
    assert client.get("/v1/models/intents").json()["thresholds"] is None


def test_unknown_model_lists_the_models_that_exist(client: TestClient) -> None:
    for answer in (client.get("/v1/models/intent"), client.post("/v1/models/intent/predict", json={"text": "money"})):
        assert answer.status_code == 404
        assert answer.json()["code"] == "unknown-model"
        assert answer.json()["found"] == "intent"
        assert answer.json()["expected"] == "one of: intents, tags"


def test_an_admin_downloads_a_bundle(make_client: Callable[..., TestClient], tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    ann, bob = (
        {"Authorization": f"Bearer {add_key(file, name, [scope], None)}"}
        for name, scope in (("ann", "admin"), ("bob", "infer"))
    )
    client = make_client(key_file=file)
    assert client.get("/v1/models/intents/bundle", headers=bob).status_code == 403
    assert client.get("/v1/models/nobody/bundle", headers=ann).json()["code"] == "unknown-model"
    answer = client.get("/v1/models/intents/bundle", headers=ann | {"Accept-Encoding": "gzip"})
    digest = client.get("/v1/models/intents", headers=bob).json()["version"]
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-tar")
    assert answer.headers["etag"] == f'"{digest}"'
    assert answer.headers["content-disposition"] == f'attachment; filename="intents-{digest[:12]}.tar"'
    assert len(answer.content) == int(answer.headers["content-length"])
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        assert f"intents-{digest[:12]}/bundle.json" in archive.getnames()
