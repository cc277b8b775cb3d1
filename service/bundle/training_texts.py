"""`training_texts.bin`: hashes and signatures of the texts that a model was trained on.

With them, an evaluation finds rows that the model has seen. docs/bundle.md documents the format and what it reveals.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle import file_names
from glossator.service.errors import BundleInvalid, Fault
from glossator.service.files.open_folder import OpenFolder

FORMAT_VERSION = 1
SIGNATURE_BYTES = 64
_MAX_HEADER_BYTES = 1_000
_MAX_BYTES = 8 * 2**30


@dataclass(frozen=True, slots=True, eq=False)
class TrainingTexts:
    """Hashes of distinct texts, ascending, and the signatures of the first of them.

    `hashes` `(texts,)` uint64. `numbers` `(signed,)` uint32 and `signatures` `(signed, SIGNATURE_BYTES)` uint8 belong
    to the first `signed` hashes.
    """

    hashes: NDArray[np.uint64]
    numbers: NDArray[np.uint32]
    signatures: NDArray[np.uint8]

    def to_bytes(self) -> bytes:
        """Return the content of the file: one line of JSON, then the three arrays in little-endian order."""
        header = {"format_version": FORMAT_VERSION, "texts": len(self.hashes), "signed": len(self.numbers)}
        arrays = (self.hashes.astype("<u8"), self.numbers.astype("<u4"), self.signatures)
        return json.dumps(header).encode("ascii") + b"\n" + b"".join(each.tobytes() for each in arrays)


def parse_training_texts(data: bytes) -> TrainingTexts:
    """Return the hashes in the bytes of a `training_texts.bin`; raises BundleInvalid."""
    line, _, body = data.partition(b"\n")
    try:
        header = json.loads(line[:_MAX_HEADER_BYTES])
        version, texts, signed = (header[name] for name in ("format_version", "texts", "signed"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _invalid(f"the first line is not its header: {error}") from None
    if version != FORMAT_VERSION:
        raise _invalid(f"its format version is {version}, this version of Glossator reads {FORMAT_VERSION}")
    if type(texts) is not int or type(signed) is not int or not 0 <= signed <= texts:
        raise _invalid("its header does not say how many texts it has")
    sizes = (8 * texts, 4 * signed, SIGNATURE_BYTES * signed)
    if len(body) != sum(sizes):
        raise _invalid(f"{len(body)} bytes after the first line, expected {sum(sizes)}")
    hashes = np.frombuffer(body, "<u8", texts)
    if (hashes[1:] <= hashes[:-1]).any():
        raise _invalid("its hashes are not in ascending order")
    numbers = np.frombuffer(body, "<u4", signed, offset=sizes[0])
    signatures = np.frombuffer(body, np.uint8, sizes[2], offset=sizes[0] + sizes[1])
    return TrainingTexts(hashes, numbers, signatures.reshape(signed, SIGNATURE_BYTES))


def read_training_texts(folder: Path) -> TrainingTexts | None:
    """Return the hashes in a checkpoint or a bundle; None if it has none. Raises BundleInvalid."""
    try:
        with OpenFolder(folder) as opened:
            return parse_training_texts(opened.read(file_names.TRAINING_TEXTS, max_bytes=_MAX_BYTES))
    except FileNotFoundError:
        return None


def _invalid(what: str) -> BundleInvalid:
    fault = Fault("training-texts-schema", what, file_names.TRAINING_TEXTS)
    return BundleInvalid("the hashes of the training texts cannot be read", faults=[fault])
