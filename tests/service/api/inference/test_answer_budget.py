"""The limit on what an answer weighs: it holds in every dialect, before anything is predicted or built."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.testclient import TestClient
from vote_bundle import vector_bundle, vote_bundle

from glossator.service.api.dialects.openai.batches import BatchRequest
from glossator.service.api.inference.answer_budget import (
    candidates_bytes,
    names_bytes,
    row_bytes,
    scores_bytes,
    text_bytes,
)
from glossator.service.api.inference.json_answers import json_chunks
from glossator.service.api.problems import AnswerTooLarge, InvalidRequest
from glossator.service.api.transport.json_body import validate
from glossator.service.inference.composed import sentences
from glossator.service.inference.model import Model, load
from glossator.service.tasks.encoded import Pair

LABELS = [f"label {number}" for number in range(200)]
TEXTS = ["where is my parcel"] * 30
SETTING = "GLOSSATOR_MAX_ANSWER_BYTES"
CHOICES = "".join(f'<Choice value="{label}"/>' for label in LABELS)


def config(name: str = "label", alias: str = "", more: str = "") -> str:
    choices = CHOICES + (f'<Choice value="x" alias="{alias}"/>' if alias else "")
    control = f'<Choices name="{name}" toName="text" choice="multiple">{choices}</Choices>'
    return f'<View><Text name="text" value="$text"/>{control}{more}</View>'


def infer(texts: list[str], **more: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}]} | more


def tasks(count: int) -> list[dict[str, Any]]:
    return [{"data": {"text": "a"}}] * count


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """`wide` and `several` have 200 labels; `vectors` returns vectors."""
    root = tmp_path_factory.mktemp("bundles")
    paths: dict[str, Path] = {
        "wide": vote_bundle(root / "wide", "single_label_classification", labels=LABELS),
        "several": vote_bundle(root / "several", "multi_label_classification", labels=LABELS),
        "vectors": vector_bundle(root / "vectors"),
    }
    return {name: load(path, threads=1) for name, path in paths.items()}


@pytest.fixture(scope="module")
def client(models: dict[str, Model]) -> Iterator[TestClient]:
    from glossator.service.api.app import create_app
    from glossator.service.api.settings import Settings

    with TestClient(create_app(models, Settings()), base_url="http://127.0.0.1:8000") as client:
        yield client


ROUTES = [
    ("/v1/models/wide/predict", {"texts": TEXTS, "top_k": 200}, 422),
    ("/v1/models/vectors/zero-shot", {"texts": TEXTS, "labels": LABELS[:30]}, 422),
    ("/v1/models/vectors/rerank", {"query": "a", "documents": TEXTS * 3}, 422),
    ("/tei/wide", {"inputs": [[text] for text in TEXTS]}, 422),
    ("/tei/wide/predict", {"inputs": [[text] for text in TEXTS]}, 422),
    ("/tei/wide/predict", {"inputs": [[text] for text in TEXTS], "raw_scores": True}, 422),
    ("/tei/vectors/embed", {"inputs": TEXTS}, 422),
    ("/tei/vectors/v1/embeddings", {"input": TEXTS}, 422),
    ("/tei/vectors/rerank", {"query": "a", "texts": TEXTS * 3}, 422),
    ("/tei/vectors/similarity", {"inputs": {"source_sentence": "a", "sentences": TEXTS * 30}}, 422),
    ("/tei/wide/tokenize", {"inputs": ["money " * 50]}, 422),
    ("/tei/wide/decode", {"ids": [4] * 2_000}, 422),
    ("/hf/wide", {"inputs": TEXTS}, 422),
    ("/hf/vectors", {"inputs": TEXTS}, 422),
    ("/hf/vectors", {"inputs": TEXTS, "parameters": {"candidate_labels": LABELS[:30]}}, 422),
    ("/hf/vectors", {"inputs": {"source_sentence": "a", "sentences": TEXTS * 30}}, 422),
    ("/cohere/v1/classify", {"model": "wide", "inputs": TEXTS}, 422),
    ("/cohere/v1/embed", {"model": "vectors", "texts": TEXTS}, 422),
    ("/cohere/v2/embed", {"model": "vectors", "texts": TEXTS}, 422),
    ("/cohere/v2/rerank", {"model": "vectors", "query": "a", "documents": TEXTS * 3}, 422),
    ("/v1/rerank", {"model": "vectors", "query": "a", "documents": TEXTS * 3}, 422),
    ("/v1/embeddings", {"model": "vectors", "input": TEXTS, "encoding_format": "base64"}, 422),
    ("/v1/models/wide:predict", {"instances": TEXTS}, 400),
    ("/v2/models/wide/infer", infer(TEXTS), 400),
    ("/v2/models/wide/infer", infer(TEXTS, parameters={"binary_data_output": True}), 400),
    ("/v2/models/wide/infer", infer(TEXTS, outputs=[{"name": "probabilities", "parameters": {"classification": 9}}]),
     400),
    ("/label-studio/several/predict", {"tasks": tasks(30), "label_config": config()}, 422),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status"), ROUTES)
def test_every_route_refuses_an_answer_above_the_limit_before_it_predicts(
    models: dict[str, Model], make_client: Callable[..., TestClient], path: str, body: Any, status: int
) -> None:
    small = make_client(models, max_answer_bytes=5_000)
    answer = small.post(path, json=body)
    assert (answer.status_code, SETTING in answer.text, "5,000" in answer.text) == (status, True, True), answer.text
    field = next(name for name in ("code", "error", "message", "error_type") if name in answer.json())
    expected = {"/v2": "error", "/v1/models/wide:": "error", "/cohere": "message", "/v1/re": "message", "/tei": "error",
                "/hf": "error", "/v1/emb": "error"}  # fmt: skip
    assert field == next((name for prefix, name in expected.items() if path.startswith(prefix)), "code")
    counted = [line for line in small.get("/metrics").text.splitlines() if line.startswith("glossator_texts_total{")]
    assert all(line.endswith(" 0.0") for line in counted)


def test_sentences_count_too(
    models: dict[str, Model], make_client: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentences, "split_sentences", lambda text: [(at, at + 11) for at in range(0, len(text), 12)])
    small = make_client(models, max_answer_bytes=100_000)
    body = {"text": "It is late. " * 200, "unit": "sentence", "top_k": 1}
    answer = small.post("/v1/models/wide/predict", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "answer-too-large")


class Attack(NamedTuple):
    """A request that is refused at little cost."""

    name: str
    path: str
    body: Any
    status: int
    says: str


MANY = "{}" * 1_500
ATTACKS = [
    Attack("V2: 2,000 repeated outputs", "/v2/models/wide/infer",
           infer(["a"] * 900, outputs=[{"name": "probabilities"}] * 2_000), 400, "requested twice"),
    Attack("V2: a shape of huge sizes", "/v2/models/wide/infer",
           {"inputs": [{"name": "text", "shape": [10**4000, 10**4000], "datatype": "BYTES", "data": ["a"]}]}, 400,
           "shape"),
    Attack("V2: a shape of 100,000 sizes", "/v2/models/wide/infer",
           {"inputs": [{"name": "text", "shape": [1] * 100_000, "datatype": "BYTES", "data": ["a"]}]}, 400,
           "100,000 sizes"),
    Attack("V2: a huge classification of texts", "/v2/models/wide/infer",
           infer(["a"], outputs=[{"name": "label", "parameters": {"classification": 10**4000}}]), 400,
           "classification"),
    Attack("V2: an input of a long name", "/v2/models/wide/infer",
           {"inputs": [{"name": "n" * 900_000, "shape": [2], "datatype": "BYTES", "data": ["a"]}]}, 400, "shape"),
    Attack("zero-shot: 1,500 placeholders and a long label", "/v1/models/wide/zero-shot",
           {"texts": ["a"], "labels": ["b" * 1_000_000], "hypothesis": MANY}, 422, "zero-shot needs"),
    Attack("zero-shot of vectors: 1,500 placeholders", "/v1/models/vectors/zero-shot",
           {"texts": ["a"], "labels": ["b"], "hypothesis": MANY}, 422, "too long"),
    Attack("zero-shot: two placeholders", "/v1/models/vectors/zero-shot",
           {"texts": ["a"], "labels": ["b"], "hypothesis": "{} {}"}, 422, "placeholder"),
    Attack("zero-shot: a label of 1 MB", "/v1/models/vectors/zero-shot",
           {"texts": ["a"], "labels": ["b" * 1_000_000]}, 422, "1,000,000 characters"),
    Attack("zero-shot: no texts, 200,000 labels", "/v1/models/vectors/zero-shot",
           {"texts": [], "labels": list(map(str, range(200_000)))}, 422, "200,000"),
    Attack("Hugging Face: no texts, 200,000 labels", "/hf/vectors",
           {"inputs": [], "parameters": {"candidate_labels": ",".join(map(str, range(200_000)))}}, 422, "200,000"),
    Attack("Hugging Face: 1,500 placeholders and a long label", "/hf/wide",
           {"inputs": "a", "parameters": {"candidate_labels": "b" * 1_000_000, "hypothesis_template": MANY}}, 422,
           "zero-shot needs"),
    Attack("Label Studio: a control with a long name", "/label-studio/several/predict",
           {"tasks": tasks(1_000), "label_config": config("n" * 900_000)}, 422, "900,000 characters"),
    Attack("Label Studio: a choice with a long alias", "/label-studio/several/predict",
           {"tasks": tasks(1_000), "label_config": config(alias="n" * 900_000)}, 422, "900,000 characters"),
    Attack("Label Studio: 25,000 controls", "/label-studio/several/predict",
           {"tasks": tasks(1), "label_config": config(more='<A name="a" toName="b"/>' * 25_000)}, 422, "20,000"),
    Attack("Label Studio: 2,000 tasks", "/label-studio/several/predict",
           {"tasks": tasks(2_000), "label_config": config()}, 422, "2,000"),
    Attack("Cohere: the same field 100,000 times", "/cohere/v2/rerank",
           {"model": "vectors", "query": "a", "documents": [{"t": "b" * 9_000}] * 50, "rank_fields": ["t"] * 100_000},
           422, "rank_fields"),
    Attack("Cohere: the same field twice", "/cohere/v2/rerank",
           {"model": "vectors", "query": "a", "documents": [{"t": "b"}], "rank_fields": ["t", "t"]}, 422, "once"),
    Attack("Cohere: documents without a field of a long name", "/cohere/v2/rerank",
           {"model": "vectors", "query": "a", "documents": [{}] * 1_000, "rank_fields": ["t" * 900_000]}, 422,
           "no text"),
    Attack("TEI: 600,000 token ids", "/tei/wide/decode", {"ids": [4] * 600_000}, 422, "too many values"),
    Attack("TEI: 2 MB to tokenize", "/tei/wide/tokenize", {"inputs": ["a" * 900_000] * 2}, 422, SETTING),
    Attack("TEI: 100,000 numbers for texts", "/tei/vectors/embed", {"inputs": [0] * 100_000}, 422, "string"),
    Attack("OpenAI: 50,000 lists for texts", "/v1/embeddings", {"input": [[]] * 50_000 + [0]}, 422, "input"),
    Attack("native: 100,000 numbers for texts", "/v1/models/vectors/rerank",
           {"query": "a", "documents": [0] * 100_000}, 422, "documents[0]"),
    Attack("600,000 empty lists", "/v1/models/wide/predict", {"texts": [[]] * 600_000}, 422, "too many values"),
    Attack("170,000 fields", "/hf/wide", {"inputs": "a", "parameters": {str(n): [] for n in range(170_000)}}, 422,
           "too many values"),
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_requests_that_ask_for_too_much_are_refused_at_little_cost(client: TestClient, attack: Attack) -> None:
    content = json.dumps(attack.body, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json"}
    tracemalloc.start()
    try:
        answer = client.post(attack.path, content=content, headers=headers)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (answer.status_code, attack.says in answer.text) == (attack.status, True), answer.text[:2_000]
    assert len(answer.content) < 10_000
    assert peak < 64 * len(content) + 4_000_000  # an empty list of two bytes takes 64 in memory


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/models/wide/infer",
         infer(["a"], outputs=[{"name": "probabilities", "parameters": {"classification": 10**4000}}])),
        ("/hf/wide", {"inputs": "a", "parameters": {"top_k": 10**4000}}),
        ("/v1/models/wide/predict", {"text": "a", "top_k": 10**4000}),
        ("/cohere/v2/rerank", {"model": "vectors", "query": "a", "documents": ["b"], "top_n": 10**4000}),
        ("/cohere/v1/embed", {"model": "vectors", "texts": ["a"], "embedding_types": ["float"] * 50_000}),
    ],
)  # fmt: skip
def test_huge_numbers_and_repeated_kinds_ask_for_no_more_than_there_is(
    client: TestClient, path: str, body: Any
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) < 100_000


def test_long_names_of_ignored_fields_make_a_short_header(client: TestClient) -> None:
    body = {"inputs": "a", "é" * 500_000: 1} | {f"{number}{'x' * 10_000}": 1 for number in range(30)}
    answer = client.post("/tei/wide/predict", json=body)
    assert answer.status_code == 200
    assert len(answer.headers["x-ignored-fields"]) < 2_000
    assert answer.headers["x-ignored-fields"].endswith("and 11 more")


def test_names_in_batches_are_as_long_as_openai_allows() -> None:
    fine = {"input_file_id": "f", "endpoint": "/v1/embeddings", "metadata": {"k" * 64: "v" * 512}}
    assert validate(fine, BatchRequest, hint="").metadata == fine["metadata"]
    for wrong in ({"metadata": {"k": "v" * 513}}, {"metadata": {"k" * 65: "v"}}, {"endpoint": "/" * 1_000}):
        with pytest.raises(InvalidRequest):
            validate(fine | wrong, BatchRequest, hint="")


def test_encoding_stops_at_the_limit() -> None:
    built = 0

    def rows() -> Iterator[str]:
        nonlocal built
        for _ in range(10_000):
            built += 1
            yield "x" * 10_000

    with pytest.raises(AnswerTooLarge) as caught:
        json_chunks({"rows": rows()}, 1_000_000)
    assert caught.value.expected == f"at most 1,000,000 bytes ({SETTING})"
    assert built < 120


def test_estimates_follow_the_real_lengths_of_names(models: dict[str, Model]) -> None:
    task = models["wide"].task
    assert names_bytes(["a", "bbb", "cc"], 2) == 5
    assert scores_bytes(["a", "bbb"], 1) == 48 + 3
    assert scores_bytes(["a", "bbb"]) == scores_bytes(["a", "bbb"], 10**30) == candidates_bytes(["a", "bbb"]) == 100
    assert text_bytes("abc") == 3
    assert text_bytes(Pair("a", "é")) == 7
    assert row_bytes(task, listed=1) < row_bytes(task) < 200 * 80
    answers = models["wide"].predict(["where is my parcel"])
    assert len(answers) == 1
