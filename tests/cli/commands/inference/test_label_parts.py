"""`glossator label-parts`: a folder of labelled parts, and its errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def test_the_parts_of_a_file_are_labelled_and_complete_parts_are_kept(
    run: Run, folder: Path, tiny_bundle: Callable[[str], Path]
) -> None:
    Path("in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in ("the parcel", "", "money")))
    arguments = ("label-parts", "in.jsonl", "-m", tiny_bundle("single_label_classification"), "-o", "out", "--json")
    first = run(*arguments, "--workers", "1")
    assert first.code == 3, first.err
    assert (first.json["parts"], first.json["rows"], first.json["errors"]) == (1, 3, {"empty-text": 1})
    assert len(Path("out/part-00000.jsonl").read_text().splitlines()) == 3
    assert run(*arguments).json["resumed"] == 1
    other = run(*arguments, "--prefix", "x_")
    assert other.code == 2
    assert "other options" in other.err
