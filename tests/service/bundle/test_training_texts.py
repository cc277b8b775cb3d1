"""`training_texts.bin`: what is written is read, and damage is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from glossator.modeling.training_texts import record_texts
from glossator.service.bundle import file_names
from glossator.service.bundle.training_texts import parse_training_texts, read_training_texts
from glossator.service.errors import BundleInvalid

TEXTS = ["Where is my  parcel?", "The refund is late", "where is my parcel?"]


def test_the_file_has_the_documented_form() -> None:
    data = record_texts(TEXTS).to_bytes()
    header, _, body = data.partition(b"\n")
    assert header == b'{"format_version": 1, "texts": 2, "signed": 2}'
    expected = sorted(
        int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        for text in ("where is my parcel?", "the refund is late")
    )
    assert np.frombuffer(body, "<u8", 2).tolist() == expected
    assert len(body) == 2 * (8 + 4 + 64)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_training_texts(tmp_path) is None
    written = record_texts(TEXTS, max_signed=1)
    (tmp_path / file_names.TRAINING_TEXTS).write_bytes(written.to_bytes())
    read = read_training_texts(tmp_path)
    assert read is not None
    assert read.hashes.tolist() == written.hashes.tolist()
    assert (read.numbers.tolist(), read.signatures.tolist()) == (written.numbers.tolist(), written.signatures.tolist())
    assert read.signatures.shape == (1, 64)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "not its header"),
        (lambda data: data[:-1], "bytes after the first line, expected 152"),
        (lambda data: data.replace(b'"format_version": 1', b'"format_version": 2'), "its format version is 2"),
        (lambda data: data.replace(b'"signed": 2', b'"signed": 3'), "does not say how many texts"),
        (lambda data: data.replace(b'"signed": 2', b'"signed": "2"'), "does not say how many texts"),
        (lambda data: data[:-152] + data[-144:-136] + data[-152:-144] + data[-136:], "not in ascending order"),
    ],
)
def test_damage_is_refused(damage: object, message: str) -> None:
    assert callable(damage)
    with pytest.raises(BundleInvalid, match="cannot be read") as caught:
        parse_training_texts(damage(record_texts(TEXTS).to_bytes()))
    assert message in str(caught.value)
    assert caught.value.faults[0].name == "training-texts-schema"
