"""Finds a model that was trained elsewhere: a local folder, or a model on the Hugging Face hub, which is downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from glossator.export.importing.onnx_folder import OnnxChoice, OnnxFiles, download_patterns
from glossator.modeling.hub_download import MODEL_FILES
from glossator.modeling.hub_errors import hub_errors, transport_errors
from glossator.modeling.weight_files import FP32, check_free_memory
from glossator.service.bundle import file_names
from glossator.service.errors import ConfigError, ExtraMissing
from glossator.service.files.hashing import hash_file

_PATTERNS = (*MODEL_FILES, file_names.CARD)
_PICKLES = ("pytorch_model*.bin", "adapter_model.bin")
_WEIGHTS = ("*.safetensors", "*pytorch_model*.bin")
_MODULES = "[0-9]*_*"
"""The folders of modules of sentence-transformers, such as `2_Dense`."""
_OTHER_WEIGHTS = ("openvino/*", "*.msgpack", "*.h5", "*.ot", "coreml/*")
_ONNX = ("onnx/*",)
_SKLEARN_FILES = (".joblib", ".pkl", ".pickle", ".skops")
_SKLEARN_HINT = (
    "Pickles are not opened. A fitted text pipeline of scikit-learn is imported in Python, where you trust its file: "
    "glossator.import_sklearn(pipeline, output)."
)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model on disk. `revision` is the commit on the hub, or the SHA-256 of the weights of a local folder.

    `onnx`: the ONNX files that the bundle is made of; None if it is made of weights.
    """

    name: str
    """The name for the model card: the name on the hub, or the name of the local folder."""
    folder: Path
    revision: str
    onnx: OnnxFiles | None = None


def find_model(model: str, *, revision: str | None = None, onnx: OnnxChoice | None = None) -> ModelSource:
    """Return the model that `model` names: a local folder, or `owner/name` on the hub.

    With `onnx`, or if there are no weights of PyTorch, the source is an ONNX graph.

    Raises:
        ConfigError: There is no such model, or it cannot be downloaded.
        ExtraMissing: huggingface_hub is not installed.
    """
    onnx = onnx or OnnxChoice()
    local = Path(model).expanduser()
    if local.exists() or model.startswith((".", "/", "~")) or model.count("/") > 1:
        return _local(local, model, revision, onnx)
    return _download(model, revision, onnx)


def _local(folder: Path, model: str, revision: str | None, onnx: OnnxChoice) -> ModelSource:
    if revision is not None:
        raise ConfigError(
            "a local folder has no revisions", found=f"--revision {revision}", hint="Leave --revision out."
        )
    if not folder.is_dir():
        raise ConfigError(
            "there is no model here",
            found=model,
            expected="a folder with config.json and weights, or the name of a model on the hub, such as owner/name",
            hint=_SKLEARN_HINT if folder.suffix in _SKLEARN_FILES else None,
        )
    for marker, what, hint in (
        (file_names.MANIFEST, "a bundle", "It can be served as it is: `glossator serve`."),
        (file_names.TASK, "a checkpoint of `glossator train`", "Use `glossator export`."),
    ):
        if (folder / marker).is_file():
            raise ConfigError("this model needs no import", found=f"{what}: {folder}", hint=hint)
    files = onnx.find(folder)
    kinds = ("*.safetensors", *_PICKLES)
    weights = [file for kind in kinds for pattern in (kind, f"{_MODULES}/{kind}") for file in folder.glob(pattern)]
    return ModelSource(folder.resolve().name, folder, _hash(weights if files is None else files.all), files)


def _hash(files: Iterable[Path]) -> str:
    """Return the SHA-256 of a file; of several files, the SHA-256 of their hashes in the order of their names."""
    files = sorted(files)
    if len(files) == 1:
        return _hash_file(files[0])
    return hashlib.sha256("".join(map(_hash_file, files)).encode()).hexdigest()


def _hash_file(file: Path) -> str:
    try:
        return hash_file(file)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read", found=error.strerror, hint="Copy it again.") from None


def _download(model: str, revision: str | None, onnx: OnnxChoice) -> ModelSource:
    """Download the files of a model into the cache of the hub's client, without any code."""
    try:
        from huggingface_hub import HfApi, snapshot_download
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:
        raise ExtraMissing(
            "a model on the hub needs the package huggingface_hub", hint="pip install 'glossator[hub]'"
        ) from error
    with hub_errors(model if revision is None else f"{model} at {revision}"):
        patterns = [*_PATTERNS]
        try:
            found = HfApi().model_info(model, revision=revision)
            files = [each.rfilename for each in found.siblings or ()]
            numbers = 0 if found.safetensors is None else found.safetensors.total
        except transport_errors() as error:
            if isinstance(error, HfHubHTTPError):
                raise
            files, numbers = [], 0  # no network: the cache may have the model
        if file_names.MANIFEST in files:
            raise ConfigError(
                "this model needs no import",
                found=f"a bundle: {model}",
                hint=f"Download it: glossator pull {model} -o FOLDER.",
            )
        if files and not any(name.endswith(".safetensors") for name in files):
            patterns += _PICKLES
        patterns += _pickles_of_modules(files)
        has_weights = any(fnmatch(name, pattern) for name in files for pattern in _WEIGHTS)
        graphs = onnx.names(files, has_weights=has_weights or not files)
        if not any(graphs):
            check_free_memory(numbers * FP32)  # before the download: the hub counts the weights in their headers
        others = [*_OTHER_WEIGHTS, *(_WEIGHTS if any(graphs) else _ONNX)]
        patterns += download_patterns(*graphs)
        folder = Path(snapshot_download(model, revision=revision, allow_patterns=patterns, ignore_patterns=others))
    return ModelSource(model, folder, folder.name, onnx.find(folder))


def _pickles_of_modules(files: Iterable[str]) -> list[str]:
    """Return the pickled weights of modules of sentence-transformers that have no others."""
    pickles = [name for name in files if fnmatch(name, f"{_MODULES}/pytorch_model.bin")]
    return [name for name in pickles if f"{name.rpartition('/')[0]}/{file_names.WEIGHTS}" not in files]
