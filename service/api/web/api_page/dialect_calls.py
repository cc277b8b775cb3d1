"""The requests that put texts to a model: our own and those of every dialect that serves the model's task.

They are what the API page lists and what code examples are written from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from glossator.service.bundle.task import (
    QuestionAnswering,
    Task,
    TextClassification,
    TextEmbedding,
    TextPair,
    TokenClassification,
)
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.rating import is_rating


@dataclass(frozen=True, slots=True)
class PythonClient:
    """How a Python package makes the request.

    `client` is called with the base URL and the key as `url_name` and `key_name`; then `method` with each of `calls`.
    `result` is what is printed.
    """

    package: str
    client: str
    method: str
    calls: Sequence[Mapping[str, Any]]
    url_name: str = "base_url"
    key_name: str = "api_key"
    needs_some_key: bool = False
    """Whether the package refuses to work without a key, even if the server needs none."""
    result: str = "response"


@dataclass(frozen=True, slots=True)
class DialectCall:
    """One `POST` request with a JSON body.

    `base_route` is the base URL of the dialect and `route` that of the request, without the address of the server, as
    the OpenAPI document writes them: with `{name}` for the model.
    """

    dialect: str
    model: str
    base_route: str
    route: str
    body: Mapping[str, Any]
    python: PythonClient | None = None

    @property
    def base(self) -> str:
        """The path of the dialect's base URL for this model."""
        return self._fill(self.base_route)

    @property
    def path(self) -> str:
        """The path of the request."""
        return self._fill(self.route)

    def _fill(self, route: str) -> str:
        return route.replace("{name}", quote(self.model, safe="@"))


def dialect_calls(
    task: Task, model_name: str, texts: Sequence[Text], options: Mapping[str, Any] | None = None
) -> list[DialectCall]:
    """The requests for these texts, our own first.

    Args:
        task: The task of the model.
        model_name: The name of the model; `NAME@VERSION` and `NAME@ALIAS` work too.
        texts: At least one text; pairs for models that read pairs.
        options: Options of `predict`, for our own request only.
    """
    calls = [_native(model_name, texts, dict(options or {}))]
    if isinstance(task, TextEmbedding):
        calls += _embedding_calls(model_name, [str(text) for text in texts])
    elif isinstance(task, TokenClassification):
        calls.append(_hugging_face(model_name, "token_classification", texts))
    elif isinstance(task, QuestionAnswering):
        calls.append(_hugging_face_questions(model_name, texts))
    else:
        calls += _classifier_calls(task, model_name, texts)
    calls += [_open_inference(model_name, texts), _open_inference_v1(model_name, texts)]
    if not isinstance(task, TextEmbedding):
        calls.append(_label_studio(model_name, texts))
    return calls


def zero_shot_calls(
    model_name: str, texts: Sequence[str], labels: Sequence[str], options: Mapping[str, Any] | None = None
) -> list[DialectCall]:
    """The requests that sort texts into labels of one's own, our own first; `options` are its alone."""
    body = {"texts": list(texts), "labels": list(labels)} | dict(options or {})
    python = _own_client("zero_shot", {"model": model_name} | body)
    native = DialectCall("Glossator zero-shot", model_name, "", "/v1/models/{name}/zero-shot", body, python)
    calls = [{"text": text, "candidate_labels": list(labels)} for text in texts]
    inputs = {"inputs": list(texts), "parameters": {"candidate_labels": list(labels)}}
    dialect = "Hugging Face zero-shot"
    return [native, _hugging_face_call(model_name, "zero_shot_classification", inputs, calls, dialect)]


def _native(model: str, texts: Sequence[Text], options: dict[str, Any]) -> DialectCall:
    first, second = _sides(texts)
    body: dict[str, Any] = {"texts": first} | ({"text_pairs": second} if second else {}) | options
    if len(texts) == 1:
        body = {"text": first[0]} | ({"text_pair": second[0]} if second else {}) | options
    arguments = {"model": model, "texts": first} | ({"pairs": second} if second else {}) | options
    return DialectCall("Glossator", model, "", "/v1/models/{name}/predict", body, _own_client("predict", arguments))


def _own_client(method: str, arguments: Mapping[str, Any]) -> PythonClient:
    result = "response.results"
    return PythonClient("glossator", "Client", method, [arguments], url_name="url", key_name="key", result=result)


def _embedding_calls(model: str, texts: list[str]) -> Iterator[DialectCall]:
    body: dict[str, Any] = {"model": model, "input": texts}
    result = "response.data[0].embedding"
    python = PythonClient("openai", "OpenAI", "embeddings.create", [body], needs_some_key=True, result=result)
    yield DialectCall("OpenAI", model, "/v1", "/v1/embeddings", body, python)
    body = {"model": model, "texts": texts, "input_type": "search_document", "embedding_types": ["float"]}
    yield _cohere("Cohere", model, "/cohere/v2/embed", body, "ClientV2")
    yield _hugging_face(model, "feature_extraction", texts)
    yield _tei(model, "embed", {"inputs": texts})
    if len(texts) > 1:
        yield from rerank_calls(model, texts[0], texts[1:])


def _classifier_calls(task: TextClassification | TextPair, model: str, texts: Sequence[Text]) -> Iterator[DialectCall]:
    first, second = _sides(texts)
    if isinstance(task, TextPair):
        inputs = [{"text": one, "text_pair": two} for one, two in zip(first, second, strict=True)]
        yield DialectCall("Hugging Face", model, "/hf/{name}", "/hf/{name}", {"inputs": inputs})
    else:
        yield _hugging_face(model, "text_classification", texts)
        if not is_rating(task):
            yield _cohere("Cohere", model, "/cohere/v1/classify", {"model": model, "inputs": first}, "Client")
    yield _tei(model, "predict", {"inputs": [list(text) if isinstance(text, Pair) else [text] for text in texts]})
    if isinstance(task, TextPair) and is_rating(task):
        yield from rerank_calls(model, first[0], second)


def rerank_calls(model: str, query: str, documents: list[str]) -> Iterator[DialectCall]:
    """The requests that rank documents, our own first."""
    own: dict[str, Any] = {"query": query, "documents": documents}
    python = _own_client("rerank", {"model": model} | own)
    yield DialectCall("Glossator rerank", model, "", "/v1/models/{name}/rerank", own, python)
    body = {"model": model} | own
    yield _cohere("Cohere rerank", model, "/cohere/v2/rerank", body, "ClientV2")
    yield DialectCall("Jina rerank", model, "/v1", "/v1/rerank", body)
    yield _tei(model, "rerank", {"query": query, "texts": documents})


def _cohere(dialect: str, model: str, route: str, body: Mapping[str, Any], client: str) -> DialectCall:
    python = PythonClient("cohere", client, route.rpartition("/")[2], [body], needs_some_key=True)
    return DialectCall(dialect, model, "/cohere", route, body, python)


def _tei(model: str, method: str, body: Mapping[str, Any]) -> DialectCall:
    dialect = "text-embeddings-inference" + (" rerank" if method == "rerank" else "")
    return DialectCall(dialect, model, "/tei/{name}", f"/tei/{{name}}/{method}", body)


def _hugging_face(model: str, method: str, texts: Sequence[Text]) -> DialectCall:
    calls = [{"text": text} for text in texts]
    return _hugging_face_call(model, method, {"inputs": list(texts)}, calls)


def _hugging_face_questions(model: str, texts: Sequence[Text]) -> DialectCall:
    """Questions, one a request in this dialect: the body holds the first."""
    calls = [{"question": one, "context": two} for one, two in zip(*_sides(texts), strict=True)]
    return _hugging_face_call(model, "question_answering", {"inputs": calls[0]}, calls)


def _hugging_face_call(
    model: str,
    method: str,
    body: Mapping[str, Any],
    calls: Sequence[Mapping[str, Any]],
    dialect: str = "Hugging Face",
) -> DialectCall:
    python = PythonClient("huggingface_hub", "InferenceClient", method, calls, url_name="model")
    return DialectCall(dialect, model, "/hf/{name}", "/hf/{name}", body, python)


def _open_inference(model: str, texts: Sequence[Text]) -> DialectCall:
    inputs = [
        {"name": tensor, "shape": [len(data)], "datatype": "BYTES", "data": data}
        for tensor, data in zip(("text", "text_pair"), _sides(texts), strict=True)
        if data
    ]
    return DialectCall("Open Inference Protocol", model, "/v2", "/v2/models/{name}/infer", {"inputs": inputs})


def _open_inference_v1(model: str, texts: Sequence[Text]) -> DialectCall:
    rows = [{"text": text.first, "text_pair": text.second} if isinstance(text, Pair) else text for text in texts]
    return DialectCall("KServe V1", model, "/v1", "/v1/models/{name}:predict", {"instances": rows})


def _label_studio(model: str, texts: Sequence[Text]) -> DialectCall:
    """Without a labelling configuration, so that the fields of a task are `text` and `text_pair`."""
    rows = [
        {"text": text.first, "text_pair": text.second} if isinstance(text, Pair) else {"text": text} for text in texts
    ]
    base = "/label-studio/{name}"
    return DialectCall("Label Studio", model, base, f"{base}/predict", {"tasks": [{"data": row} for row in rows]})


def _sides(texts: Sequence[Text]) -> tuple[list[str], list[str]]:
    """The texts, and the second texts of pairs."""
    first = [text.first if isinstance(text, Pair) else text for text in texts]
    return first, [text.second for text in texts if isinstance(text, Pair)]
