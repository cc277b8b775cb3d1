"""Which int8 graphs are tried, in which order, and which one is served."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made import made_task
from numpy.typing import NDArray

from glossator.export.activation_ranges import measure_ranges
from glossator.export.encoder_graph import Range, tensor_names, write_graph
from glossator.export.encoder_weights import Encoder, read_encoder
from glossator.export.exporter import choose, export
from glossator.export.int8_candidates import candidates, most_hurt
from glossator.modeling.checkpoint_reader import load_model
from glossator.modeling.labelled_rows import read_rows
from glossator.service.bundle.manifest import Parity, Scheme
from glossator.service.bundle.reader import read_bundle
from glossator.service.inference.model import load
from glossator.service.inference.runtime.session import Session

WINDOWS = [[1, 10 + number % 40, 11 + number % 7, 2] for number in range(40)]


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint: Callable[[str], Path]) -> Encoder:
    found = read_encoder(load_model(tiny_checkpoint("single_label_classification"), "text-classification"), made_task())
    assert found is not None
    return found


@pytest.fixture(scope="module")
def ranges(encoder: Encoder) -> dict[str, Range]:
    return measure_ranges(encoder, WINDOWS, pad_token_id=0)


@pytest.fixture(scope="module")
def fp32(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graphs") / "fp32.onnx"
    write_graph(encoder, path)
    return path


def logits(graph: Path) -> NDArray[np.float64]:
    return np.stack(Session(graph).run(WINDOWS)).astype(np.float64)


def test_every_candidate_can_be_written_and_is_near(
    encoder: Encoder, ranges: dict[str, Range], fp32: Path, tmp_path: Path
) -> None:
    tried = list(candidates(fp32, encoder, ranges, logits))
    assert [each.scheme for each in tried] == ["static", "static", "static", "row", "block"]
    counts = [len(each.excluded) for each in tried]
    assert counts[0] == 0 < counts[1] < counts[2]
    assert set(tried[1].excluded) < set(tried[2].excluded)
    exact = logits(fp32)
    for each in tried:
        each.write(tmp_path / "int8.onnx")
        assert np.abs(logits(tmp_path / "int8.onnx") - exact).max() < 0.1 * np.abs(exact).max(), each


def test_an_unknown_encoder_has_the_candidates_of_any_graph(fp32: Path) -> None:
    assert [each.scheme for each in candidates(fp32, None, {}, logits)] == ["row", "block"]


def test_the_product_that_hurts_most_comes_first(encoder: Encoder, ranges: dict[str, Range], fp32: Path) -> None:
    spoilt = "layer.1.context"
    wide = ranges | {spoilt: Range(-1e4, 1e4)}  # every value rounds to nearly the same
    worst = most_hurt(fp32, encoder, wide, logits)
    assert worst[0] == spoilt
    assert sorted(worst) == sorted(tensor_names(encoder))


def parity(scheme: Scheme, *, good: bool, excluded: tuple[str, ...] = ()) -> Parity:
    return Parity(
        scheme=scheme, excluded=list(excluded), rows=500, max_logit_difference=0.1, decision_flips=3, metric="accuracy",
        reference_value=0.93, graph_value=0.929, non_inferior=good, margin=0.009, texts_per_second=100.0,
    )  # fmt: skip


def test_the_last_that_was_tried_is_served_if_it_is_good_enough() -> None:
    tried = [parity("fp32", good=True), parity("static", good=False), parity("row", good=True)]
    served = choose(tried, None)
    assert (served.precision, served.scheme, served.graph) == ("int8", "row", "onnx/model_quantized.onnx")
    assert "static" in served.reason
    assert "3 decisions differ" in served.reason


def test_where_none_is_good_enough_fp32_is_served_and_all_are_named() -> None:
    tried = [
        parity("fp32", good=True), parity("static", good=False),
        parity("static", good=False, excluded=("layer.0.down",)), parity("block", good=False),
    ]  # fmt: skip
    served = choose(tried, None)
    assert (served.precision, served.scheme, served.graph) == ("fp32", "fp32", "onnx/model.onnx")
    assert served.reason.index("static accuracy") < served.reason.index("layer.0.down") < served.reason.index("block")


def test_what_is_asked_for_is_served() -> None:
    assert choose([parity("fp32", good=True), parity("static", good=False)], "int8").scheme == "static"
    assert choose([parity("fp32", good=True)], "fp32").scheme == "fp32"


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_bundle_holds_the_graphs_that_it_names(
    tiny_checkpoint: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    checkpoint = tiny_checkpoint("single_label_classification")
    monkeypatch.chdir(tmp_path)
    output = export(checkpoint, "bundle", precision=precision).output  # type: ignore[arg-type]
    assert output == tmp_path / "bundle"  # graphs are opened from the folder or elsewhere: it must not be relative
    manifest = read_bundle(output).manifest
    assert manifest.served.precision == precision
    assert ("onnx/model_quantized.onnx" in manifest.files) == (precision == "int8")
    assert [each.scheme for each in manifest.verification.parity] == (
        ["fp32"] if precision == "fp32" else ["fp32", "static"]
    )
    assert load(output)("where is my parcel").label == "delivery"


@pytest.mark.slow
@pytest.mark.parametrize("family", ["deberta-v2", "modernbert", "mpnet", "distilbert", "roberta"])
def test_other_families_walk_the_road_too(
    family: str, tiny_base: Callable[[str], Path], topic_splits: Callable[[str], object], tmp_path: Path
) -> None:
    from glossator.training.config import TrainingConfig
    from glossator.training.fit import fit

    config = TrainingConfig(
        base=str(tiny_base(family)), epochs=12, patience=12, batch_size=16, max_length=32, learning_rate=5e-3,
        head_learning_rate_factor=1.0, precision="fp32", device="cpu",
    )  # fmt: skip
    checkpoint = fit(topic_splits("single_label_classification"), config, tmp_path / "checkpoint").output  # type: ignore[arg-type]
    notes: list[str] = []
    exported = export(checkpoint, tmp_path / "bundle", stage=notes.append)
    known = family in {"mpnet", "distilbert", "roberta"}
    assert any("no graph is written by hand" in note for note in notes) != known
    schemes = [each.scheme for each in exported.manifest.verification.parity]
    assert schemes[:2] == ["fp32", "static" if known else "row"]
    assert exported.manifest.verification.parity[0].max_logit_difference <= 1e-4
    assert exported.manifest.verification.batch_difference <= 0.01
    model = load(exported.output)
    rows = read_rows(checkpoint / "test.jsonl")
    right = [answer.labels == gold for answer, gold in zip(model(rows.texts), rows.labels, strict=True)]
    assert np.mean(right) > 0.6, json.dumps(schemes)
    shutil.rmtree(tmp_path / "checkpoint")
