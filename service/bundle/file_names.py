"""The names of the files in a checkpoint folder and in a bundle."""

from __future__ import annotations

from typing import Literal

FORMAT_VERSION: Literal[2] = 2

# Both folders, in the Hugging Face layout.
CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"

# A checkpoint: `save_pretrained` files and these.
TASK = "task.json"
WEIGHTS = "model.safetensors"
VALIDATION = "validation.jsonl"
TEST = "test.jsonl"
HISTORY = "history.json"

# A mended corpus.
MENDED = "mended.json"

# A bundle.
MANIFEST = "bundle.json"
GOLDEN = "golden.jsonl"
REFERENCE = "reference.json"
CARD = "README.md"
GRAPH_FP32 = "onnx/model.onnx"
GRAPH_INT8 = "onnx/model_quantized.onnx"
GRAPH_FAST = "onnx/fast.onnx"

REQUIRED = (CONFIG, TOKENIZER, GOLDEN, REFERENCE, CARD, GRAPH_FP32)
"""Files that every bundle lists and holds, besides the manifest itself."""
