"""A bundle of votes with a reference to measure drift against."""

from __future__ import annotations

import random
from pathlib import Path

from glossator.modeling.reference_distributions import make_reference, profile_of, sample_reference
from glossator.service.bundle import file_names
from glossator.service.bundle.reader import read_manifest
from glossator.service.bundle.writer import list_files, write_manifest
from glossator.service.inference.model import load
from tests.support.vote_bundle import LABELS, vote_bundle

WORDS = ["money", "parcel", "thanks", "the"]


def sampled_bundle(path: Path, *, texts: int = 1_000) -> Path:
    """A bundle of votes whose reference texts are `usual_texts`."""
    vote_bundle(path, "single_label_classification")
    model = load(path, threads=1)
    reference = make_reference(0, dict.fromkeys(LABELS, 0), [1], [0.5])
    reference = reference.model_copy(update={"profile": profile_of(usual_texts(500, seed=1))})
    reference_texts = usual_texts(texts, seed=2)
    sampled = sample_reference(reference, reference_texts, model.predict(reference_texts), model.task)
    (path / file_names.REFERENCE).write_bytes(sampled.to_bytes())
    write_manifest(path, read_manifest(path).model_copy(update={"files": list_files(path)}))
    return path


def usual_texts(count: int, *, seed: int) -> list[str]:
    """Texts of one to eight words that vote for a label, or for none."""
    generator = random.Random(seed)
    return [" ".join(generator.choices(WORDS, weights=(5, 3, 1, 4), k=generator.randint(1, 8))) for _ in range(count)]


def other_texts(count: int, *, seed: int) -> list[str]:
    """Longer texts in another language."""
    generator = random.Random(seed)
    words = ["paket", "geld", "danke", "wo", "ist", "mein", "überweisung"]
    return [" ".join(generator.choices(words, k=generator.randint(5, 12))) for _ in range(count)]
