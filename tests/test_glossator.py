"""The public API: its functions and classes, and importing it loads nothing heavy."""

from __future__ import annotations

import gc
import inspect
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import glossator
from glossator.service.errors import BundleNotFound, GlossatorError
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.options import DecodeKeywords
from glossator.service.tasks.text_classification import Classification, Score
from tests.support.sampled_bundle import other_texts, sampled_bundle

ROOT = Path(__file__).resolve().parents[1]


def test_the_classes_are_those_of_the_service() -> None:
    assert (glossator.Model, glossator.Answer) == (Model, Answer)
    assert (glossator.Classification, glossator.Score) == (Classification, Score)


def test_a_deployed_model_is_monitored_from_python(tmp_path: Path) -> None:
    answer = {"time": "2026-01-02T03:04:05.000000Z", "model": "tickets", "digest": "a" * 64, "place": 0}
    rows = [answer | {"request": f"r{n}", "sha256": f"{n:064x}", "labels": ["x"], "confidence": 0.9} for n in range(50)]
    (tmp_path / "1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    begun = glossator.monitor("tickets", tmp_path, labels=20, tasks=tmp_path / "tasks.json", slices=["confidence"])
    assert (begun.accuracy.draws, begun.accuracy.estimate.value) == (20, None)
    tasks = (tmp_path / "tasks.json").read_text()
    (tmp_path / "done.jsonl").write_text(tasks.replace('"correct": null', '"correct": true'))
    with pytest.raises(GlossatorError, match="the confidence is no share"):
        glossator.monitor("tickets", tmp_path, confidence=95)
    done = glossator.monitor("tickets", tmp_path, answers=tmp_path / "done.jsonl", confidence=0.9, history=True)
    assert (done.faults, done.accuracy.estimate.value, len(done.history)) == ([], 1.0, 1)


def test_drift_is_measured_from_python(tmp_path: Path) -> None:
    bundle = sampled_bundle(tmp_path / "votes")
    texts = other_texts(200, seed=1)
    found = glossator.drift(bundle, texts)
    assert "unknown_words" in found.comparison.drifted
    (tmp_path / "texts.txt").write_text("\n".join(texts))
    again = glossator.drift(str(bundle), tmp_path / "texts.txt")
    assert again.comparison.summaries == found.comparison.summaries
    with pytest.raises(GlossatorError, match="either texts or a prediction log"):
        glossator.drift(bundle)
    with pytest.raises(GlossatorError, match="tolerance or confidence is not a share"):
        glossator.drift(bundle, texts, confidence=95)
    with pytest.raises(GlossatorError, match="there is no prediction log"):
        glossator.drift(bundle, log=tmp_path / "nowhere")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        glossator.unknown  # noqa: B018


def test_the_signatures_are_pinned() -> None:
    assert str(inspect.signature(glossator.load)) == (
        "(path: 'str | Path', *, threads: 'int | None' = None, device: \"Literal['cpu', 'cuda']\" = 'cpu', "
        "backbone: 'str | Path | None' = None) -> 'Model'"
    )
    call = inspect.signature(glossator.Model.__call__).parameters
    assert list(call) == ["self", "texts", "asked"]
    assert call["asked"].kind is inspect.Parameter.VAR_KEYWORD
    assert list(DecodeKeywords.__annotations__) == [
        "top_k",
        "threshold",
        "min_confidence",
        "coverage",
        "empty_sets",
        "aggregation",
        "offset_unit",
        "truncate",
    ]
    assert {"labels", "label", "score", "scores"} <= set(dir(glossator.Classification))


def test_import_loads_nothing_but_the_standard_library() -> None:
    program = (
        "import json, sys; before = set(sys.modules); import glossator; print(json.dumps([*set(sys.modules) - before]))"
    )
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(finished.stdout)}
    assert "glossator" in loaded
    assert loaded - {"glossator"} <= sys.stdlib_module_names


def test_one_text_gives_one_answer_and_a_list_gives_a_list(tiny_bundle: Callable[[str], Path]) -> None:
    model = glossator.load(tiny_bundle("single_label_classification"), threads=1)
    one = model("where is my parcel please help")
    many = model(["where is my parcel please help", "cannot log in"])
    assert isinstance(one, glossator.Answer)
    assert one.prediction.label == "delivery"
    assert [answer.prediction.label for answer in many] == ["delivery", "login"]


def test_errors_have_a_common_base() -> None:
    with pytest.raises(glossator.GlossatorError) as caught:
        glossator.load("no-such-bundle")
    assert isinstance(caught.value, BundleNotFound)
    assert caught.value.found == "no-such-bundle"


def test_a_model_of_transformers_is_imported_and_answers(tiny_base: Callable[[str], Path], tmp_path: Path) -> None:
    steps: list[str] = []
    texts = tmp_path / "texts.txt"
    texts.write_text("where is my parcel\ncannot log in\n")
    source = Path(shutil.copytree(tiny_base("bert"), tmp_path / "bert"))
    (source / "README.md").write_text("---\nlicense: mit\n---\n")
    model = glossator.import_model(source, tmp_path / "vectors", texts=texts, precision="fp32", progress=steps.append)
    assert (model.task.task, model.bundle.manifest.name) == ("text-embedding", "vectors")
    assert not model.bundle.manifest.verification.measured
    assert steps[0].startswith("config.json: architectures BertModel")
    assert "\nlicense: mit\n" in (tmp_path / "vectors" / "README.md").read_text()
    assert not (tmp_path / "runs").exists()
    temporary = glossator.import_model(source, texts=texts, precision="fp32")
    folder = temporary.bundle.path
    assert (temporary.bundle.manifest.name, folder.is_dir()) == ("bert", True)
    del temporary
    gc.collect()
    assert not folder.exists()
    with pytest.raises(glossator.GlossatorError, match="this folder holds no model"):
        glossator.import_model(tmp_path, tmp_path / "other")
