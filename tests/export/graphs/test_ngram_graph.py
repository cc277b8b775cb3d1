"""The graph of n-grams computes what the PyTorch model computes."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from glossator.export.graphs.ngram_graph import write_ngram_graph
from glossator.export.source_model import NGRAM_LINEAR
from glossator.modeling.architectures.ngram_linear import NgramLinearConfig, NgramLinearModel
from glossator.modeling.architectures.pair_table import build_pair_table
from glossator.service.bundle.onnx_inspection import check_interface, inspect_onnx
from glossator.service.inference.runtime.session import Session, pad

TOKENS = 12


def made(**settings: Any) -> Any:
    """Return a model with random n-grams of up to three tokens, some of which are no features."""
    chance = np.random.default_rng(1)
    pairs: list[tuple[int, int]] = []
    level = list(range(2, TOKENS))
    for _ in range(1, settings["longest"]):
        chosen = [(one, two) for one in level for two in range(2, TOKENS) if chance.random() < 0.5][:60]
        level = [TOKENS + len(pairs) + place for place in range(len(chosen))]
        pairs += chosen
    table = build_pair_table(
        np.array(pairs, dtype=np.int64).reshape(-1, 2), TOKENS + np.arange(len(pairs), dtype=np.int64)
    )
    nodes = TOKENS + len(pairs)
    config = NgramLinearConfig(TOKENS, nodes, slots=table.slots, probes=table.probes, num_labels=3, **settings)
    model = NgramLinearModel(config).eval()
    torch.manual_seed(2)
    model.table = table
    model.idf.copy_(torch.rand(nodes) * (torch.rand(nodes) > 0.3))
    model.idf[:2] = 0
    with torch.no_grad():
        model.weights.weight.normal_()
        model.bias.normal_()
    return model


@pytest.mark.parametrize(
    ("longest", "norm"), list(product([1, 2, 3], ["l1", "l2", "none"])), ids=lambda value: str(value)
)
def test_logits_are_those_of_pytorch_alone_and_in_batches(tmp_path: Path, longest: int, norm: str) -> None:
    windows = [np.random.default_rng(size).integers(1, TOKENS, size).tolist() for size in (1, 2, 3, 7, 40)]
    ids, mask = (torch.from_numpy(each) for each in pad(windows, 0))
    for counting, link, dropped in product(["count", "sublinear", "binary"], ["none", "log_sigmoid"], [0, 10]):
        model = made(longest=longest, norm=norm, counting=counting, link=link, dropped_from=dropped)
        write_ngram_graph(model, tmp_path / "graph.onnx")
        session = Session(tmp_path / "graph.onnx")
        with torch.inference_mode():
            expected = model(ids, mask).logits.numpy()
        assert np.ptp(expected) > 0.1
        np.testing.assert_allclose(np.stack(session.run(windows)), expected, atol=1e-6)
        np.testing.assert_allclose(np.stack([session.run([each])[0] for each in windows]), expected, atol=1e-6)


def test_the_graph_passes_the_checks_of_bundles(tmp_path: Path) -> None:
    write_ngram_graph(made(longest=2), tmp_path / "graph.onnx")
    summary = inspect_onnx((tmp_path / "graph.onnx").read_bytes(), "graph.onnx")
    assert summary.faults == []
    assert check_interface(summary, {"logits": (None, 3)}, "graph.onnx") == []


def test_the_name_of_the_architecture_is_that_of_its_configuration() -> None:
    assert NgramLinearConfig.model_type == NGRAM_LINEAR
