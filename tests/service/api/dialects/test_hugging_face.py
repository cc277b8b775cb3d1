"""`huggingface_hub`'s own client, on every task."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from servers import HTTP, Server

from .conftest import PAIR, TEXTS

Native = Callable[..., list[dict[str, Any]]]
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the hub is out of reach its client must still ask the server of the test."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


def client(running: Server, model: str) -> InferenceClient:
    return InferenceClient(model=f"{running.url}/hf/{model}", provider="hf-inference")


@pytest.mark.parametrize("model", ["intents", "tags"])
def test_labels_are_those_of_the_native_route(running: Server, native: Native, model: str) -> None:
    (expected,) = native(model, TEXTS[:1], top_k=6)
    found = client(running, model).text_classification(TEXTS[0])
    assert [(each.label, each.score) for each in found] == [
        (each["label"], each["score"]) for each in expected["scores"]
    ]
    assert len(client(running, model).text_classification(TEXTS[0], top_k=2)) == 2
    function: Any = "softmax" if model == "intents" else "sigmoid"
    assert client(running, model).text_classification(TEXTS[0], function_to_apply=function) == found


def test_function_that_is_not_the_models_is_refused(running: Server) -> None:
    with pytest.raises(HfHubHTTPError, match="function_to_apply does not match"):
        client(running, "tags").text_classification(TEXTS[0], function_to_apply="softmax")


@pytest.mark.parametrize("strategy", [None, "simple", "max", "none"])
def test_entities_are_those_of_the_native_route(running: Server, native: Native, strategy: Any) -> None:
    (expected,) = native("token-classification", TEXTS[:1], aggregation=strategy)
    found = client(running, "token-classification").token_classification(TEXTS[0], aggregation_strategy=strategy)
    assert [(each.start, each.end, each.word, each.score) for each in found] == [
        (each["start"], each["end"], each["text"], each["score"]) for each in expected["entities"]
    ]
    labels = [each.entity if strategy == "none" else each.entity_group for each in found]
    assert labels == [each["label"] for each in expected["entities"]]
    assert {"DAY", "ITEM"} <= {str(label).removeprefix("B-") for label in labels}
    left = client(running, "token-classification").token_classification(TEXTS[0], ignore_labels=["DAY", "B-DAY"])
    assert not {each.entity_group for each in left} & {"DAY"}


def test_answers_are_those_of_the_native_route(running: Server, native: Native) -> None:
    (expected,) = native("question-answering", [PAIR[0]], text_pairs=[PAIR[1]], top_k=3)
    found: Any = client(running, "question-answering").question_answering(question=PAIR[0], context=PAIR[1], top_k=3)
    assert [(each.answer, each.start, each.end, each.score) for each in found if each.answer] == [
        (each["text"], each["start"], each["end"], each["score"]) for each in expected["candidates"]
    ][: len([each for each in found if each.answer])]
    alone: Any = client(running, "question-answering").question_answering(question=PAIR[0], context=PAIR[1])
    assert alone.score == found[0].score


def test_vectors_and_similarities_are_those_of_the_native_route(running: Server, native: Native) -> None:
    expected = np.array([each["embedding"] for each in native("text-embedding", TEXTS)], dtype=np.float32)
    found = client(running, "text-embedding").feature_extraction(TEXTS, normalize=False)  # type: ignore[arg-type]
    assert np.array_equal(found, expected)
    assert client(running, "text-embedding").feature_extraction(TEXTS[0]).shape == (1, expected.shape[1])
    near = client(running, "text-embedding").sentence_similarity(TEXTS[0], other_sentences=TEXTS[1:])
    unit = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    assert near == pytest.approx((unit[1:] @ unit[0]).tolist(), abs=1e-5)


def test_zero_shot_is_that_of_the_native_route(running: Server) -> None:
    labels = ["refund", "delivery"]
    answer = HTTP.post(
        f"{running.url}/v1/models/text-embedding/zero-shot", json={"texts": TEXTS[:1], "labels": labels}
    ).json()["results"][0]
    found = client(running, "text-embedding").zero_shot_classification(TEXTS[0], labels)
    assert [each.label for each in found] == answer["labels"]
    assert [each.score for each in found] == answer["scores"]


def test_parameters_of_other_servers_are_accepted_and_named(running: Server) -> None:
    parameters = {"max_answer_len": 15, "doc_stride": 32, "max_seq_len": 64, "align_to_words": True, "top_k": 2}
    inputs = {"question": PAIR[0], "context": PAIR[1]}
    body = {"inputs": inputs, "parameters": parameters, "options": {"wait_for_model": True}}
    answer = HTTP.post(f"{running.url}/hf/question-answering", json=body)
    assert len(answer.json()) == 2
    assert answer.headers["X-Ignored-Fields"].split(", ") == [
        "options", "parameters.max_answer_len", "parameters.doc_stride", "parameters.max_seq_len",
        "parameters.align_to_words",
    ]  # fmt: skip
    sentences = {"source_sentence": TEXTS[0], "sentences": TEXTS[1:], "more": 1}
    similar = HTTP.post(f"{running.url}/hf/text-embedding", json={"inputs": sentences, "parameters": None})
    assert similar.headers["X-Ignored-Fields"] == "inputs.more"
    vectors = HTTP.post(f"{running.url}/hf/text-embedding", json={"inputs": TEXTS, "normalize": None, "user": "me"})
    assert (vectors.status_code, vectors.headers["X-Ignored-Fields"]) == (200, "user")


def test_no_answer_is_a_candidate_only_where_the_client_allows_it(running: Server) -> None:
    body: Any = {"inputs": {"question": PAIR[0], "context": PAIR[1]}, "parameters": {"top_k": 50}}
    spans = HTTP.post(f"{running.url}/hf/question-answering", json=body).json()
    for allowed in (True, False):
        body["parameters"]["handle_impossible_answer"] = allowed
        found = HTTP.post(f"{running.url}/hf/question-answering", json=body).json()
        assert [each for each in found if each["answer"]] == [each for each in spans if each["answer"]]
        assert sum(each["answer"] == "" for each in found) == allowed
        if allowed:
            assert sum(each["score"] for each in found) == pytest.approx(1.0)


def test_labels_of_zero_shot_may_be_one_string(running: Server) -> None:
    found = [
        HTTP.post(
            f"{running.url}/hf/text-embedding", json={"inputs": TEXTS[0], "parameters": {"candidate_labels": labels}}
        ).json()
        for labels in (["refund", "delivery"], "refund, delivery")
    ]
    assert found[0] == found[1]


def test_pairs_are_read(running: Server, native: Native) -> None:
    body = {"inputs": {"text": PAIR[0], "text_pair": PAIR[1]}}
    (found,) = HTTP.post(f"{running.url}/hf/text-pair", json=body).json()
    (expected,) = native("text-pair", [PAIR[0]], text_pairs=[PAIR[1]])
    assert found[: len(expected["scores"])] == expected["scores"]
    ((rated,),) = HTTP.post(f"{running.url}/hf/text-pair-score", json=body).json()
    assert rated["score"] == native("text-pair-score", [PAIR[0]], text_pairs=[PAIR[1]])[0]["score"]


def test_state_of_an_endpoint(running: Server) -> None:
    assert client(running, "intents").health_check()
    assert client(running, "intents").get_endpoint_info()["model_id"] == "intents"


@pytest.mark.parametrize(
    ("model", "body", "status", "message"),
    [
        ("nothing", {"inputs": "a"}, 404, "no model has this name"),
        ("intents", {}, 422, "inputs: Field required"),
        ("intents", {"inputs": ""}, 422, "the text is empty"),
        ("intents", {"inputs": ["fine", "\ud800"]}, 422, "text 1: the text contains a lone surrogate"),
        ("intents", {"inputs": 3}, 422, "do not fit the model's task"),
        ("intents", {"inputs": "a", "parameters": {"top_k": 0}}, 422, "top_k"),
        ("question-answering", {"inputs": "a"}, 422, "question"),
        ("intents", {"inputs": "a", "parameters": {"candidate_labels": ["x"]}}, 422, "zero-shot needs"),
    ],
)
def test_errors_keep_their_form(running: Server, model: str, body: Any, status: int, message: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = HTTP.post(f"{running.url}/hf/{model}", content=json.dumps(body), headers=headers)
    assert answer.status_code == status, answer.text
    assert message in answer.json()["error"]
