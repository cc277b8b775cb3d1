"""Names of the files in a checkpoint, in a cleaned corpus and in a bundle."""

from __future__ import annotations

from typing import Literal

FORMAT_VERSION: Literal[3] = 3
"""The version of bundles that are written; version 2 is read too, and has no samples in its reference."""
TASK_VERSION: Literal[2] = 2
"""The version of `task.json`, and of the task in a bundle."""

# Checkpoint and bundle, in the Hugging Face layout.
CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"

# Checkpoint: these, and the files of transformers' `save_pretrained`.
TASK = "task.json"
WEIGHTS = "model.safetensors"
VALIDATION = "validation.jsonl"
TEST = "test.jsonl"
OUT_OF_SCOPE = "out_of_scope.jsonl"
HISTORY = "history.json"

# Checkpoint and, unless it was left out, bundle.
TRAINING_TEXTS = "training_texts.bin"

# Cleaned corpus.
CLEANED = "cleaned.json"

# Bundle.
MANIFEST = "bundle.json"
GOLDEN = "golden.jsonl"
REFERENCE = "reference.json"
CARD = "README.md"
GRAPH_FP32 = "onnx/model.onnx"
GRAPH_INT8 = "onnx/model_quantized.onnx"
GRAPH_FAST = "onnx/fast.onnx"

# Head of a backbone: checkpoint and bundle.
HEAD = "head.safetensors"
"""The linear layer of a head."""
BACKBONE = "backbone.json"
"""In the checkpoint of a head: the bundle whose vectors it was trained on. In a bundle, the manifest says it."""

REQUIRED = (CONFIG, TOKENIZER, GOLDEN, REFERENCE, CARD, GRAPH_FP32)
"""Files that every bundle lists and holds, besides the manifest itself."""
REQUIRED_OF_HEAD = (CONFIG, GOLDEN, REFERENCE, CARD, HEAD)
"""Those of the bundle of a head, which uses the tokenizer and the graph of its backbone."""

FOLDER_MARKERS = (MANIFEST, TASK, CLEANED)
"""Files that identify a folder written by Glossator: `--overwrite` replaces no other folder."""
