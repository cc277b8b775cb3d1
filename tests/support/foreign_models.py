"""Small models with random weights, as other libraries save them, and their import."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glossator.workflows.models.model_import import ImportedModel, import_model
from glossator.workflows.models.proving_rows import Proof
from glossator.workflows.reporter import Reporter
from glossator.workflows.run_records import RunStore

TEXTS = [
    "my parcel is late and the invoice is wrong",
    "where is my money",
    "I can not log in, the password is refused!",
    "the card was charged twice " * 20,  # longer than a window
]


def save_model(base: Path, folder: Path, head: str = "SequenceClassification", **settings: Any) -> Path:
    """Save a random model with a head; large weights make the answers distinct."""
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(base, **{"initializer_range": 0.2} | settings)
    torch.manual_seed(11)
    model = getattr(transformers, f"AutoModelFor{head}").from_config(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("classifier") and parameter.dim() > 1:
                parameter.normal_(std=1.0)
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def named_labels(*names: str) -> dict[str, Any]:
    """The settings of a configuration that name its labels."""
    return {"id2label": dict(enumerate(names)), "label2id": {name: row for row, name in enumerate(names)}}


def write_texts(file: Path, texts: Sequence[str] = TEXTS) -> str:
    """Write texts as JSON lines; return the path."""
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return str(file)


def import_folder(folder: Path, output: Path, **options: Any) -> ImportedModel:
    """Import a folder in fp32, proved with the texts, unless the options say otherwise."""
    scratch = output.parent
    if "proof" not in options:
        options["proof"] = Proof(texts=write_texts(scratch / "texts.jsonl"))
    store = RunStore(scratch / "runs", ["import"])
    return import_model(str(folder), output, store, Reporter(), **{"precision": "fp32"} | options)


def edit_json(file: Path, **fields: Any) -> None:
    """Set fields of a JSON file; None removes a field."""
    found = json.loads(file.read_text()) | fields
    file.write_text(json.dumps({name: value for name, value in found.items() if value is not None}))
