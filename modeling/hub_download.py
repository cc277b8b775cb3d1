"""Downloads the files of a model from the Hugging Face hub: configuration, tokenizer and safetensors, never code."""

from __future__ import annotations

from pathlib import Path

from glossator.modeling.hub_errors import hub_errors
from glossator.service.errors import ExtraMissing

MODEL_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
"""Configuration, tokenizer and weights."""
_OTHER_WEIGHTS = ("onnx/*", "openvino/*")


def download_model(name: str) -> Path:
    """Download a model into the cache of the hub's client; return its folder, whose name is the commit.

    Raises:
        ConfigError: There is no such model, or it cannot be downloaded.
        ExtraMissing: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ExtraMissing(
            "a model on the hub needs the package huggingface_hub", hint="pip install 'glossator[training]'"
        ) from error
    with hub_errors(name):
        return Path(snapshot_download(name, allow_patterns=list(MODEL_FILES), ignore_patterns=list(_OTHER_WEIGHTS)))
