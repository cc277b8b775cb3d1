"""The requests that put texts to a model: our own and those of every dialect that serves the model's task.

They are what the API page lists and what code examples are written from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from glossator.service.bundle.task import Classifier, QuestionAnswering, Task, TextEmbedding, TokenClassification
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
    """One `POST` request with a JSON body. `base` is the path of the dialect's base URL, `path` that of the request."""

    dialect: str
    base: str
    path: str
    body: Mapping[str, Any] = field(repr=False)
    python: PythonClient | None = None


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
    name = quote(model_name, safe="@")
    calls = [_native(model_name, name, texts, dict(options or {}))]
    if isinstance(task, TextEmbedding):
        calls += _embedding_calls(model_name, name, [str(text) for text in texts])
    elif isinstance(task, TokenClassification):
        calls.append(_hugging_face(name, "token_classification", texts, "text"))
    elif isinstance(task, QuestionAnswering):
        calls.append(_hugging_face_questions(name, texts))
    else:
        calls += _classifier_calls(task, model_name, name, texts)
    calls += [_open_inference(name, texts), _open_inference_v1(name, texts)]
    if not isinstance(task, TextEmbedding):
        calls.append(_label_studio(name, texts))
    return calls


def _native(model_name: str, name: str, texts: Sequence[Text], options: dict[str, Any]) -> DialectCall:
    first, second = _sides(texts)
    body: dict[str, Any] = {"texts": first} | ({"text_pairs": second} if second else {}) | options
    if len(texts) == 1:
        body = {"text": first[0]} | ({"text_pair": second[0]} if second else {}) | options
    arguments = {"model": model_name, "texts": first} | ({"pairs": second} if second else {}) | options
    python = PythonClient(
        "glossator", "Client", "predict", [arguments], url_name="url", key_name="key", result="response.results"
    )
    return DialectCall("Glossator", "", f"/v1/models/{name}/predict", body, python)


def _embedding_calls(model_name: str, name: str, texts: list[str]) -> Iterator[DialectCall]:
    arguments = {"model": model_name, "input": texts}
    python = PythonClient(
        "openai", "OpenAI", "embeddings.create", [arguments], needs_some_key=True, result="response.data[0].embedding"
    )
    yield DialectCall("OpenAI", "/v1", "/v1/embeddings", arguments, python)
    body = {"model": model_name, "texts": texts, "input_type": "search_document", "embedding_types": ["float"]}
    yield DialectCall("Cohere", "/cohere", "/cohere/v2/embed", body, _cohere("ClientV2", "embed", body))
    yield _hugging_face(name, "feature_extraction", texts, "text")
    yield DialectCall("text-embeddings-inference", f"/tei/{name}", f"/tei/{name}/embed", {"inputs": texts})
    if len(texts) > 1:
        yield from _rerank_calls(model_name, name, texts[0], texts[1:])


def _classifier_calls(task: Classifier, model_name: str, name: str, texts: Sequence[Text]) -> Iterator[DialectCall]:
    first, second = _sides(texts)
    if second:
        inputs: list[Any] = [{"text": one, "text_pair": two} for one, two in zip(first, second, strict=True)]
        yield DialectCall("Hugging Face", f"/hf/{name}", f"/hf/{name}", {"inputs": inputs})
        batch = [list(each) for each in zip(first, second, strict=True)]
    else:
        yield _hugging_face(name, "text_classification", texts, "text")
        batch = [[text] for text in first]
        if not is_rating(task):
            body = {"model": model_name, "inputs": first}
            yield DialectCall("Cohere", "/cohere", "/cohere/v1/classify", body, _cohere("Client", "classify", body))
    yield DialectCall("text-embeddings-inference", f"/tei/{name}", f"/tei/{name}/predict", {"inputs": batch})
    if second and is_rating(task):
        yield from _rerank_calls(model_name, name, first[0], second)


def _rerank_calls(model_name: str, name: str, query: str, documents: list[str]) -> Iterator[DialectCall]:
    body = {"model": model_name, "query": query, "documents": documents}
    yield DialectCall("Cohere rerank", "/cohere", "/cohere/v2/rerank", body, _cohere("ClientV2", "rerank", body))
    yield DialectCall("Jina rerank", "/v1", "/v1/rerank", body)
    path = f"/tei/{name}/rerank"
    yield DialectCall("text-embeddings-inference rerank", f"/tei/{name}", path, {"query": query, "texts": documents})


def _cohere(client: str, method: str, arguments: Mapping[str, Any]) -> PythonClient:
    return PythonClient("cohere", client, method, [arguments], needs_some_key=True)


def _hugging_face(name: str, method: str, texts: Sequence[Text], argument: str) -> DialectCall:
    path = f"/hf/{name}"
    calls = [{argument: text} for text in texts]
    python = PythonClient("huggingface_hub", "InferenceClient", method, calls, url_name="model")
    return DialectCall("Hugging Face", path, path, {"inputs": list(texts)}, python)


def _hugging_face_questions(name: str, texts: Sequence[Text]) -> DialectCall:
    """Questions, one a request in this dialect: the body holds the first."""
    path = f"/hf/{name}"
    first, second = _sides(texts)
    calls = [{"question": one, "context": two} for one, two in zip(first, second, strict=True)]
    python = PythonClient("huggingface_hub", "InferenceClient", "question_answering", calls, url_name="model")
    return DialectCall("Hugging Face", path, path, {"inputs": calls[0]}, python)


def _open_inference(name: str, texts: Sequence[Text]) -> DialectCall:
    first, second = _sides(texts)
    inputs = [
        {"name": tensor, "shape": [len(data)], "datatype": "BYTES", "data": data}
        for tensor, data in (("text", first), ("text_pair", second))
        if data
    ]
    path = f"/v2/models/{name}/infer"
    return DialectCall("Open Inference Protocol (KServe, Triton)", "/v2", path, {"inputs": inputs})


def _open_inference_v1(name: str, texts: Sequence[Text]) -> DialectCall:
    rows = [{"text": text.first, "text_pair": text.second} if isinstance(text, Pair) else text for text in texts]
    path = f"/v1/models/{name}:predict"
    return DialectCall("KServe version 1", path, path, {"instances": rows})


def _label_studio(name: str, texts: Sequence[Text]) -> DialectCall:
    """Without a labelling configuration, so that the fields of a task are `text` and `text_pair`."""
    rows = [
        {"text": text.first, "text_pair": text.second} if isinstance(text, Pair) else {"text": text} for text in texts
    ]
    path = f"/label-studio/{name}"
    return DialectCall("Label Studio", path, f"{path}/predict", {"tasks": [{"data": row} for row in rows]})


def _sides(texts: Sequence[Text]) -> tuple[list[str], list[str]]:
    """The texts, and the second texts of pairs."""
    first = [text.first if isinstance(text, Pair) else text for text in texts]
    return first, [text.second for text in texts if isinstance(text, Pair)]
