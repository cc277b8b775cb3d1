"""The largest graph that fits into one ONNX file."""

from __future__ import annotations

from glossator.service.errors import ConfigError

LARGEST_FILE = 2**31 - 2**24
"""In bytes. The format of the file ends at 2 GiB; 16 MiB are left to everything but weights."""


def check_file_size(weights: int) -> None:
    """Raise ConfigError if a graph with `weights` bytes does not fit into one file."""
    if weights > LARGEST_FILE:
        raise ConfigError(
            "the model is too large for one ONNX file",
            found=f"more than {weights / 1e9:.2f} GB of weights",
            expected=f"at most {LARGEST_FILE / 1e9:.2f} GB in fp32",
            hint="Save the model in fp16, so that its embeddings take half the space, or choose a smaller model.",
        )
