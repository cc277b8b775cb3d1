"""docs/bundle.md documents every fault and every field, and is enough to read a bundle without our code."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import onnxruntime
import pytest
from pydantic import BaseModel
from tokenizers import Tokenizer

from glossator.service.bundle import file_names
from glossator.service.bundle.golden import GoldenRow
from glossator.service.bundle.manifest import Manifest
from glossator.service.bundle.reference import Reference

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "bundle.md").read_text(encoding="utf-8")


def fault_names(source: str) -> Iterator[str]:
    """Yield the fault names in a module: literals, and literals assigned to a variable that is passed as a name."""
    tree = ast.parse(source)
    names = [
        call.args[0]
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Fault"
    ]
    variables = {name.id for name in names if isinstance(name, ast.Name)}
    values = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id in variables for to in node.targets)
    ]
    for value in (*names, *values):
        for choice in (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,):
            if isinstance(choice, ast.Constant):
                yield str(choice.value)


def test_every_fault_is_documented_and_every_documented_fault_exists() -> None:
    sources = [path for folder in ("bundle", "inference") for path in (ROOT / "service" / folder).rglob("*.py")]
    ours = {name for path in sources for name in fault_names(path.read_text(encoding="utf-8"))}
    table = PAGE.split("\n## Refusals\n")[1].split("\n## ")[0]
    documented = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([a-z-]+)`", line.split("|")[1])
    }
    assert len(ours) > 30
    assert documented == ours
    assert {"bundle-not-found", "bundle-version-unsupported"} <= set(re.findall(r"`([a-z-]+)`", table))


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model and every model inside its fields."""
    yield model
    for field in model.model_fields.values():
        waiting = [field.annotation]
        while waiting:
            item = waiting.pop()
            waiting += get_args(item)
            if isinstance(item, type) and issubclass(item, BaseModel):
                yield from models(item)


MODELS = dict.fromkeys(model for top in (Manifest, GoldenRow, Reference) for model in models(top))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_documented(model: type[BaseModel]) -> None:
    words = {word for span in re.findall(r"`([^`]+)`", PAGE) for word in re.findall(r"\w+", span)}
    assert set(model.model_fields) <= words


def test_every_file_is_documented(bundle: Path) -> None:
    names = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    documented = set(re.findall(r"`([^`]+)`", PAGE.split("\n## The folder\n")[1].split("\n## ")[0]))
    assert {name for name in names if not name.startswith("evaluation/")} <= documented
    assert set(file_names.REQUIRED) <= documented


@pytest.fixture(params=["single_label_classification", "multi_label_classification"])
def folder(request: pytest.FixtureRequest) -> Path:
    single = request.param == "single_label_classification"
    return Path(request.getfixturevalue("single_label_bundle" if single else "bundle"))


def test_the_digest_and_the_files_can_be_checked_without_our_code(folder: Path) -> None:
    data = (folder / "bundle.json").read_bytes()
    manifest = json.loads(data)
    rest, digest = re.fullmatch(rb'(.*),\n  "digest": "([0-9a-f]{64})"\n}\n', data, re.DOTALL).groups()  # type: ignore[union-attr]
    assert hashlib.sha256(rest + b"\n}\n").hexdigest() == digest.decode()
    for name, entry in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def test_the_golden_answers_can_be_reproduced_without_our_code(folder: Path) -> None:
    """From text to answer as the page describes it, with tokenizers, ONNX Runtime and numpy only."""
    manifest = json.loads((folder / "bundle.json").read_bytes())
    task, encoding = manifest["task"], manifest["task"]["encoding"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(folder / manifest["served"]["graph"], options)
    answered = 0
    for row in map(json.loads, (folder / "golden.jsonl").read_text(encoding="utf-8").splitlines()):
        if "error" in row:
            assert (row["error"], row["text"].strip()) == ("empty-text", "")
            continue
        ids = tokenizer.encode(row["text"]).ids
        first, tokens, last = ids[0], ids[1:-1], ids[-1]
        width, stride = encoding["max_length"] - 2, encoding["stride"]
        starts = [0]
        while starts[-1] + width < len(tokens):
            starts.append(starts[-1] + width - stride)
        windows = [tokens[start : start + width] for start in starts]
        added = [len(window) - (stride if start else 0) for start, window in zip(starts, windows, strict=True)]
        logits = []
        for window in windows:
            input_ids = np.asarray([[first, *window, last]])  # (1, seq)
            feeds = {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids)}
            logits.append(session.run(["logits"], feeds)[0][0])
        multi = task["problem_type"] == "multi_label_classification"
        pooled = np.max(logits, axis=0) if multi else np.average(logits, axis=0, weights=added)
        scaled = pooled / task["calibration"]["temperature"]
        if multi:
            probability = 1 / (1 + np.exp(-scaled))
            given = probability >= np.asarray(task["calibration"]["thresholds"] or 0.5)
        else:
            probability = np.exp(scaled) / np.exp(scaled).sum()
            given = probability == probability.max()
        labels = [task["labels"][i] for i in np.argsort(-probability) if given[i]]
        assert np.abs(pooled - row["logits"]).max() <= manifest["verification"]["tolerance"]
        assert (len(tokens), len(windows)) == (row["tokens"], row["windows"])
        assert labels == row.get("labels", [])
        answered += 1
    assert answered >= 10
