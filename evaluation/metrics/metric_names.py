"""The display name of each metric; the pages of a server use it too."""

from __future__ import annotations

from glossator.service.bundle.metric_names import METRIC_NAMES

__all__ = ["METRIC_NAMES"]
