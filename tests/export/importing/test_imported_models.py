"""Imported models answer as the library that made them does. The weights are random, the shapes small."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glossator
from glossator.service.errors import ConfigError
from glossator.service.tasks.encoded import Pair
from glossator.workflows.models.model_import import ImportedModel, import_model
from glossator.workflows.models.proving_rows import Proof
from glossator.workflows.reporter import Reporter
from glossator.workflows.run_records import RunStore

TEXTS = [
    "my parcel is late and the invoice is wrong",
    "where is my money",
    "I can not log in, the password is refused!",
    "Paris and London, then Berlin",
    "the card was charged twice " * 20,  # longer than a window
]


def save_with_head(base: Path, folder: Path, head: str, **settings: Any) -> Path:
    """Save a random model with a head as transformers saves it; large random heads make the decisions distinct."""
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(base, **settings)
    torch.manual_seed(11)
    model = getattr(transformers, f"AutoModelFor{head}").from_config(config)
    model.load_state_dict(transformers.AutoModel.from_pretrained(base).state_dict(), strict=False)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(("classifier", "qa_outputs")) and parameter.dim() > 1:
                parameter.normal_(std=1.0)
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def label_settings(names: Sequence[str]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(names)), "label2id": {name: row for row, name in enumerate(names)}}


@pytest.fixture
def texts_file(tmp_path: Path) -> str:
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return str(file)


@pytest.fixture
def run_import(tmp_path: Path, texts_file: str) -> Callable[..., ImportedModel]:
    def run(folder: Path, **options: Any) -> ImportedModel:
        options = {"proof": Proof(texts=texts_file), "precision": "fp32"} | options
        store = RunStore(tmp_path / "runs", ["import"])
        return import_model(str(folder), tmp_path / "bundle", store, Reporter(), **options)

    return run


def scores_of(answer: Any) -> dict[str, float]:
    return {each.label: each.score for each in answer.prediction.scores}


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "deberta-v2"])
def test_a_classifier_answers_as_the_pipeline_of_transformers(
    tiny_base: Any, tmp_path: Path, run_import: Any, family: str
) -> None:
    from transformers import pipeline

    names = ["billing", "delivery", "login"]
    folder = save_with_head(tiny_base(family), tmp_path / "model", "SequenceClassification", **label_settings(names))
    found = run_import(folder)
    model = glossator.load(found.exported.output)
    expected = pipeline("text-classification", model=str(folder), top_k=None, truncation=True, max_length=64)(TEXTS)
    answers = model(TEXTS, truncate=True)
    for answer, theirs in zip(answers, expected, strict=True):
        scores = {each["label"]: each["score"] for each in theirs}
        assert answer.label == max(scores, key=lambda name: scores[name])
        assert scores_of(answer) == pytest.approx(scores, abs=1e-4)
    assert "config.json: architectures" in found.evidence[0]
    assert any("3 labels and no problem_type" in line for line in found.evidence)


def test_a_multi_label_classifier_has_independent_scores(tiny_base: Any, tmp_path: Path, run_import: Any) -> None:
    from transformers import pipeline

    settings = label_settings(["angry", "urgent"]) | {"problem_type": "multi_label_classification"}
    folder = save_with_head(tiny_base("bert"), tmp_path / "model", "SequenceClassification", **settings)
    model = glossator.load(run_import(folder).exported.output)
    expected = pipeline("text-classification", model=str(folder), top_k=None, truncation=True, max_length=64)(TEXTS)
    for answer, theirs in zip(model(TEXTS, truncate=True), expected, strict=True):
        assert scores_of(answer) == pytest.approx({each["label"]: each["score"] for each in theirs}, abs=1e-4)


def test_a_model_of_entailment_reads_two_texts(tiny_base: Any, tmp_path: Path, run_import: Any) -> None:
    from transformers import pipeline

    names = ["contradiction", "neutral", "entailment"]
    folder = save_with_head(tiny_base("bert"), tmp_path / "model", "SequenceClassification", **label_settings(names))
    found = run_import(folder, proof=Proof())
    model = glossator.load(found.exported.output)
    theirs = pipeline("text-classification", model=str(folder), top_k=None)({"text": TEXTS[0], "text_pair": TEXTS[1]})
    assert scores_of(model(Pair(TEXTS[0], TEXTS[1]))) == pytest.approx(
        {each["label"]: each["score"] for each in theirs}, abs=1e-4
    )
    assert found.exported.manifest.verification.evidence == "sample"
    assert "Not measured on your data" in (found.exported.output / "README.md").read_text()


def test_a_cross_encoder_scores_as_sentence_transformers_does(tiny_base: Any, tmp_path: Path, run_import: Any) -> None:
    from sentence_transformers import CrossEncoder

    folder = save_with_head(tiny_base("bert"), tmp_path / "plain", "SequenceClassification", num_labels=1)
    encoder = CrossEncoder(str(folder), device="cpu")
    encoder.save_pretrained(str(tmp_path / "model"))
    found = run_import(tmp_path / "model", proof=Proof())
    model = glossator.load(found.exported.output)
    pairs = [Pair(TEXTS[0], other) for other in TEXTS[1:4]]
    assert [each.score for each in model(pairs)] == pytest.approx(
        encoder.predict([tuple(pair) for pair in pairs]).tolist(), abs=1e-4
    )
    assert any("reads two texts" in line for line in found.evidence)


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param(["O", "B-PLACE", "I-PLACE", "B-ORG", "I-ORG"], id="IOB2"),
        pytest.param(["I-ORG", "O", "I-PLACE", "B-PLACE"], id="IOB1 with one B"),
        pytest.param(["O", "PLACE", "ORG"], id="no prefixes"),
    ],
)
def test_entities_are_those_of_the_pipeline(tiny_base: Any, tmp_path: Path, run_import: Any, tags: list[str]) -> None:
    from transformers import pipeline

    folder = save_with_head(tiny_base("bert"), tmp_path / "model", "TokenClassification", **label_settings(tags))
    model = glossator.load(run_import(folder).exported.output)
    theirs = pipeline("token-classification", model=str(folder), aggregation_strategy="simple")
    for text in TEXTS[:4]:
        expected = [(each["start"], each["end"], each["entity_group"]) for each in theirs(text)]
        found = [(each.start, each.end, each.label) for each in model(text, aggregation="simple").entities]
        assert found == expected
    assert sum(len(theirs(text)) for text in TEXTS[:4]) > 3


def test_tags_of_last_and_single_words_are_merged(tiny_base: Any, tmp_path: Path, run_import: Any) -> None:
    tags = ["O", "B-PLACE", "I-PLACE", "E-PLACE", "S-PLACE"]
    folder = save_with_head(tiny_base("bert"), tmp_path / "model", "TokenClassification", **label_settings(tags))
    found = run_import(folder)
    answer = glossator.load(found.exported.output)(TEXTS[0])
    assert {entity.label for entity in answer.entities} == {"PLACE"}
    assert any("read as BILOU" in line for line in found.evidence)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken"])
def test_vectors_are_those_of_sentence_transformers(
    tiny_base: Any, tmp_path: Path, run_import: Any, pooling: str
) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    encoder = Transformer(str(tiny_base("bert")), max_seq_length=32)
    modules = [encoder, Pooling(32, pooling_mode=pooling), *([Normalize()] if pooling != "max" else [])]
    theirs = SentenceTransformer(modules=modules, device="cpu")
    theirs.save_pretrained(str(tmp_path / "model"))
    found = run_import(tmp_path / "model")
    answers = glossator.load(found.exported.output)(TEXTS, truncate=True)
    expected = theirs.encode(TEXTS)
    np.testing.assert_allclose([answer.vector for answer in answers], expected, atol=1e-4)
    assert found.exported.manifest.task.encoding.max_length == 32


def test_labelled_rows_calibrate_and_measure(tiny_base: Any, tmp_path: Path, run_import: Any) -> None:
    folder = save_with_head(
        tiny_base("bert"), tmp_path / "model", "SequenceClassification", **label_settings(["no", "yes"])
    )
    data = tmp_path / "data.csv"
    rows = [f"{text.strip()} {number},{('no', 'yes')[number % 2]}" for number in range(20) for text in TEXTS[1:3]]
    data.write_text("\n".join(["text,label", *rows, "a text with another label,maybe"]).replace("in, the", "in the"))
    found = run_import(folder, proof=Proof(data=str(data)), precision=None)
    manifest = found.exported.manifest
    assert [record.split for record in manifest.evaluation] == ["validation", "test"]
    assert [record.rows for record in manifest.evaluation] == [20, 20]
    assert manifest.task.calibration.nonconformity is not None
    assert manifest.verification.evidence is None
    assert found.rejected_rows == 1


def test_few_texts_cannot_show_that_int8_changes_nothing(tiny_base: Any, tmp_path: Path, run_import: Any) -> None:
    names = label_settings(["no", "yes"])
    folder = save_with_head(tiny_base("bert"), tmp_path / "model", "SequenceClassification", **names)
    found = run_import(folder, precision=None)
    assert found.exported.manifest.served.precision == "fp32"
    assert "may change more than 0.50 % of the decisions" in found.exported.manifest.served.reason
    assert {each.metric for each in found.exported.manifest.verification.parity} == {"agreement"}


def test_pickled_weights_are_converted(tiny_base: Any, tmp_path: Path, run_import: Any) -> None:
    import torch
    from safetensors.torch import load_file

    names = label_settings(["no", "yes"])
    folder = save_with_head(tiny_base("bert"), tmp_path / "model", "SequenceClassification", **names)
    expected = scores_of(glossator.load(run_import(folder).exported.output)(TEXTS[0]))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    again = run_import(folder, overwrite=True)
    assert scores_of(glossator.load(again.exported.output)(TEXTS[0])) == pytest.approx(expected, abs=1e-6)


class Payload:
    """What a hostile pickle does when it is loaded: it creates a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def test_code_in_pickled_weights_does_not_run(tiny_base: Any, tmp_path: Path, run_import: Any) -> None:
    names = label_settings(["no", "yes"])
    folder = save_with_head(tiny_base("bert"), tmp_path / "model", "SequenceClassification", **names)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Payload(tmp_path / "ran")}))
    with pytest.raises(ConfigError, match="cannot be read without running code"):
        run_import(folder)
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "bundle").exists()
