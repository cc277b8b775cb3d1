"""Reads Hugging Face datasets: folders that `save_to_disk` wrote, and datasets of the hub."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.service.documents.decision import Decision
from glossator.service.documents.split_names import choose_split, split_decisions
from glossator.service.errors import ConfigError, ExtraMissing
from glossator.training.corpus.row import SourceRow

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

_BATCH_ROWS = 1_000
_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_SAVE_HINT = "On a machine that reaches the hub: `load_dataset(...).save_to_disk(FOLDER)`; then give that folder."


@dataclass(frozen=True, slots=True)
class DatasetRows:
    """The rows of one split, and how the split was chosen if there are several."""

    rows: Iterator[SourceRow]
    decisions: list[Decision]


def read_dataset(
    name_or_folder: str | Path,
    *,
    split: str | None = None,
    preferred: str = "train",
    config: str | None = None,
    revision: str | None = None,
) -> DatasetRows:
    """The rows of one split of a dataset.

    The numbers of a ClassLabel become names; -1, which marks unlabelled rows, becomes None. The dataset is opened by
    this call, not by the first row. Without a network the hub's client gives up after some retries, or at once if
    HF_HUB_OFFLINE is set.

    Args:
        name_or_folder: A folder that `save_to_disk` wrote, or a name on the hub.
        split: None: the only split, else the preferred one.
        preferred: The kind of split that is wanted: `train`, `validation` or `test`, under any of its usual names.
        config: The configuration of a dataset of the hub.
        revision: The revision of a dataset of the hub.

    Raises:
        ConfigError: The dataset or the split does not exist, or cannot be loaded.
        ExtraMissing: `datasets` is not installed.
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
            raise ConfigError("a dataset on disk has no config and no revision", hint="Omit both.")
        loaded = _from_disk(Path(name_or_folder))
    else:
        loaded = _from_hub(str(name_or_folder), config, revision)
    return rows_of_split(loaded, str(name_or_folder), split=split, preferred=preferred)


def rows_of_split(loaded: Dataset | DatasetDict, name: str, *, split: str | None, preferred: str) -> DatasetRows:
    """The rows of one split of a loaded dataset. Raises ConfigError if it has no such split."""
    chosen, decisions = _choose_split(loaded, split, preferred, name)
    return DatasetRows(_rows(chosen), decisions)


def _from_disk(folder: Path) -> Dataset | DatasetDict:
    from datasets import load_from_disk

    try:
        return load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            "the folder is not a dataset that `save_to_disk` wrote, or it is damaged",
            found=folder,
            expected="a folder with dataset_dict.json, or with dataset_info.json, state.json and Arrow files",
            hint=f"The error of `datasets`: {error}",
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
            expected="a dataset without code of its own, and a network connection or a copy in the hub's cache",
            hint=_SAVE_HINT,
        ) from error


def _choose_split(
    loaded: Dataset | DatasetDict, split: str | None, preferred: str, name: str
) -> tuple[Dataset, list[Decision]]:
    from datasets import DatasetDict

    if not isinstance(loaded, DatasetDict):
        if split is not None and str(loaded.split or split) != split:
            raise ConfigError("the dataset has no such split", found=split, expected=f"{loaded.split}, or none given")
        return loaded, []
    if split is not None and split in loaded:
        return loaded[split], []
    chosen = None if split is not None else choose_split(list(loaded), preferred)
    if chosen is None:
        found = f"split '{split}'" if split is not None else f"no split for {preferred}"
        raise ConfigError(
            f"{name} has no such split",
            found=found,
            expected=f"one of {', '.join(loaded) or '(none)'}",
            hint="Name one with --dataset-split.",
        )
    return loaded[chosen], split_decisions(list(loaded), chosen, preferred)


def _rows(dataset: Dataset) -> Iterator[SourceRow]:
    """The rows, read from Arrow, so that images or audio in other columns are not decoded."""
    converters = {
        name: to_names for name, feature in dataset.features.items() if (to_names := _names_of(feature)) is not None
    }
    line = 0
    for table in dataset.with_format("arrow").iter(batch_size=_BATCH_ROWS):
        for fields in table.to_pylist():
            line += 1
            for name, to_names in converters.items():
                fields[name] = to_names(fields[name])
            yield SourceRow(line, fields)


def _names_of(feature: Any) -> Callable[[Any], object] | None:
    """A function from the cells of a ClassLabel column, or of lists of them, to names; None for other columns."""
    from datasets import ClassLabel

    if isinstance(feature, ClassLabel):
        names = list(feature.names)
        return lambda number: names[number] if number is not None and 0 <= number < len(names) else None
    inner = getattr(feature, "feature", None)
    to_name = None if inner is None else _names_of(inner)
    if to_name is None:
        return None
    return lambda numbers: None if numbers is None else [to_name(number) for number in numbers]
