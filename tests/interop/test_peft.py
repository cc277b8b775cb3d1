"""Adapters that peft saved give the logits that peft gives after it has merged them.

peft is in the environment of Optimum, which `make interop` creates; GLOSSATOR_OPTIMUM names its Python.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from glossator.export.importing.adapter_merge import merge_adapter
from glossator.export.importing.foreign_weights import load_foreign_model
from glossator.export.importing.model_source import find_model
from glossator.service.bundle.task import TaskName

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SCRIPT = Path(__file__).with_name("peft_calls.py")
IDS = [[1, 20, 30, 40, 2], [1, 7, 2]]


@pytest.mark.parametrize(
    ("family", "kind", "task", "options"),
    [
        ("bert", "SEQ_CLS", "text-classification", {"r": 4, "target_modules": ["query", "value"]}),
        ("bert", "SEQ_CLS", "text-classification",
         {"r": 4, "use_rslora": True, "lora_alpha": 3, "target_modules": ["query", "word_embeddings"],
          "rank_pattern": {"layer.1.attention.self.query": 2}, "alpha_pattern": {"layer.1.attention.self.query": 9}}),
        ("bert", "TOKEN_CLS", "token-classification", {"r": 2, "target_modules": ["query", "dense"]}),
        ("roberta", "SEQ_CLS", "text-classification", {"r": 4, "target_modules": ["key"], "bias": "all"}),
        ("distilbert", "SEQ_CLS", "text-classification",
         {"r": 4, "target_modules": ["q_lin"], "modules_to_save": ["pre_classifier", "classifier"],
          "bias": "lora_only"}),
    ],
)  # fmt: skip
def test_merged_adapters_give_the_logits_of_peft(
    tiny_base: Any, tmp_path: Path, family: str, kind: str, task: TaskName, options: dict[str, Any]
) -> None:
    import torch

    python = os.environ.get("GLOSSATOR_OPTIMUM")
    if not python:
        pytest.skip("GLOSSATOR_OPTIMUM names no Python with peft; `make interop` installs it")
    folder, base = tmp_path / "adapter", tiny_base(family)
    call = {"base": str(base), "folder": str(folder), "task": kind, "labels": 3, "options": options, "ids": IDS}
    done = subprocess.run([python, SCRIPT], input=json.dumps(call), capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    expected = json.loads(done.stdout.splitlines()[-1])
    merged, _ = merge_adapter(find_model(str(folder)), tmp_path)
    model = load_foreign_model(merged.folder, task)
    with torch.no_grad():
        found = [model(input_ids=torch.tensor([ids])).logits[0] for ids in IDS]
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, torch.tensor(theirs), atol=1e-5, rtol=1e-5)
