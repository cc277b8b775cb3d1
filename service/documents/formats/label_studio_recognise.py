"""Tells tasks of Label Studio from other JSON by the beginning of a file."""

from __future__ import annotations

import re

TASK_KEYS = frozenset(
    {"annotations", "predictions", "completions", "drafts", "total_annotations", "is_labeled", "meta"}
)
"""Keys of a task next to `data`; one of them tells tasks from other objects with a key `data`."""

_DATA = re.compile(r'[{,]\s*"data"\s*:\s*\{')


def looks_like_label_studio(head: str) -> bool:
    """Return whether JSON is an array of tasks: objects with `data` and a key of tasks, or with `data` and `id` only.

    >>> looks_like_label_studio('[{"id": 1, "data": {"text": "a"}, "annotations": []}]')
    True
    >>> looks_like_label_studio('[{"text": "a", "label": "b"}]')
    False
    """
    if not re.match(r"\s*\[\s*\{", head) or not _DATA.search(head):
        return False
    only_data = re.match(r'\s*\[\s*\{\s*(?:"id"\s*:\s*[\w"-]+\s*,\s*)?"data"\s*:\s*\{', head) is not None
    return only_data or any(re.search(rf'[{{,]\s*"{key}"\s*:', head) for key in TASK_KEYS)
