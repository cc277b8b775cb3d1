"""The inputs and outputs of foreign graphs are found by name, type and axes, or refused."""

from __future__ import annotations

from typing import Any

import pytest
from onnx_graphs import PLAIN, WIDTH, toy_graph

from glossator.export.onnx_source.signature import read_signature
from glossator.service.bundle.task import TaskName
from glossator.service.errors import ConfigError


@pytest.mark.parametrize(
    ("task", "kind", "outputs", "pooled"),
    [
        ("text-classification", "logits", ("logits",), False),
        ("token-classification", "tags", ("logits",), False),
        ("question-answering", "spans", ("start_logits", "end_logits"), False),
        ("text-embedding", "tokens", ("last_hidden_state",), False),
        ("text-embedding", "vectors", ("sentence_embedding",), True),
    ],
)
def test_outputs_are_found_by_their_names(task: TaskName, kind: str, outputs: tuple[str, ...], pooled: bool) -> None:
    found = read_signature(toy_graph(kind), task)
    assert (found.outputs, found.pooled) == (outputs, pooled)
    assert list(found.inputs) == ["input_ids", "attention_mask"]


def test_the_vectors_of_texts_win_over_those_of_tokens() -> None:
    outputs = f"float[b,s,{WIDTH}] token_embeddings, float[b,{WIDTH}] sentence_embedding"
    body = "token_embeddings = Gather (table, input_ids) sentence_embedding = ReduceSum <keepdims: int = 0> "
    model = toy_graph(outputs=outputs, body=f"{body} (token_embeddings, along)")
    assert read_signature(model, "text-embedding").outputs == ("sentence_embedding",)


def test_an_unnamed_output_is_found_by_its_axes() -> None:
    outputs = f"int64[b,s] output, float[b,s,{WIDTH}] states, float[b,{WIDTH}] pooler"
    body = "output = Identity (input_ids) states = Gather (table, input_ids) pooler = ReduceSum <keepdims: int = 0>"
    found = read_signature(toy_graph(outputs=outputs, body=f"{body} (states, along)"), "text-embedding")
    assert (found.outputs, found.pooled) == (("states",), False)
    assert found.evidence == "output states of the graph: vectors of tokens, which are pooled"


@pytest.mark.parametrize(
    ("task", "options", "message", "found"),
    [
        pytest.param(
            "text-classification",
            {"inputs": "int64[b,s] input_ids", "outputs": "float[b,s,6] y", "body": "y = Gather (table, input_ids)"},
            "the inputs of the ONNX graph are not those of a model that reads texts",
            "found: input_ids\n",
            id="no attention mask",
        ),
        pytest.param(
            "text-classification",
            {"inputs": f"{PLAIN}, float[b,3,224,224] pixel_values"},
            "the inputs of the ONNX graph are not those of a model that reads texts",
            "pixel_values",
            id="pictures",
        ),
        pytest.param(
            "text-classification",
            {"inputs": "int64[1,128] input_ids, int64[1,128] attention_mask"},
            "the ONNX graph reads texts of one length only",
            "input_ids with 2 axes, fixed: 1, 128",
            id="fixed axes",
        ),
        pytest.param(
            "text-classification",
            {"kind": "tags"},
            "the output of the ONNX graph does not fit text-classification",
            "logits with 3 axes",
            id="tags for a classifier",
        ),
        pytest.param(
            "question-answering",
            {},
            "the ONNX graph has no output of this kind",
            "found: logits\n",
            id="logits for spans",
        ),
        pytest.param(
            "text-embedding",
            {"outputs": "int64[b,s] ids", "body": "ids = Identity (input_ids)"},
            "the ONNX graph has no output of this kind",
            "found: ids\n",
            id="no vectors",
        ),
    ],
)  # fmt: skip
def test_other_graphs_are_refused_by_what_they_have(
    task: TaskName, options: dict[str, Any], message: str, found: str
) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        read_signature(toy_graph(**options), task)
    assert found in f"{error.value}\n"


def test_a_classifier_may_not_declare_its_axes() -> None:
    model = toy_graph()
    model.graph.output[0].type.tensor_type.ClearField("shape")
    assert read_signature(model, "text-classification").outputs == ("logits",)
