"""Opens bundles with Optimum and sentence-transformers; run by the Python of their own environment.

Usage: python optimum_calls.py < calls.json

Reads a list of calls, each `{"tool", "folder", "graph", "inputs"}`; prints the list of results as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

PIPELINES = {
    "text-classification": ("ORTModelForSequenceClassification", {"top_k": None}),
    "token-classification": ("ORTModelForTokenClassification", {"aggregation_strategy": "first"}),
    "question-answering": ("ORTModelForQuestionAnswering", {}),
    "feature-extraction": ("ORTModelForFeatureExtraction", {}),
}


def run_pipeline(tool: str, folder: str, graph: str, inputs: list[Any]) -> Any:
    """What a pipeline of transformers gives for each input, on a graph in ONNX Runtime through Optimum."""
    from optimum import onnxruntime
    from transformers import AutoTokenizer, pipeline

    name, options = PIPELINES[tool]
    path, _, file = graph.rpartition("/")
    model = getattr(onnxruntime, name).from_pretrained(folder, subfolder=path, file_name=file)
    run = pipeline(tool, model=model, tokenizer=AutoTokenizer.from_pretrained(folder))
    if tool == "question-answering":
        return [run(question=question, context=context, **options) for question, context in inputs]
    return [run(each, **options) for each in inputs]


def encode(folder: str, graph: str, inputs: list[Any]) -> Any:
    """The vectors of sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, backend="onnx", model_kwargs={"file_name": graph})
    return model.encode(inputs).tolist()


def score_pairs(folder: str, graph: str, inputs: list[Any]) -> Any:
    """The logits of a cross-encoder of sentence-transformers."""
    from sentence_transformers import CrossEncoder
    from torch.nn import Identity

    model = CrossEncoder(folder, backend="onnx", model_kwargs={"file_name": graph})
    return model.predict([tuple(each) for each in inputs], activation_fn=Identity()).tolist()


def call(tool: str, folder: str, graph: str, inputs: list[Any]) -> Any:
    if tool == "sentence-transformers":
        return encode(folder, graph, inputs)
    if tool == "cross-encoder":
        return score_pairs(folder, graph, inputs)
    return run_pipeline(tool, folder, graph, inputs)


if __name__ == "__main__":
    json.dump([call(**each) for each in json.load(sys.stdin)], sys.stdout, default=float)
