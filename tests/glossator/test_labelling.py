"""`glossator.label` writes what the command `glossator label` writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from glossator.cli.app import app
from glossator.labelling import label
from glossator.service.errors import ConfigError, OutputError
from glossator.service.inference.model import load
from tests.support.vote_bundle import vote_bundle


def test_files_are_those_of_the_command(tmp_path: Path) -> None:
    bundle = vote_bundle(tmp_path / "votes", "single_label_classification")
    source = tmp_path / "in.csv"
    source.write_text("id,text\n1,money\n2,\n3,parcel\n")
    found = label(source, load(bundle, threads=1), tmp_path / "python.jsonl")
    assert (found.rows, found.failed, dict(found.summary.errors)) == (3, 1, {"empty-text": 1})
    assert found.to_dict()["output"] == str(tmp_path / "python.jsonl")
    assert "3 rows: 2 labelled, 1 with an error" in repr(found)
    assert "empty-text" in found._repr_html_()
    command = ["label", str(source), "--model", str(bundle), "--output", str(tmp_path / "command.jsonl")]
    assert CliRunner().invoke(app, command).exception is None
    assert (tmp_path / "python.jsonl").read_bytes() == (tmp_path / "command.jsonl").read_bytes()
    assert label(str(source), bundle, limit=1).output == tmp_path / "in.labelled.csv"
    with pytest.raises(OutputError, match="exists already"):
        label(source, bundle)
    assert label(source, bundle, overwrite=True, min_confidence=0.9).rows == 3
    with pytest.raises(ConfigError, match="there is no output"):
        label(tmp_path, bundle)
    with pytest.raises(ConfigError, match="need zero_shot"):
        label(source, bundle, multi_label=True)
