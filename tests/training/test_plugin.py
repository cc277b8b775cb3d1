"""The guide's example of an algorithm in another package, installed and used from training to serving."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import glossator.training.plugin
from glossator.export.exporter import export
from glossator.service.errors import ConfigError
from glossator.service.inference.model import load
from glossator.training.algorithms import registry
from glossator.training.algorithms.algorithm import Algorithm, Splits
from glossator.training.config import TrainingConfig
from glossator.training.fit import fit

Bases = Callable[[str], Path]
MakeSplits = Callable[[str], Splits]
GUIDE = Path(__file__).resolve().parents[2] / "docs/algorithms.md"


def guide_blocks() -> tuple[str, str]:
    """The module and the entry point that the guide shows."""
    module, entry_point = re.findall(r"```(?:python|toml)\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    return module, entry_point


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guide's package, installed: its module, and the metadata that pip would write."""
    module, declared = guide_blocks()
    assert len(module.splitlines()) < 100
    (entry,) = tomllib.loads(declared)["project"]["entry-points"][registry.GROUP].items()
    site = tmp_path / "site"
    info = site / "nearest_centroid-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "nearest_centroid.py").write_text(module + "\nBROKEN = 'not an algorithm'\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nearest-centroid\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{registry.GROUP}]\n{' = '.join(entry)}\nbroken = nearest_centroid:BROKEN\nabsent = nothing_here:ALGORITHM\n"
    )
    monkeypatch.syspath_prepend(site)


@pytest.mark.usefixtures("plugin")
def test_an_algorithm_of_another_package_is_trained_exported_and_served(
    tiny_base: Bases, topic_splits: MakeSplits, tmp_path: Path
) -> None:
    assert registry.algorithm_names()[-3:] == ["absent", "broken", "centroid"]
    assert isinstance(registry.find_algorithm("centroid"), Algorithm)
    splits = topic_splits("single_label_classification")
    config = TrainingConfig(
        base=str(tiny_base("bert")), algorithm="centroid", max_length=32, device="cpu", precision="fp32", threads=1
    )
    fitted = fit(splits, config, tmp_path / "checkpoint")
    assert fitted.task.provenance.algorithm == "centroid"
    answers = load(export(fitted.output, tmp_path / "bundle").output)(splits.test.texts)
    right = [answer.labels == gold for answer, gold in zip(answers, splits.test.labels, strict=True)]
    assert np.mean(right) > 0.5


@pytest.mark.usefixtures("plugin")
def test_entry_points_that_are_not_algorithms_are_rejected() -> None:
    with pytest.raises(ConfigError, match="is not an algorithm"):
        registry.find_algorithm("broken")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        registry.find_algorithm("absent")


def test_the_guide_imports_glossator_from_the_public_module_only() -> None:
    module, _ = guide_blocks()
    imported = [node.module for node in ast.walk(ast.parse(module)) if isinstance(node, ast.ImportFrom)]
    assert [name for name in imported if name and name.startswith("glossator")] == ["glossator.training.plugin"]


def test_every_public_name_has_a_docstring() -> None:
    public = [getattr(glossator.training.plugin, name) for name in glossator.training.plugin.__all__]
    assert [each for each in public if callable(each) and not each.__doc__] == []


def test_every_algorithm_of_the_ladder_is_found_by_its_name() -> None:
    assert [registry.find_algorithm(name).name for name in registry.LADDER] == list(registry.LADDER)
