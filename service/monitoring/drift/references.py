"""The references of the models whose answers are logged, read once for each version."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from glossator.service.bundle import file_names
from glossator.service.bundle.reader import Bundle
from glossator.service.bundle.reference import Reference, parse_reference
from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import BundleError, ConfigError, shorten

MOST_MODELS = 16
"""The references of this many versions stay in memory."""

logger = logging.getLogger("glossator.service.monitoring")


class References:
    """Finds the reference of a bundle. Not thread-safe: the log uses it in its own thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Reference | None] = OrderedDict()

    def of(self, bundle: Bundle) -> Reference | None:
        """Return the reference; None if it has no samples, or cannot be read any more (this is logged once)."""
        if bundle.digest in self._known:
            self._known.move_to_end(bundle.digest)
            return self._known[bundle.digest]
        found: Reference | None = None
        try:
            found = parse_reference(bundle.read(file_names.REFERENCE))
        except BundleError as error:
            logger.warning("drift of %s cannot be measured: %s", bundle.name, error)
        if found is not None and not found.samples:
            found = None
        self._known[bundle.digest] = found
        while len(self._known) > MOST_MODELS:
            self._known.popitem(last=False)
        return found


def require_samples(bundle: Bundle) -> Reference:
    """Return the reference of a bundle. Raises ConfigError if it has no samples, and BundleInvalid."""
    reference = parse_reference(bundle.read(file_names.REFERENCE))
    if not reference.samples:
        version = bundle.manifest.format_version
        raise ConfigError(
            "the bundle has no samples to measure drift against",
            found=f"{shorten(bundle.path)}, format version {version}",
            expected="a bundle of version 3 that was exported with validation texts",
            hint="Add samples: glossator migrate BUNDLE -o NEW --texts FILE; or export the checkpoint again."
            if version < file_names.FORMAT_VERSION
            else "Import the model again with some of your texts: glossator import MODEL --texts FILE.",
        )
    return reference


def recorded_labels(record: Mapping[str, Any], task: Task) -> Sequence[str]:
    """Return the labels of a record of the log that count for the mix of labels; see `predicted_labels`."""
    if isinstance(task, Classifier) and task.problem_type == "single_label_classification":
        scores = record.get("scores") or ()
        return [scores[0]["label"]] if scores else ()
    return record.get("labels") or ()
