"""What is said of a model in use names the version that it is about."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from glossator.service.api.web.models.deployed import deployed

OLD, NEW = "a" * 64, "b" * 64


def state(live: str) -> Any:
    """A server whose logged and reviewed answers are all of the old version."""
    estimate = SimpleNamespace(value=0.9, interval=SimpleNamespace(low=0.8, high=0.95), labels=40)
    measured = SimpleNamespace(
        counted=SimpleNamespace(versions=[SimpleNamespace(digest=OLD, last="2026-01-01", records=10)], complete=True),
        accuracy=SimpleNamespace(estimate=estimate, period=SimpleNamespace(digest=OLD)),
    )
    return SimpleNamespace(
        monitor=SimpleNamespace(measure=lambda name, **options: measured),
        models={"tickets": SimpleNamespace(digest=live)},
        drift=SimpleNamespace(verdicts=lambda name, digest: [SimpleNamespace(alarm=None)]),
    )


@pytest.mark.parametrize(("live", "other"), [(OLD, ""), (NEW, OLD[:12])])
def test_figures_of_the_version_before_a_promotion_are_not_those_of_the_live_one(live: str, other: str) -> None:
    found = deployed(state(live), "tickets")
    assert found is not None
    assert (found.accuracy_of, found.drift_of, found.reviewed) == (other, other, 40)
