"""Rows of a Hugging Face dataset: one saved on disk by `save_to_disk`, or one of the hub by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.service.errors import ConfigError, ExtraMissing
from glossator.training.corpus.row import SourceRow

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

_BATCH_ROWS = 1_000
_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_SAVE_FIRST = "Where the hub can be reached, save it: `load_dataset(...).save_to_disk(FOLDER)`; then give that folder."


def read_dataset(
    name_or_folder: str | Path,
    *,
    split: str | None = None,
    config: str | None = None,
    revision: str | None = None,
) -> Iterator[SourceRow]:
    """The rows of one split: the one named, else the only one, else "train". `config` and `revision` are the hub's.

    The numbers of a ClassLabel come out as the names they stand for; -1, the hub's mark of an unlabelled row, as None.
    The dataset is opened before the first row is asked for. Raises ConfigError for whatever stands in the way: with no
    network the hub's client gives up after some retries, at once where HF_HUB_OFFLINE is set.
    """
    try:
        import datasets  # noqa: F401
    except ImportError as error:
        raise ExtraMissing(
            "Hugging Face datasets cannot be read: an optional dependency is not installed",
            found=error,
            hint="pip install 'glossator[training]'",
        ) from error
    if Path(name_or_folder).exists():
        if config is not None or revision is not None:
            raise ConfigError("a dataset on disk has no config and no revision", hint="Leave both out.")
        loaded = _from_disk(Path(name_or_folder))
    else:
        loaded = _from_hub(str(name_or_folder), config, revision)
    return _rows(_choose_split(loaded, split, str(name_or_folder)))


def _from_disk(folder: Path) -> Dataset | DatasetDict:
    from datasets import load_from_disk

    try:
        return load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            "this is not a dataset that `save_to_disk` wrote, or it is damaged",
            found=folder,
            expected="a folder with dataset_dict.json, or with dataset_info.json, state.json and Arrow files",
            hint=f"The reader says: {error}",
        ) from error


def _from_hub(name: str, config: str | None, revision: str | None) -> DatasetDict:
    from datasets import exceptions, load_dataset

    if not _HUB_NAME.fullmatch(name):
        raise ConfigError(
            "there is no such dataset", found=name, expected="a folder that exists, or a hub name such as OWNER/NAME"
        )
    try:
        return load_dataset(name, config, revision=revision)
    except (OSError, ValueError, RuntimeError, exceptions.DatasetsError) as error:
        raise ConfigError(
            f"the dataset cannot be loaded from the hub: {error}",
            found=name,
            expected="a hub dataset that needs no code of its own, and a network or a copy in the hub's cache",
            hint=_SAVE_FIRST,
        ) from error


def _choose_split(loaded: Dataset | DatasetDict, split: str | None, name: str) -> Dataset:
    from datasets import DatasetDict

    if not isinstance(loaded, DatasetDict):
        if split is not None and str(loaded.split or split) != split:
            raise ConfigError("the dataset has no such split", found=split, expected=f"{loaded.split}, or none given")
        return loaded
    names = list(loaded)
    wanted = split if split is not None else (names[0] if len(names) == 1 else "train")
    if wanted not in loaded:
        raise ConfigError(
            f"{name} has no split {wanted!r}",
            expected=f"one of {', '.join(names) or '(none)'}",
            hint="Name one with --dataset-split.",
        )
    return loaded[wanted]


def _rows(dataset: Dataset) -> Iterator[SourceRow]:
    """Rows straight from Arrow: images or sound in other columns are never decoded."""
    namings = {name: naming for name, feature in dataset.features.items() if (naming := _naming(feature)) is not None}
    line = 0
    for table in dataset.with_format("arrow").iter(batch_size=_BATCH_ROWS):
        for fields in table.to_pylist():
            line += 1
            for name, naming in namings.items():
                fields[name] = naming(fields[name])
            yield SourceRow(line, fields)


def _naming(feature: Any) -> Callable[[Any], object] | None:
    """What turns the cells of a ClassLabel column, or of lists of them, into names; None for other columns."""
    from datasets import ClassLabel

    if isinstance(feature, ClassLabel):
        names = list(feature.names)
        return lambda number: names[number] if number is not None and 0 <= number < len(names) else None
    inner = getattr(feature, "feature", None)
    naming = None if inner is None else _naming(inner)
    if naming is None:
        return None
    return lambda numbers: None if numbers is None else [naming(number) for number in numbers]
