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

    from service.client import AsyncClient, Client
    from service.errors import GlossatorError
    from service.inference.model import Model
    from service.inference.pipeline import Answer
    from service.tasks.encoded import Pair
    from service.tasks.text_classification import Classification, Score
    from service.tasks.token_classification import Entity

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


def load(path: str | Path, *, threads: int | None = None, device: Literal["cpu", "cuda"] = "cpu") -> Model:
    """The model in the bundle at `path`, verified: `model("text")` answers one text, `model([...])` many. Models that
    read two texts take a `Pair` for each.

    `threads` defaults to the CPUs that this process may use. Raises BundleNotFound, BundleVersionUnsupported or
    BundleInvalid, with every fault by name, and ConfigError where there is no such device.
    """
    from service.inference.model import load

    return load(path, threads=threads, device=device)


def main() -> None:
    """The command line."""
    from cli.app import main

    main()


def __getattr__(name: str) -> object:
    """The public classes, imported when first asked for, so that importing this module costs nothing."""
    if name in {"Answer", "Model"}:
        from service.inference.model import Model
        from service.inference.pipeline import Answer

        return {"Answer": Answer, "Model": Model}[name]
    if name in {"Classification", "Score"}:
        from service.tasks.text_classification import Classification, Score

        return {"Classification": Classification, "Score": Score}[name]
    if name in {"AsyncClient", "Client"}:
        from service.client import AsyncClient, Client

        return {"AsyncClient": AsyncClient, "Client": Client}[name]
    if name == "Pair":
        from service.tasks.encoded import Pair

        return Pair
    if name == "Entity":
        from service.tasks.token_classification import Entity

        return Entity
    if name == "GlossatorError":
        from service.errors import GlossatorError

        return GlossatorError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
