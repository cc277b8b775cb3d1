"""The shapes of text-embeddings-inference, compared with our own route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from servers import HTTP, Server
from tokenizers import Tokenizer

from .conftest import PAIR, TEXTS

Native = Callable[..., list[dict[str, Any]]]
pytestmark = pytest.mark.slow


def post(running: Server, path: str, **body: Any) -> httpx.Response:
    return HTTP.post(f"{running.url}/tei/{path}", json=body, timeout=30)


def test_one_text_a_pair_and_a_batch_are_distinguished(running: Server, native: Native) -> None:
    batch = native("intents", TEXTS, top_k=6)
    one = post(running, "intents/predict", inputs=TEXTS[0])
    assert one.json() == [{"score": each["score"], "label": each["label"]} for each in batch[0]["scores"]]
    many = post(running, "intents/predict", inputs=[[text] for text in TEXTS]).json()
    assert [rows[0]["score"] for rows in many] == [each["scores"][0]["score"] for each in batch]
    pair = post(running, "text-pair/predict", inputs=list(PAIR)).json()
    assert pair[0]["label"] == native("text-pair", [PAIR[0]], text_pairs=[PAIR[1]])[0]["labels"][0]
    assert post(running, "intents/predict", inputs=list(PAIR)).status_code == 422


def test_multi_label_scores_do_not_sum_to_one(running: Server) -> None:
    found = post(running, "tags/predict", inputs="the parcel thanks money").json()
    assert sum(each["score"] for each in found) > 1.5
    raw = post(running, "tags/predict", inputs="the parcel thanks money", raw_scores=True).json()
    expected = {each["label"]: each["score"] for each in found}
    assert {each["label"]: 1 / (1 + np.exp(-each["score"])) for each in raw} == pytest.approx(expected)


def test_vectors(running: Server, native: Native) -> None:
    expected = np.array([each["embedding"] for each in native("text-embedding", TEXTS)])
    assert np.allclose(post(running, "text-embedding/embed", inputs=TEXTS, normalize=False).json(), expected, atol=1e-7)
    assert np.shape(post(running, "text-embedding/embed", inputs=TEXTS[0]).json()) == (1, expected.shape[1])
    short = np.array(post(running, "text-embedding/embed", inputs=TEXTS, dimensions=8).json())
    unit = expected[:, :8] / np.linalg.norm(expected[:, :8], axis=1, keepdims=True)
    assert np.allclose(short, unit, atol=1e-6)
    assert post(running, "text-embedding/embed", inputs=TEXTS, dimensions=10_000).status_code == 422


def test_ranking_is_that_of_the_native_route_with_scores_from_0_to_1(running: Server) -> None:
    for model in ("text-embedding", "text-pair-score"):
        native = HTTP.post(
            f"{running.url}/v1/models/{model}/rerank", json={"query": PAIR[0], "documents": TEXTS}
        ).json()["results"]
        found = post(running, f"{model}/rerank", query=PAIR[0], texts=TEXTS, return_text=True).json()
        assert [(each["index"], each["text"]) for each in found] == [(each["index"], each["text"]) for each in native]
        scores = [each["score"] for each in found]
        assert all(0.0 <= score <= 1.0 for score in scores)
        if model == "text-embedding":
            assert scores == [max(0.0, each["score"]) for each in native]
    raw = post(running, "text-pair-score/rerank", query=PAIR[0], texts=TEXTS, raw_scores=True).json()
    assert [each["index"] for each in raw] == [each["index"] for each in found]
    # The rating of the tests runs from 0 to 5, so 2.7 would be no score: the scale from 0 to 1 is the sigmoid's.
    assert scores == pytest.approx([1 / (1 + np.exp(-each["score"])) for each in raw])


def test_the_root_of_a_model_does_what_the_model_does(running: Server) -> None:
    vectors = HTTP.post(f"{running.url}/tei/text-embedding/", json={"inputs": TEXTS, "truncate": None})
    assert vectors.json() == post(running, "text-embedding/embed", inputs=TEXTS).json()
    labels = post(running, "intents", inputs=TEXTS[0])
    assert labels.json() == post(running, "intents/predict", inputs=TEXTS[0]).json()
    ranked = post(running, "text-pair-score", query=PAIR[0], texts=TEXTS)
    assert ranked.json() == post(running, "text-pair-score/rerank", query=PAIR[0], texts=TEXTS).json()
    openai = post(running, "text-embedding/v1/embeddings", input=TEXTS, model="any", encoding_format=None)
    assert np.allclose([each["embedding"] for each in openai.json()["data"]], vectors.json(), atol=1e-6)
    assert (
        post(running, "text-embedding/embed_sparse", inputs="a")
        .json()["error"]
        .startswith("this server returns neither vectors of single tokens nor sparse vectors: embed_sparse")
    )


def test_similarity_is_the_cosine(running: Server) -> None:
    inputs = {"source_sentence": TEXTS[0], "sentences": [TEXTS[0], TEXTS[1]]}
    near = post(running, "text-embedding/similarity", inputs=inputs).json()
    assert near[0] == pytest.approx(1.0)
    assert near[1] < 1.0


def test_tokens_are_those_of_the_tokenizer(running: Server, bundles: Any) -> None:
    text = "The parcel 🙂 thanks"
    tokenizer = Tokenizer.from_file(str(bundles["intents"] / "tokenizer.json"))
    expected = tokenizer.encode(text)
    (found,) = post(running, "intents/tokenize", inputs=text).json()
    assert [each["id"] for each in found] == expected.ids
    assert [each["text"] for each in found] == expected.tokens
    assert [each["special"] for each in found] == [bool(mask) for mask in expected.special_tokens_mask]
    assert [text[each["start"] : each["stop"]].lower() for each in found if not each["special"]] == [
        text[start:stop].lower()
        for (start, stop), mask in zip(expected.offsets, expected.special_tokens_mask, strict=True)
        if not mask
    ]
    assert post(running, "intents/decode", ids=expected.ids).json() == [tokenizer.decode(expected.ids)]
    assert post(running, "intents/decode", ids=[[4], [5, 6]]).json() == [
        tokenizer.decode([4]),
        tokenizer.decode([5, 6]),
    ]
    assert post(running, "intents/decode", ids=[-1]).status_code == 422
    assert post(running, "intents/decode", ids=[1 << 40]).status_code == 422


def test_description_headers_and_metrics(running: Server) -> None:
    answer = post(running, "intents/predict", inputs=TEXTS[0])
    assert answer.headers["x-compute-tokens"] == "5"
    assert answer.headers["x-compute-characters"] == str(len(TEXTS[0]))
    assert int(answer.headers["x-total-time"]) >= 0
    info = HTTP.get(f"{running.url}/tei/intents/info").json()
    assert (info["model_id"], info["max_input_length"]) == ("intents", 16)
    assert info["model_type"]["classifier"]["id2label"]["0"] == "refund"
    assert HTTP.get(f"{running.url}/tei/intents/health").status_code == 200
    metrics = HTTP.get(f"{running.url}/tei/intents/metrics").text
    assert "te_request_count_total " in metrics
    assert "te_request_queue_duration_bucket{" in metrics
    assert "glossator_" not in metrics


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("intents/predict", {"inputs": ""}, 400, "Empty"),
        ("intents/predict", {"inputs": "a", "truncation_direction": "Left"}, 422, "Validation"),
        ("text-embedding/embed", {"inputs": "a", "prompt_name": "query"}, 422, "Validation"),
        ("text-embedding/embed_all", {"inputs": "a"}, 422, "Validation"),
        ("text-embedding/embed_sparse", {"inputs": "a"}, 422, "Validation"),
        ("intents/predict", {"inputs": [["a", "b", "c"]]}, 422, "Validation"),
        ("intents/embed", {"inputs": "a"}, 422, "Validation"),
        ("text-embedding/predict", {"inputs": "a"}, 422, "Validation"),
        ("nothing/predict", {"inputs": "a"}, 404, "Validation"),
        ("text-embedding/embed", {"inputs": []}, 422, "Validation"),
        ("text-embedding/rerank", {"query": "a", "texts": ["b", " "]}, 400, "Empty"),
    ],
)
def test_errors_keep_their_form(running: Server, path: str, body: Any, status: int, kind: str) -> None:
    answer = post(running, path, **body)
    assert (answer.status_code, answer.json()["error_type"]) == (status, kind), answer.text
