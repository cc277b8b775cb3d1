"""Rows of the job table as records, and counts as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from glossator.service.jobs.records import Job
from glossator.service.labelling.summary import RowCounts

JSON_COLUMNS = ("options", "settings")


def read_job(row: Mapping[str, Any]) -> Job:
    """Return the job in a row."""
    known = {each.name: row[each.name] for each in fields(Job)}
    known |= {name: json.loads(row[name]) for name in JSON_COLUMNS}
    known |= {"counts": read_counts(row["counts"]), "error": None if row["error"] is None else json.loads(row["error"])}
    return Job(**known)


def read_counts(stored: str) -> RowCounts:
    """Return counts that were stored as JSON."""
    return RowCounts(**json.loads(stored))


def sum_counts(parts: Sequence[RowCounts]) -> str:
    """Return the sum of counts, as JSON."""
    errors: Counter[str] = Counter()
    for part in parts:
        errors.update(part.errors)
    numbers = {name: sum(getattr(part, name) for part in parts) for name in ("rows", "tokens", "windows", "truncated")}
    return json.dumps(numbers | {"errors": dict(errors)})
