"""Stored bundles of older formats: they load, answer as at export, and are migrated to the newest format."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import READ_VERSIONS
from glossator.service.bundle.reader import read_bundle
from glossator.service.bundle.reference import parse_reference
from glossator.service.errors import BundleInvalid, BundleVersionUnsupported, ConfigError
from glossator.service.inference.model import load
from glossator.workflows.models.migration import migrate_bundle
from glossator.workflows.reporter import Reporter

STORED = Path(__file__).resolve().parents[2] / "data" / "bundles"
TEXTS = ["where is my parcel today", "i want my money back, please", "the login page is broken again"]


def stored(version: int) -> Path:
    return STORED / f"format-{version}"


def test_a_bundle_of_each_format_that_is_read_is_stored() -> None:
    assert {f"format-{version}" for version in READ_VERSIONS} == {each.name for each in STORED.glob("format-*")}


@pytest.mark.parametrize("version", READ_VERSIONS)
def test_stored_bundles_load_and_answer(version: int) -> None:
    """Loading replays the golden rows that the old code wrote."""
    model = load(stored(version))
    assert model.bundle.manifest.format_version == version
    assert [answer.label for answer in model(TEXTS)] == ["delivery", "refund", "login"]


def test_a_migrated_bundle_has_the_newest_format_and_gives_the_same_answers(tmp_path: Path) -> None:
    migrated = migrate_bundle(stored(2), tmp_path / "new", Reporter())
    assert (migrated.from_format, migrated.to_format) == (2, file_names.FORMAT_VERSION)
    assert migrated.digest != migrated.from_digest
    old, new = load(stored(2)), load(tmp_path / "new")
    assert [each.prediction for each in new(TEXTS)] == [each.prediction for each in old(TEXTS)]
    before, after = old.bundle.manifest, new.bundle.manifest
    assert before.model_dump(exclude={"format_version", "digest"}) == after.model_dump(
        exclude={"format_version", "digest"}
    )
    with pytest.raises(ConfigError, match="nothing to migrate"):
        migrate_bundle(tmp_path / "new", tmp_path / "newer", Reporter())


def test_texts_give_a_migrated_bundle_samples_for_drift(tmp_path: Path) -> None:
    rows = tmp_path / "texts.jsonl"
    rows.write_text("".join(json.dumps({"text": f"{text} {number}"}) + "\n" for text in TEXTS for number in range(8)))
    migrated = migrate_bundle(stored(2), tmp_path / "new", Reporter(), texts=str(rows))
    reference = parse_reference((tmp_path / "new" / file_names.REFERENCE).read_bytes())
    assert migrated.reference_texts == reference.texts == 12  # every second text makes the profile
    assert reference.profile is not None
    assert reference.profile.words is None, "the stored bundle has no hashes of its training texts"
    assert sum(reference.predicted_counts.values()) == 12


def test_a_damaged_bundle_is_not_migrated(tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(stored(2), tmp_path / "damaged"))
    (damaged / "golden.jsonl").write_text("{}\n")
    with pytest.raises(BundleInvalid):
        migrate_bundle(damaged, tmp_path / "new", Reporter())
    assert not (tmp_path / "new").exists()


def test_a_bundle_is_not_migrated_onto_itself(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(stored(2), tmp_path / "bundle"))
    with pytest.raises(ConfigError, match="a folder of its own"):
        migrate_bundle(folder, folder, Reporter(), overwrite=True)
    assert read_bundle(folder).manifest.format_version == 2


def test_format_1_is_refused_by_its_number(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(stored(2), tmp_path / "bundle"))
    manifest = folder / file_names.MANIFEST
    manifest.write_text(manifest.read_text().replace('"format_version": 2', '"format_version": 1', 1))
    with pytest.raises(BundleVersionUnsupported, match="format version"):
        migrate_bundle(folder, tmp_path / "new", Reporter())
