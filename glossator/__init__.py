"""Glossator: labelled text to fast, verified text inference on plain CPUs.

>>> import glossator
>>> model = glossator.load("models/tickets")  # doctest: +SKIP
>>> model("Where is my parcel?").label  # doctest: +SKIP
'delivery_delay'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from glossator.service.client import AsyncClient, Client
    from glossator.service.errors import GlossatorError
    from glossator.service.inference.model import Model
    from glossator.service.inference.pipeline import Answer
    from glossator.service.tasks.encoded import Pair
    from glossator.service.tasks.text_classification import Classification, Score
    from glossator.service.tasks.token_classification import Entity

__all__ = [
    "Answer",
    "AsyncClient",
    "Classification",
    "Client",
    "Entity",
    "GlossatorError",
    "Model",
    "Pair",
    "Score",
    "load",
    "main",
]

_PUBLIC_CLASSES = {
    "Answer": "glossator.service.inference.pipeline",
    "AsyncClient": "glossator.service.client",
    "Classification": "glossator.service.tasks.text_classification",
    "Client": "glossator.service.client",
    "Entity": "glossator.service.tasks.token_classification",
    "GlossatorError": "glossator.service.errors",
    "Model": "glossator.service.inference.model",
    "Pair": "glossator.service.tasks.encoded",
    "Score": "glossator.service.tasks.text_classification",
}


def load(path: str | Path, *, threads: int | None = None, device: Literal["cpu", "cuda"] = "cpu") -> Model:
    """Load and verify a bundle.

    `model("text")` answers one text, `model(["a", "b"])` several. A model that reads two texts takes a `Pair` for each.

    Args:
        path: The folder of the bundle.
        threads: CPU threads; None takes all CPUs that this process may use.
        device: Where the graph runs; `cuda` needs onnxruntime-gpu.

    Returns:
        A model that several threads may share.

    Raises:
        BundleNotFound: There is no bundle in the folder.
        BundleVersionUnsupported: The bundle's format is newer than this version of Glossator.
        BundleInvalid: The bundle does not verify; lists every fault by name.
        ConfigError: The device is not available.
    """
    from glossator.service.inference.model import load

    return load(path, threads=threads, device=device)


def main() -> None:
    """Run the command line."""
    from glossator.cli.app import main

    main()


def __getattr__(name: str) -> object:
    """Import the version and the public classes on first use, so that importing this package loads nothing heavy."""
    if name == "__version__":
        from importlib.metadata import version

        return version("glossator")
    if name not in _PUBLIC_CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PUBLIC_CLASSES[name]), name)
