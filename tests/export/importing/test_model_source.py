"""Models are found in folders and on a hub; the hub is a server on this machine that speaks the endpoints used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_hub import LocalHub, local_hub, use_hub

from glossator.export.importing.model_source import find_model
from glossator.export.importing.onnx_folder import OnnxChoice
from glossator.service.errors import ConfigError

FILES = {
    "README.md": b"---\nlicense: mit\n---\n",
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": b"weights",
    "pytorch_model.bin": b"a pickle",
    "modeling.py": b"raise SystemExit",
    "onnx/model.onnx": b"a graph",
    "1_Pooling/config.json": b"{}",
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalHub]:
    """A hub with `owner/model`, and `owner/gated`, which needs a licence."""
    with local_hub() as made:
        use_hub(monkeypatch, made.url, str(tmp_path / "cache"))
        made.add("owner/model", FILES)
        made.add("owner/gated", FILES, gated=True)
        yield made


def test_a_model_is_downloaded_without_pickles_and_code(hub: LocalHub) -> None:
    found = find_model("owner/model")
    assert (found.name, found.revision) == ("owner/model", hub.repositories["owner/model"].branches["main"])
    files = sorted(str(file.relative_to(found.folder)) for file in found.folder.rglob("*") if file.is_file())
    assert files == ["1_Pooling/config.json", "README.md", "config.json", "model.safetensors"]


ONNX_FILES = {
    "config.json": b'{"model_type": "bert"}',
    "onnx/model.onnx": b"a graph",
    "onnx/model.onnx_data": b"its weights",
    "onnx/model_fp16.onnx": b"another graph",
    "onnx/model_quantized.onnx": b"an int8 graph",
}


def downloaded(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_of_a_model_with_onnx_files_alone_one_graph_is_downloaded(hub: LocalHub) -> None:
    hub.add("owner/exported", ONNX_FILES)
    found = find_model("owner/exported")
    assert downloaded(found.folder) == ["config.json", "onnx/model.onnx", "onnx/model.onnx_data"]
    assert found.onnx is not None
    assert found.onnx.graph == found.folder / "onnx" / "model.onnx"


def test_a_named_graph_is_downloaded_in_place_of_weights(hub: LocalHub) -> None:
    for name in ("owner/first", "owner/second"):
        hub.add(name, ONNX_FILES | {"model.safetensors": b"weights"})
    assert downloaded(find_model("owner/first").folder) == ["config.json", "model.safetensors"]
    found = find_model("owner/second", onnx=OnnxChoice(int8="onnx/model_quantized.onnx"))
    assert downloaded(found.folder) == [*sorted(set(ONNX_FILES) - {"onnx/model_fp16.onnx"})]
    assert found.onnx is not None
    assert [file.name for file in found.onnx.all] == ["model.onnx", "model_quantized.onnx"]


def test_a_revision_that_does_not_exist_is_refused(hub: LocalHub) -> None:
    commit = hub.repositories["owner/model"].branches["main"]
    assert find_model("owner/model", revision=commit).revision == commit
    with pytest.raises(ConfigError, match="no such revision"):
        find_model("owner/model", revision="other")


@pytest.mark.parametrize(
    ("name", "message"),
    [("owner/none", "no such model"), ("owner/gated", "licence"), ("a name", "neither a folder nor a name")],
)
def test_models_that_cannot_be_had_are_refused_by_reason(hub: LocalHub, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_model(name)


def test_without_a_network_the_cache_is_used(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    first = find_model("owner/model")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert find_model("owner/model") == first
    with pytest.raises(ConfigError, match="cannot be reached"):
        find_model("owner/other")


def test_a_hub_that_does_not_answer_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_hub(monkeypatch, "http://127.0.0.1:9", str(tmp_path / "cache"))
    with pytest.raises(ConfigError, match="cannot be reached") as caught:
        find_model("owner/model")
    assert "HF_ENDPOINT" in str(caught.value)


@pytest.mark.parametrize(("marker", "message"), [("bundle.json", "serve"), ("task.json", "export")])
def test_our_own_folders_need_no_import(tmp_path: Path, marker: str, message: str) -> None:
    (tmp_path / marker).write_text("{}")
    with pytest.raises(ConfigError, match=message):
        find_model(str(tmp_path))


def test_a_bundle_on_the_hub_is_pulled_not_imported(hub: LocalHub) -> None:
    hub.add("owner/bundle", FILES | {"bundle.json": b"{}"})
    with pytest.raises(ConfigError, match="needs no import") as caught:
        find_model("owner/bundle")
    assert "glossator pull owner/bundle -o FOLDER" in str(caught.value)
    assert hub.paths("GET", "/resolve/") == []


def test_a_pickle_is_not_opened_and_the_way_to_import_a_pipeline_is_named(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.joblib"
    file.write_bytes(b"\x80\x05.")
    with pytest.raises(ConfigError, match="no model here") as caught:
        find_model(str(file))
    assert "glossator.import_sklearn(pipeline, output)" in str(caught.value)


def test_a_missing_folder_and_a_revision_of_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model here"):
        find_model(str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="no revisions"):
        find_model(str(tmp_path), revision="main")


def test_the_revision_of_a_folder_is_the_hash_of_its_weights(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert find_model(str(tmp_path)).revision == hashlib.sha256(b"weights").hexdigest()


def test_pickled_weights_of_modules_are_downloaded_if_there_are_no_others(hub: LocalHub) -> None:
    weights = dict.fromkeys(("2_Dense/pytorch_model.bin", "3_Dense/pytorch_model.bin"), b"weights")
    hub.add("owner/vectors", {**FILES, **weights, "3_Dense/model.safetensors": b"weights"})
    found = downloaded(find_model("owner/vectors").folder)
    assert [name for name in found if "Dense" in name] == ["2_Dense/pytorch_model.bin", "3_Dense/model.safetensors"]
    assert "pytorch_model.bin" not in found


def test_the_revision_of_a_folder_depends_on_the_weights_of_its_modules(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "2_Dense").mkdir()
    (tmp_path / "2_Dense" / "model.safetensors").write_bytes(b"layer")
    before = find_model(str(tmp_path)).revision
    (tmp_path / "2_Dense" / "model.safetensors").write_bytes(b"other layer")
    assert find_model(str(tmp_path)).revision != before
