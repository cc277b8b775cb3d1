"""The usual names of splits, and the choice of one of several."""

from __future__ import annotations

import re
from collections.abc import Sequence

from glossator.service.documents.decision import Decision

SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "eval", "development"),
    "test": ("test", "testing", "testb", "heldout"),
}
"""The names of each kind of split, in order of preference."""
_ORDER = {"train": ("train",), "validation": ("validation", "test"), "test": ("test", "validation")}
"""The kinds of splits that serve a purpose, in order of preference."""


def split_of_name(name: str) -> str | None:
    """The kind of split that the name of a file or folder tells; None if it tells none.

    >>> split_of_name("train-00000-of-00002.parquet"), split_of_name("my_test.csv"), split_of_name("restrain.csv")
    ('train', 'test', None)
    """
    words = re.split(r"[^a-z]+", name.lower())
    return next((kind for kind, names in SPLIT_NAMES.items() if set(names) & set(words)), None)


def choose_split(names: Sequence[str], preferred: str) -> str | None:
    """The name of the split for a purpose (`train`, `validation` or `test`): the only one, else the usual one.

    A longer name such as `train_data` counts if it is the only one of its kind and no split has a usual name.

    >>> choose_split(["oos_train", "train", "oos_test", "test"], "train"), choose_split(["Train", "Test"], "test")
    ('train', 'Test')
    """
    if len(names) == 1:
        return names[0]
    by_usual_name = {name.casefold(): name for name in reversed(names)}
    for kind in _ORDER[preferred]:
        known = [by_usual_name[name] for name in SPLIT_NAMES[kind] if name in by_usual_name]
        longer = [name for name in names if split_of_name(name) == kind]
        if known or len(longer) == 1:
            return (known or longer)[0]
    return None


def split_decisions(names: Sequence[str], chosen: str, preferred: str) -> list[Decision]:
    """The decision for the user; none if there was only one split."""
    others = [name for name in names if name != chosen]
    if not others:
        return []
    why = f"the split for {'training' if preferred == 'train' else 'measuring'}"
    return [Decision("split", chosen, why, ", ".join(others), "--dataset-split")]
