from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from glossator.service.bundle import file_names
from glossator.service.bundle.reader import read_bundle
from glossator.service.errors import ConfigError
from glossator.service.inference.model import load
from glossator.service.monitoring.drift.references import References, recorded_labels, require_samples
from glossator.service.monitoring.drift.summaries import predicted_labels, summaries_of
from glossator.service.monitoring.prediction_log.records import Served, records_of
from glossator.service.monitoring.prediction_log.settings import LogSettings
from tests.support.vote_bundle import vote_bundle


def test_records_have_the_summaries_that_the_reference_has(tiny_bundle: Callable[[str], Path], tmp_path: Path) -> None:
    model = load(tiny_bundle("single_label_classification"), threads=1)
    texts = ["where is my parcel", "", "refund me"]
    served = Served(
        time=1.0,
        request="r",
        model=model.name,
        version=None,
        digest=model.digest,
        route="/",
        key="local",
        seconds=0.1,
        texts=texts,
        answers=model.predict(texts, top_k=1),
        bundle=model.bundle,
    )
    settings = LogSettings(folder=tmp_path)
    found = list(records_of(served, settings, References()))
    reference = require_samples(model.bundle)
    assert [each["place"] for each in found] == [0, 2]
    for record, text in zip(found, ["where is my parcel", "refund me"], strict=True):
        answer = model(text)
        assert record["summaries"] == pytest.approx(summaries_of(answer, text, model.task, reference.profile), abs=1e-4)
        assert set(record["summaries"]) == set(reference.samples)
        assert len(record["scores"]) == min(5, len(model.task.labels))  # though one was asked for
        assert recorded_labels(record, model.task) == predicted_labels(answer, model.task)
    assert not any("summaries" in each for each in records_of(served, settings))
    assert not any("summaries" in each for each in records_of(served._replace(bundle=None), settings, References()))


def test_a_bundle_without_samples_has_no_reference(tmp_path: Path) -> None:
    bundle = read_bundle(vote_bundle(tmp_path / "votes", "single_label_classification"))
    assert References().of(bundle) is None
    with pytest.raises(ConfigError, match="no samples") as caught:
        require_samples(bundle)
    assert caught.value.hint is not None


def test_a_bundle_that_is_gone_is_reported_once(
    tiny_bundle: Callable[[str], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(shutil.copytree(tiny_bundle("single_label_classification"), tmp_path / "bundle"))
    bundle = read_bundle(folder)
    (folder / file_names.REFERENCE).unlink()
    references = References()
    with caplog.at_level(logging.WARNING, "glossator.service.monitoring"):
        assert references.of(bundle) is None
        assert references.of(bundle) is None
    assert len(caplog.records) == 1
