"""Names of labels that a source keeps apart from its rows: in metadata, or in a file next to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.service.errors import ConfigError, ExtraMissing
from glossator.service.files.text_lines import text_lines

if TYPE_CHECKING:
    from glossator.training.corpus.reading.labels.label_forms import LabelNames

LISTS = ("labels.txt", "classes.txt", "label_names.txt", "class_names.txt")
"""Files with one name per line, in the order of the numbers."""
INFOS = ("dataset_info.json", "dataset_infos.json")
"""Metadata that the library `datasets` writes."""
_MAX_BYTES = 4 << 20
_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*\n", re.DOTALL)


def find_label_names(source: str, given: tuple[str, ...] | None) -> LabelNames:
    """Return the names of labels that are numbers or vectors: those given, and those that the source comes with.

    Metadata of a Parquet file, `dataset_info.json`, the head of a `README.md` and a list of names are looked for in the
    folder of the file and, except for the list, in the folder above it.
    """
    from glossator.training.corpus.reading.labels.label_forms import LabelNames

    by_column, origin = _from_metadata(Path(source))
    listed, listed_origin = _from_list(Path(source))
    return LabelNames(given or (), by_column, listed, origin, listed_origin)


def class_label_names(features: object) -> dict[str, tuple[str, ...]]:
    """Return the names of each column with class labels, from features as `datasets` writes them to JSON or YAML."""
    found = {}
    named: Iterator[tuple[str, Any]] = iter(())
    if isinstance(features, Mapping):
        named = iter(features.items())
    elif isinstance(features, list):
        named = ((str(each.get("name")), each) for each in features if isinstance(each, Mapping))
    for column, feature in named:
        names = _names_in(feature)
        if names:
            found[column] = names
    return found


def _from_metadata(path: Path) -> tuple[dict[str, tuple[str, ...]], str]:
    """Return the names by column, and what they were read from."""
    if path.name.lower().endswith(".parquet") and path.is_file():
        names = class_label_names(_parquet_features(path))
        if names:
            return names, "the metadata of the file"
    if not path.is_file():
        return {}, ""
    for folder in dict.fromkeys((path.absolute().parent, path.absolute().parent.parent)):
        for info in INFOS:
            content = _read_json(folder / info)
            for each in [content, *(content.values() if isinstance(content, Mapping) else ())]:
                names = class_label_names(each.get("features") if isinstance(each, Mapping) else None)
                if names:
                    return names, info
        names = class_label_names(_readme_features(folder / "README.md"))
        if names:
            return names, "README.md"
    return {}, ""


def _from_list(path: Path) -> tuple[tuple[str, ...], str]:
    """Return the names in a list next to the file, and the name of the list."""
    if not path.is_file():
        return (), ""
    for name in LISTS:
        file = path.parent / name
        if file.is_file() and file != path and file.stat().st_size <= _MAX_BYTES:
            try:
                lines = text_lines(file.read_text(encoding="utf-8-sig"))
            except UnicodeDecodeError as error:
                raise ConfigError(f"{file} cannot be read", found=error, expected="UTF-8, one name per line") from None
            names = tuple(line.strip() for line in lines if line.strip())
            if len(names) == len(set(names)):
                return names, name
    return (), ""


def _parquet_features(path: Path) -> object:
    from glossator.service.optional_packages import import_optional

    try:
        parquet = import_optional("pyarrow.parquet", "reading Parquet", package="pyarrow")
        metadata = parquet.read_schema(path).metadata or {}
        return json.loads(metadata[b"huggingface"])["info"]["features"]
    except (ExtraMissing, KeyError, TypeError, ValueError, OSError):  # the reader of the file reports what is damaged
        return None


def _readme_features(path: Path) -> object:
    """Return the features in the YAML head of a dataset card; None without the package that reads YAML."""
    from glossator.service.optional_packages import import_optional

    try:
        head = _FRONT_MATTER.match(path.read_text(encoding="utf-8")) if path.is_file() else None
        yaml = import_optional("yaml", "reading the card of a dataset", package="PyYAML", extra="training")
    except (ExtraMissing, OSError, ValueError):
        return None
    try:
        content = yaml.safe_load(head[1]) if head else None
    except yaml.YAMLError:
        return None
    info = content.get("dataset_info") if isinstance(content, Mapping) else None
    infos = info if isinstance(info, list) else [info]
    return next((each["features"] for each in infos if isinstance(each, Mapping) and "features" in each), None)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes()) if path.is_file() and path.stat().st_size <= _MAX_BYTES else None
    except (OSError, ValueError):
        return None


def _names_in(feature: object) -> tuple[str, ...]:
    """Return the names of a ClassLabel, or of lists of them; none for any other feature."""
    if isinstance(feature, list) and len(feature) == 1:
        return _names_in(feature[0])
    if not isinstance(feature, Mapping):
        return ()
    names = feature.get("names")
    if isinstance(names, list) and (feature.get("_type") == "ClassLabel" or "dtype" in feature):
        return tuple(map(str, names))
    if isinstance(names, Mapping):
        ordered = sorted(names.items(), key=lambda item: int(item[0]))
        return tuple(str(name) for _, name in ordered)
    inner = [feature.get(key) for key in ("feature", "class_label", "dtype", "sequence", "list")]
    return next((found for each in inner if (found := _names_in(each))), ())
