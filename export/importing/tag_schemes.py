"""The tags of models that find entities, as their configuration names them, to tags that our decoder reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from glossator.service.bundle.task import OUTSIDE, Tagging, iob2_tags
from glossator.service.errors import ConfigError

_OUTSIDE_NAMES = frozenset({"O", "OUT", "OUTSIDE"})
_LAST = {"E": "L", "L": "L"}
_SINGLE = {"S": "U", "U": "U"}


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags in the order of the logits, how they become entities, and how that was found."""

    labels: list[str]
    tagging: Tagging
    evidence: str


def read_tags(names: Sequence[str]) -> Tags:
    """Return the tags of a model from the names of its labels.

    `B-PER`, `B_PER` and `PER` (without a prefix) are read, in the schemes IOB1, IOB2, BIOES and BILOU. IOB tags are
    read as the transformers pipeline reads them: an entity may begin with `I-X`.

    Raises ConfigError if no label means "no entity", or if two labels become the same tag.
    """
    outside = [name for name in names if name.upper() in _OUTSIDE_NAMES]
    if len(outside) != 1:
        raise ConfigError(
            "the labels of the model have no tag for words outside entities",
            found=", ".join(names),
            expected="exactly one label O",
            hint="Name the labels in the order of the logits: --label-names O,B-PER,I-PER,...",
        )
    split = [("", OUTSIDE) if name in outside else _split(name) for name in names]
    prefixes = {prefix for prefix, _ in split} - {""}
    if not prefixes:
        labels = [kind if kind == OUTSIDE else f"I-{kind}" for _, kind in split]
        tagging: Tagging = "IOB1"
        evidence = "tags without prefixes: neighbouring words with the same tag are one entity"
    elif prefixes & {*_LAST, *_SINGLE}:
        table = {"B": "B", "I": "I", **_LAST, **_SINGLE}
        labels = [OUTSIDE if kind == OUTSIDE else f"{table.get(prefix, 'I')}-{kind}" for prefix, kind in split]
        tagging, evidence = "BILOU", f"tags with {', '.join(sorted(prefixes))}: read as BILOU"
    else:
        labels = [OUTSIDE if kind == OUTSIDE else f"{prefix or 'I'}-{kind}" for prefix, kind in split]
        tagging = "IOB1"
        whole = sorted(labels) == sorted(iob2_tags(list(dict.fromkeys(tag[2:] for tag in labels if tag != OUTSIDE))))
        evidence = f"{'IOB2' if whole else 'IOB'} tags: an entity begins with B, or with I after another tag"
    if len(set(labels)) != len(labels):
        raise ConfigError("two labels of the model mean the same tag", found=", ".join(names))
    return Tags(labels, tagging, evidence)


def _split(name: str) -> tuple[str, str]:
    """Return prefix and type of a tag; the prefix is empty if there is none."""
    if len(name) > 2 and name[1] in "-_" and name[0] in "BILUES":
        return name[0], name[2:]
    return "", name
