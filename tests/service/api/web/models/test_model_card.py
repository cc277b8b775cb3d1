"""The model card and its pictures are served as they were verified, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from glossator.service.bundle import file_names
from glossator.service.bundle.reader import read_manifest
from glossator.service.bundle.writer import list_files, write_manifest
from glossator.service.inference.model import load

CARD, PICTURE = "/ui/models/intents/card", "/ui/models/intents/pictures/plots/confusion.svg"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.fixture
def bundle(bundles: dict[str, Path], tmp_path: Path) -> Path:
    """A bundle with a picture in its card."""
    root = Path(shutil.copytree(bundles["intents"], tmp_path / "intents"))
    (root / "plots").mkdir()
    (root / "plots" / "confusion.svg").write_bytes(SVG)
    (root / file_names.CARD).write_text("---\nlicense: mit\n---\n\n# Intents\n\n![confusion](plots/confusion.svg)\n")
    write_manifest(root, read_manifest(bundles["intents"]).model_copy(update={"files": list_files(root)}))
    return root


@pytest.fixture
def client(make_client: Callable[..., TestClient], bundle: Path) -> TestClient:
    return make_client({"intents": load(bundle, threads=1)})


def test_the_card_and_its_picture_are_shown(client: TestClient) -> None:
    page = client.get(CARD)
    assert page.status_code == 200
    assert f'src="{PICTURE}"' in page.text
    picture = client.get(PICTURE)
    assert (picture.status_code, picture.content) == (200, SVG)
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert "default-src 'none'" in picture.headers["content-security-policy"]
    assert client.get(PICTURE.replace("confusion", "other")).status_code == 404
    assert client.get(PICTURE.replace("plots/confusion.svg", "config.json")).status_code == 404


def test_the_list_of_models_says_which_one_was_not_measured(
    make_client: Callable[..., TestClient], bundle: Path, bundles: dict[str, Path]
) -> None:
    manifest = read_manifest(bundle)
    verification = manifest.verification.model_copy(update={"evidence": "texts"})
    write_manifest(bundle, manifest.model_copy(update={"verification": verification}))
    client = make_client({"bought": load(bundle, threads=1), "intents": load(bundles["intents"], threads=1)})
    shown = client.get("/ui/models").text
    assert "it has no labelled rows" in shown
    assert shown.count("Not measured") == 1
    listed = {each["name"]: each["measured"] for each in client.get("/v1/models").json()["models"]}
    assert listed == {"bought": False, "intents": True}


def remove(path: Path, _: Path) -> None:
    path.unlink()


def change(path: Path, _: Path) -> None:
    path.write_bytes(path.read_bytes().upper())


def link(path: Path, secret: Path) -> None:
    path.unlink()
    path.symlink_to(secret)


def link_folder(path: Path, secret: Path) -> None:
    if path.parent.name == "plots":
        shutil.rmtree(path.parent)
        path.parent.symlink_to(secret.parent)
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("spoil", [remove, change, link, link_folder])
@pytest.mark.parametrize(("url", "name"), [(CARD, file_names.CARD), (PICTURE, "plots/confusion.svg")])
def test_a_file_that_is_missing_or_was_exchanged_is_not_found(
    client: TestClient, bundle: Path, tmp_path: Path, url: str, name: str, spoil: Callable[[Path, Path], None]
) -> None:
    (tmp_path / "outside").mkdir()
    secret = tmp_path / "outside" / "confusion.svg"
    secret.write_bytes(b"secret")
    spoil(bundle / name, secret)
    answer = client.get(url)
    assert answer.status_code == 404
    assert "is missing or has changed since the model was loaded" in answer.text
    assert "secret" not in answer.text
    assert client.post("/v1/models/intents/predict", json={"texts": ["refund"]}).status_code == 200
