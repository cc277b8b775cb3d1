"""Triton's own client, in JSON and in binary; MLServer's command line in an environment of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import given
from hypothesis import strategies as st
from servers import HTTP, Server
from tritonclient.utils import InferenceServerException

from glossator.service.api.dialects.open_inference.inputs import text_or_pair
from glossator.service.api.dialects.open_inference.outputs import parse_classes, top_classes
from glossator.service.api.dialects.open_inference.tensors import Tensor, split_binary, texts_of
from glossator.service.api.problems import InvalidRequest
from glossator.service.errors import InputError
from glossator.service.tasks.encoded import Pair

from .conftest import PAIR, TEXTS

Native = Callable[..., list[dict[str, Any]]]
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def client(running: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(running.url.removeprefix("http://")) as made:
        yield made


def tensor(name: str, texts: list[str], *, binary: bool) -> Any:
    made = triton.InferInput(name, [len(texts)], "BYTES")
    made.set_data_from_numpy(np.array([text.encode() for text in texts], dtype=object), binary_data=binary)
    return made


def infer(client: Any, model: str, *inputs: Any, outputs: list[Any] | None = None, **more: Any) -> Any:
    return client.infer(model, list(inputs), outputs=outputs, request_id="7", **more)


@slow
@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("model", ["intents", "tags"])
def test_labels_are_those_of_the_native_route(client: Any, native: Native, model: str, binary: bool) -> None:
    expected = native(model, TEXTS, top_k=6)
    outputs = (
        None
        if binary
        else [triton.InferRequestedOutput(name, binary_data=False) for name in ("labels", "score", "probabilities")]
    )
    found = infer(client, model, tensor("text", TEXTS, binary=binary), outputs=outputs)
    assert [json.loads(each) for each in found.as_numpy("labels")] == [each["labels"] for each in expected]
    assert found.as_numpy("score").tolist() == [each["scores"][0]["score"] for each in expected]
    probabilities = found.as_numpy("probabilities")
    assert probabilities.shape == (3, 6)
    assert np.sort(probabilities)[:, ::-1].tolist() == [[one["score"] for one in each["scores"]] for each in expected]
    assert found.get_response()["id"] == "7"
    if binary:
        assert "binary_data_size" in json.dumps(found.get_response())


@slow
def test_every_task_has_its_outputs(client: Any, native: Native) -> None:
    found = infer(client, "token-classification", tensor("text", TEXTS, binary=True))
    assert [json.loads(each) for each in found.as_numpy("entities")] == [
        each["entities"] for each in native("token-classification", TEXTS)
    ]
    vectors = infer(client, "text-embedding", tensor("text", TEXTS, binary=True)).as_numpy("embedding")
    assert np.array_equal(
        vectors, np.array([e["embedding"] for e in native("text-embedding", TEXTS)], dtype=np.float32)
    )
    sides = [tensor("text", [PAIR[0]], binary=True), tensor("text_pair", [PAIR[1]], binary=True)]
    rated = infer(client, "text-pair-score", *sides).as_numpy("score")
    assert rated.tolist() == [native("text-pair-score", [PAIR[0]], text_pairs=[PAIR[1]])[0]["score"]]
    answer = infer(client, "question-answering", *sides)
    expected = native("question-answering", [PAIR[0]], text_pairs=[PAIR[1]])[0].get("answer")
    assert answer.as_numpy("answer")[0].decode() == (expected["text"] if expected else "")


@slow
def test_gzip_goes_both_ways(client: Any) -> None:
    plain = infer(client, "intents", tensor("text", TEXTS, binary=True)).as_numpy("score")
    packed = infer(
        client, "intents", tensor("text", TEXTS, binary=True),
        request_compression_algorithm="gzip", response_compression_algorithm="gzip",
    )  # fmt: skip
    assert packed.as_numpy("score").tolist() == plain.tolist()


@slow
def test_server_and_models_describe_themselves(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("intents")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    listed = {each["name"]: each["version"] for each in client.get_model_repository_index()}
    metadata = client.get_model_metadata("intents")
    assert metadata["versions"] == [listed["intents"]]
    assert [each["name"] for each in metadata["outputs"]] == ["label", "score", "labels", "probabilities"]
    assert client.is_model_ready("intents", model_version=listed["intents"][:12])
    assert not client.is_model_ready("intents", model_version="0" * 12)
    assert not client.is_model_ready("nothing")
    found = client.infer("intents", [tensor("text", TEXTS, binary=True)], model_version=listed["intents"])
    assert found.get_response()["model_version"] == listed["intents"]


@slow
def test_errors_are_those_that_the_client_knows(client: Any, running: Server) -> None:
    with pytest.raises(InferenceServerException, match="no model has this name"):
        infer(client, "nothing", tensor("text", TEXTS, binary=True))
    with pytest.raises(InferenceServerException, match="text 1: the text is empty"):
        infer(client, "intents", tensor("text", ["a", " "], binary=True))
    with pytest.raises(InferenceServerException, match="no such output"):
        infer(client, "intents", tensor("text", TEXTS, binary=True), outputs=[triton.InferRequestedOutput("x")])
    numbers = triton.InferInput("text", [1], "INT64")
    numbers.set_data_from_numpy(np.array([1]))
    with pytest.raises(InferenceServerException, match="contains no texts"):
        infer(client, "intents", numbers)
    url = f"{running.url}/v2/models/intents/infer"
    for body in ({}, {"inputs": []}, {"inputs": [{"name": "text", "shape": [2], "datatype": "BYTES", "data": ["a"]}]}):
        answer = HTTP.post(url, json=body)
        assert (answer.status_code, list(answer.json())) == (400, ["error"])
    for header, body in (("7", b"{}"), ("x", b"{}"), ("2", b'{"inputs": []}'), ("999999", b"{}")):
        answer = HTTP.post(url, content=body, headers={"Inference-Header-Content-Length": header})
        assert answer.status_code == 400, answer.text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_survive_the_binary_form(texts: list[str]) -> None:
    entry, raw = Tensor("text", "BYTES", (len(texts),), texts).to_binary()
    (part,) = split_binary(b"{}" + raw, 2, [entry])
    if texts:
        assert texts_of(entry, part) == texts


@given(st.binary(max_size=64), st.integers(-1, 70))
def test_damaged_binary_data_are_refused_by_name(raw: bytes, size: int) -> None:
    entry = {"name": "text", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": size}}
    with suppress(InputError):
        (part,) = split_binary(raw, 0, [entry])
        assert len(texts_of(entry, part)) == 1


def test_top_classes_are_written_as_triton_does() -> None:
    rows = Tensor("probabilities", "FP64", (2, 3), np.array([0.2, 0.5, 0.3, 0.25, 0.25, 0.5]))
    found = top_classes(rows, 2, ["a", "b", "c"])
    assert (found.datatype, found.shape) == ("BYTES", (2, 2))
    assert list(found.values) == ["0.5:1:b", "0.3:2:c", "0.5:2:c", "0.25:0:a"]
    assert list(top_classes(rows, 1, []).values) == ["0.5:1", "0.5:2"]
    assert top_classes(rows, 99, []).shape == (2, 3)
    with pytest.raises(InvalidRequest, match="classification"):
        top_classes(Tensor("label", "BYTES", (1,), ["a"]), 1, [])
    assert [parse_classes(count) for count in (None, 0, 1, 10**30)] == [None, None, 1, 10**30]
    for wrong in (True, False, -1, 0.5, "1"):
        with pytest.raises(InvalidRequest, match="classification"):
            parse_classes(wrong)


def test_json_elements_are_texts_or_pairs() -> None:
    assert text_or_pair("a") == text_or_pair({"text": "a"}) == "a"
    assert (
        text_or_pair({"text": "a", "text_pair": "b"})
        == text_or_pair({"question": "a", "context": "b"})
        == Pair("a", "b")
    )
    for value in (3, None, ["a"], {}, {"text": 3}, {"text": "a", "more": "b"}):
        with pytest.raises(InputError):
            text_or_pair(value)


@slow
def test_classification_is_that_of_the_probabilities(client: Any, native: Native) -> None:
    asked = [triton.InferRequestedOutput("probabilities", class_count=2)]
    found = infer(client, "intents", tensor("text", TEXTS, binary=True), outputs=asked).as_numpy("probabilities")
    for row, expected in zip(found, native("intents", TEXTS, top_k=2), strict=True):
        scores = [each.decode().split(":") for each in row]
        assert [(float(score), label) for score, _, label in scores] == [
            (each["score"], each["label"]) for each in expected["scores"]
        ]
    wrong = [triton.InferRequestedOutput("label", class_count=2)]
    with pytest.raises(InferenceServerException, match="classification does not apply to this output: label"):
        infer(client, "intents", tensor("text", TEXTS, binary=True), outputs=wrong)


@slow
def test_configuration_and_statistics(client: Any) -> None:
    before = client.get_inference_statistics("tags")["model_stats"][0]
    infer(client, "tags", tensor("text", TEXTS, binary=True))
    after = client.get_inference_statistics("tags")["model_stats"][0]
    assert after["inference_count"] - before["inference_count"] == 3
    assert after["execution_count"] - before["execution_count"] >= 1
    assert after["inference_stats"]["success"]["count"] - before["inference_stats"]["success"]["count"] == 1
    assert after["inference_stats"]["success"]["ns"] > before["inference_stats"]["success"]["ns"]
    everything = {each["name"]: each for each in client.get_inference_statistics()["model_stats"]}
    assert everything["tags"] == after
    assert {"intents", "text-embedding"} <= set(everything)
    config = client.get_model_config("tags")
    assert config["input"] == [{"name": "text", "data_type": "TYPE_STRING", "dims": [-1]}]
    assert config["output"][3] == {"name": "probabilities", "data_type": "TYPE_FP64", "dims": [-1, 6]}
    metadata = client.get_model_metadata("tags")
    assert [each["name"] for each in metadata["outputs"]] == [each["name"] for each in config["output"]]
    with pytest.raises(InferenceServerException, match="no model has this name"):
        client.get_model_config("nothing")
