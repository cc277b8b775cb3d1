"""The full pipeline for tasks other than classification: Python, files and HTTP give the same answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

import glossator
from glossator.modeling.checkpoint_reader import load_checkpoint, read_task
from glossator.modeling.labelled_rows import inputs_of, read_rows
from glossator.modeling.pooling import pool
from glossator.service.api.app import create_app
from glossator.service.api.settings import Settings
from glossator.service.documents.row_writer import open_row_writer
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import BundleInvalid, ConfigError, InputError
from glossator.service.inference.answer_forms.answer_cells import answer_columns
from glossator.service.inference.composed.reranking import RankedDocument
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.pipeline import Answer
from glossator.service.inference.runtime.int8_kernels import int8_kernel
from glossator.service.labelling.column_plan import plan_columns
from glossator.service.labelling.destination import StreamDestination
from glossator.service.labelling.row_labelling import label_rows
from glossator.service.tasks.encoded import Pair

MakeFolder = Callable[[str], Path]
LEAST_METRIC = {
    "token-classification": ("f1", 0.9),
    "question-answering": ("f1", 0.8),
    "text-pair": ("accuracy", 0.5),
    "text-pair-score": ("pearson", 0.8),
    "text-embedding": ("nearest_accuracy", 0.9),
}
KINDS = sorted(LEAST_METRIC)
pytestmark = pytest.mark.slow


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def inputs(folder: Path) -> list[Any]:
    return inputs_of(read_rows(folder / "test.jsonl"), read_task(folder))[:20]


def test_the_served_graph_has_learned_the_task(task_bundle: MakeFolder, kind: str) -> None:
    manifest = glossator.load(task_bundle(kind)).bundle.manifest
    (test,) = [record for record in manifest.evaluation if record.split == "test"]
    metric, least = LEAST_METRIC[kind]
    assert test.metrics[metric].value > least
    assert next(iter(test.metrics)) == metric
    fp32 = manifest.verification.parity[0]
    assert (fp32.scheme, fp32.decision_flips) == ("fp32", 0)
    assert fp32.max_logit_difference <= 1e-4
    assert manifest.verification.batch_difference <= 0.01
    card = (task_bundle(kind) / "README.md").read_text()
    assert "## Evaluation" in card
    assert f"{test.metrics[metric].value:.4f}" in card
    assert manifest.speed is not None
    assert manifest.speed.kernels is not None
    assert manifest.speed.kernels.int8 == int8_kernel()
    assert f"{manifest.speed.kernels.int8_gops:,.0f} GOP/s on one thread" in card


def test_the_bundle_answers_as_the_checkpoint(task_bundle: MakeFolder, task_checkpoint: MakeFolder, kind: str) -> None:
    texts = inputs(task_checkpoint(kind))
    model, checkpoint = glossator.load(task_bundle(kind)), load_checkpoint(task_checkpoint(kind))
    ours, theirs = model.predict(texts), checkpoint.predict(texts)
    summaries = [
        [model.pipeline.decoder.summary(each.prediction)[0] for each in answers if isinstance(each, Answer)]
        for answers in (ours, theirs)
    ]
    different = sum(mine != other for mine, other in zip(*summaries, strict=True))
    assert len(summaries[0]) == len(texts)
    assert different <= 2
    for mine, other in zip(ours, theirs, strict=True):
        assert isinstance(mine, Answer)
        assert isinstance(other, Answer)
        assert (mine.tokens, mine.windows, mine.truncated) == (other.tokens, other.windows, other.truncated)


def test_python_files_and_http_give_the_same_answer(
    task_bundle: MakeFolder, task_checkpoint: MakeFolder, tmp_path: Path, kind: str
) -> None:
    model = glossator.load(task_bundle(kind), threads=1)
    texts = [*inputs(task_checkpoint(kind)), Pair("where is it", "") if reads_pairs(model.task) else ""]
    answers = model.predict(texts)
    assert isinstance(answers[-1], InputError)

    pairs = reads_pairs(model.task)
    rows = [{"text": text.first, "text_pair": text.second} if pairs else {"text": text} for text in texts]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with open_reader(tmp_path / "in.jsonl") as source:
        columns = plan_columns(source.columns, answers=answer_columns(model.task), pairs=pairs)
        with open_row_writer(tmp_path / "out.jsonl", columns.all) as sink:
            summary = label_rows(source, StreamDestination(sink), model.start, columns=columns, model=model.version)
    assert (summary.rows, summary.failed) == (len(texts), 1)
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]

    with TestClient(create_app({"m": model}, Settings()), base_url="http://127.0.0.1:8000") as client:
        body: dict[str, Any] = {"texts": [row["text"] for row in rows]}
        if pairs:
            body["text_pairs"] = [row["text_pair"] for row in rows]
        answered = client.post("/v1/models/m/predict", json=body)
        assert answered.status_code == 200, answered.text
        results = answered.json()["results"]
        one = {key[:-1]: values[0] for key, values in body.items()}
        alone = client.post("/v1/models/m/predict", json=one).json()["results"][0]
        detail = client.get("/v1/models/m").json()
    assert results[-1]["error"]["code"] == "empty-text"
    assert written[-1]["_status"] == "error"
    assert detail["task"] == kind.removesuffix("-score")
    for answer, row, result in zip(answers[:-1], written, results, strict=False):
        assert isinstance(answer, Answer)
        assert row["_tokens"] == result["tokens"] == answer.tokens
        if kind == "token-classification":
            assert row["entities"] == result["entities"] == [asdict(entity) for entity in answer.entities]
            assert all(row["text"][each["start"] : each["end"]] == each["text"] for each in row["entities"])
        elif kind == "question-answering":
            span = answer.span
            assert row["answer"] == (span and span.text)
            assert (result.get("answer") or {}).get("text") == (span and span.text)
        elif kind == "text-pair":
            assert row["label"] == result["labels"][0] == answer.label
        elif kind == "text-pair-score":
            assert row["score"] == pytest.approx(answer.score, abs=1e-6)
            assert result["score"] == pytest.approx(answer.score, abs=1e-6)
        else:
            np.testing.assert_allclose(row["embedding"], answer.vector, atol=1e-5)
            np.testing.assert_allclose(result["embedding"], answer.vector, atol=1e-6)
    assert {key: value for key, value in alone.items() if key != "embedding"}.keys() <= results[0].keys()


def test_a_long_text_is_read_in_windows_and_all_offsets_are_right(task_bundle: MakeFolder) -> None:
    model = glossator.load(task_bundle("token-classification"))
    part = "where is my parcel since monday please help "
    answer = model(part * 20)
    (alone,) = [model(part.strip())]
    assert answer.windows > 3
    assert [entity.text for entity in alone.entities] == ["parcel", "monday"]
    assert [(each.start, each.text) for each in answer.entities] == [
        (number * len(part) + entity.start, entity.text) for number in range(20) for entity in alone.entities
    ]
    moved = model(f"hello again {part.strip()}")
    assert [each.start - 12 for each in moved.entities] == [each.start for each in alone.entities]


def test_the_offsets_of_an_answer_are_right_in_a_long_context(task_bundle: MakeFolder) -> None:
    model = glossator.load(task_bundle("question-answering"))
    context = "please help " * 40 + "cannot find the parcel again " + "thanks " * 40
    answer = model(Pair("where is it", context))
    assert answer.windows > 3
    assert answer.span is not None
    assert context[answer.span.start : answer.span.end] == answer.span.text == "parcel"


def test_vectors_equal_the_mean_of_the_last_hidden_states(task_bundle: MakeFolder, task_checkpoint: MakeFolder) -> None:
    """Against transformers and the formula of sentence-transformers, in fp32 and as served."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = task_checkpoint("text-embedding")
    reference, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    texts = ["where is my parcel", "login page is broken again"]
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    with torch.inference_mode():
        hidden = reference(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1).float()
    expected = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1).numpy()
    np.testing.assert_allclose(pool(hidden, batch["attention_mask"], "mean", normalized=True), expected, atol=1e-6)
    fp32 = np.stack([each.vector for each in load_checkpoint(folder).predict(texts) if isinstance(each, Answer)])
    assert ((fp32 * expected).sum(axis=1) > 1 - 1e-4).all()
    served = np.stack([each.vector for each in glossator.load(task_bundle("text-embedding"))(texts)])
    assert ((served * expected).sum(axis=1) > 0.98).all()


def test_http_ranks_labels_and_documents_as_python_does(task_bundle: MakeFolder) -> None:
    vectors = glossator.load(task_bundle("text-embedding"), threads=1)
    pairs, rated = (glossator.load(task_bundle(kind), threads=1) for kind in ("text-pair", "text-pair-score"))
    texts, labels = ["where is my parcel", "", "i cannot log in"], ["the parcel", "login page"]
    app = create_app({"vectors": vectors, "pairs": pairs, "rated": rated}, Settings(max_texts=8))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        answered = client.post("/v1/models/vectors/zero-shot", json={"texts": texts, "labels": labels})
        assert answered.status_code == 200, answered.text
        good, empty, _ = answered.json()["results"]
        expected = vectors.zero_shot(texts, labels)[0]
        assert isinstance(expected, Answer)
        assert good["sequence"] == texts[0]
        assert good["labels"][0] == expected.label == "the parcel"
        assert good["scores"][0] == pytest.approx(expected.score, abs=1e-6)
        assert empty["error"]["code"] == "empty-text"

        for name, model, label_rows in (("vectors", vectors, None), ("rated", rated, None), ("pairs", pairs, "refund")):
            body = {"query": texts[0], "documents": [*labels, ""], "top_k": 1, "label": label_rows}
            answered = client.post(f"/v1/models/{name}/rerank", json=body)
            assert answered.status_code == 200, answered.text
            best, bad = answered.json()["results"]
            first = model.rerank(texts[0], labels, label=label_rows)[0]
            assert isinstance(first, RankedDocument)
            assert (best["index"], best["text"]) == (first.index, first.text)
            assert best["score"] == pytest.approx(first.score, abs=1e-5)
            assert (bad["index"], bad["error"]["code"]) == (2, "empty-text")

        for path, wrong, status, message in (
            ("vectors/zero-shot", {"texts": texts, "labels": []}, 422, "invalid request body"),
            ("vectors/zero-shot", {"texts": texts * 2, "labels": labels}, 422, "too many texts"),
            ("pairs/zero-shot", {"texts": texts, "labels": labels}, 422, "not trained on entailment"),
            ("vectors/rerank", {"query": "", "documents": labels}, 422, "empty"),
            ("vectors/rerank", {"query": "a", "documents": labels, "how": 1}, 422, "invalid request body"),
            ("vectors/rerank", ["a"], 422, "not a JSON object"),
            ("nobody/rerank", {"query": "a", "documents": labels}, 404, "no model"),
        ):
            answered = client.post(f"/v1/models/{path}", json=wrong)
            assert (answered.status_code, message in answered.text) == (status, True), answered.text


def test_http_answers_sentence_by_sentence(task_bundle: MakeFolder) -> None:
    pytest.importorskip("spacy")
    entities = glossator.load(task_bundle("token-classification"), threads=1)
    pairs = glossator.load(task_bundle("text-pair"), threads=1)
    text = "🙂 where is my parcel! it is urgent since monday!"
    with TestClient(create_app({"m": entities, "p": pairs}, Settings()), base_url="http://127.0.0.1:8000") as client:
        body = {"texts": [text, "", "thanks"], "unit": "sentence", "offset_unit": "utf16"}
        answered = client.post("/v1/models/m/predict", json=body)
        assert answered.status_code == 200, answered.text
        first, empty, last = answered.json()["results"]
        assert empty["error"]["code"] == "empty-text"
        assert [each["text"] for each in last["sentences"]] == ["thanks"]
        units = text.encode("utf-16-le")
        for place in (*first["sentences"], *(e for s in first["sentences"] for e in s["result"]["entities"])):
            assert units[2 * place["start"] : 2 * place["end"]].decode("utf-16-le") == place["text"]
        found = [entity["text"] for each in first["sentences"] for entity in each["result"]["entities"]]
        assert found == ["parcel", "monday"]
        assert client.post("/v1/models/m/predict", json={"text": " ", "unit": "sentence"}).status_code == 422
        refused = client.post("/v1/models/p/predict", json={"text": "a", "text_pair": "b", "unit": "sentence"})
        assert (refused.status_code, "reads two" in refused.text) == (422, True)


def test_options_and_inputs_of_other_tasks_are_refused(task_bundle: MakeFolder) -> None:
    model = glossator.load(task_bundle("token-classification"))
    with pytest.raises(ConfigError, match="coverage does not apply to token-classification"):
        model("parcel", coverage=0.9)
    with pytest.raises(TypeError, match="Entities"):
        _ = model("parcel").label
    with pytest.raises(InputError, match="two texts"):
        glossator.load(task_bundle("text-pair"))("one")


def test_a_bundle_that_claims_another_task_is_refused(task_bundle: MakeFolder, tmp_path: Path) -> None:
    import shutil

    from benchmarks.common.tampering import seal

    folder = tmp_path / "bundle"
    shutil.copytree(task_bundle("token-classification"), folder)

    def claim_another_task(fields: dict[str, Any]) -> None:
        task = fields["task"]
        fields["task"] = {key: task[key] for key in ("format_version", "encoding", "provenance")} | {
            "task": "text-embedding",
            "pooling": "mean",
            "normalized": True,
            "dimension": 32,
        }

    seal(claim_another_task, folder)
    with pytest.raises(BundleInvalid, match=r"graph-outputs|manifest"):
        glossator.load(folder)
