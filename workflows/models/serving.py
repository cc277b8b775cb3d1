"""The models that a server answers with: fixed bundles, or a registry that is followed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from glossator.service.errors import ConfigError

if TYPE_CHECKING:
    from glossator.service.api.models.model_catalog import ModelCatalog
    from glossator.service.inference.model import Model

Device = Literal["cpu", "cuda"]


def catalog_of_bundles(bundles: Sequence[Path], *, threads: int | None = None, device: Device = "cpu") -> ModelCatalog:
    """Load bundles, each under its own name. Raises ConfigError if two have the same name."""
    from glossator.service.api.models.model_catalog import ModelCatalog

    models = {}
    for folder in bundles:
        model = _load(folder, threads, device)
        if model.name in models:
            raise ConfigError("two bundles have the same name", found=model.name, hint="Export one with --name.")
        models[model.name] = model
    return ModelCatalog(models)


def catalog_of_registry(
    folder: Path, *, memory_mb: int | None = None, threads: int | None = None, device: Device = "cpu"
) -> ModelCatalog:
    """Follow a registry; `memory_mb` limits the memory of loaded models. Raises ConfigError if it has no model."""
    from glossator.service.api.models.registry_catalog import RegistryCatalog
    from glossator.service.registry import Registry

    catalog = RegistryCatalog(
        Registry(folder),
        load=lambda bundle: _load(bundle, threads, device),
        budget_bytes=None if memory_mb is None else memory_mb << 20,
    )
    if not catalog.names:
        raise ConfigError("the registry has no model", found=folder, hint="Add one: glossator models add BUNDLE.")
    return catalog


def _load(folder: Path, threads: int | None, device: Device) -> Model:
    """Load a bundle here after a separate process has loaded it: a graph that crashes it cannot crash the server."""
    from glossator.service.inference.model import load
    from glossator.service.inference.runtime.sandboxed_load import try_sandboxed

    return load(folder, threads=threads, device=device, digest=try_sandboxed(folder), share=True)
