"""Detects the encoding of a file from its first bytes, and decodes without hiding errors.

The rules, in order:

1. the encoding that the caller names;
2. a byte-order mark (UTF-8, UTF-16, UTF-32);
3. UTF-8, if the sample is UTF-8 or mostly UTF-8: rows with other bytes then carry an error;
4. a legacy encoding that is guessed from the text (`legacy_detection`); the user sees the guess and its confidence.

A guess below `legacy_detection.MIN_CONFIDENCE` is refused: wrong characters are worse than an error.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from glossator.service.documents.decision import Decision
from glossator.service.documents.decoding.encoding_labels import find_codec
from glossator.service.documents.decoding.legacy_detection import (
    ESCAPING_ENCODINGS,
    MIN_CONFIDENCE,
    EncodingGuess,
    designates_characters,
    guess_encoding,
    has_escape_sequences,
)
from glossator.service.errors import ConfigError, UndecodableFile, UndecodableText

BYTE_ORDER_MARKS = {  # longer marks first: the mark of UTF-32-LE begins with that of UTF-16-LE
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

_NEEDS_MARK = {"utf-16": 2, "utf-32": 4}
"""Encodings whose byte order only a mark tells, and the bytes of a unit."""

GUESSED = "guessed"
NOT_IN_EVERY_LINE = "not in every line"

_SIGNATURES = {
    b"PK\x03\x04": "a ZIP archive (.zip, .xlsx, .docx and .ods are)",
    b"%PDF-": "a PDF document",
    b"\x1f\x8b": "gzip data",
    b"BZh91AY&SY": "bzip2 data",
    b"\xfd7zXZ\x00": "xz data",
    b"(\xb5/\xfd": "zstd data",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"PAR1": "a Parquet file",
    b"ARROW1\x00": "an Arrow file",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Office document (.xls, .doc)",
    b"SQLite format 3\x00": "an SQLite database",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
}

_HINTS = {
    b"\x1f\x8b": "Rename it to end in .gz (notes.csv.gz), or pass --input-format csv.gz (format='csv.gz' in Python).",
    b"PAR1": "Rename it to end in .parquet, or pass --input-format parquet (format='parquet' in Python).",
    b"PK\x03\x04": "Unpack it, or save the sheet or document as CSV or plain text.",
}


@dataclass(frozen=True, slots=True)
class DetectedEncoding:
    """An encoding by its Python name, the length of the byte-order mark in bytes, and how the encoding was found."""

    encoding: str
    bom_length: int = 0
    note: str = ""
    guess: EncodingGuess | None = None

    def decisions(self) -> list[Decision]:
        """Return the decision for a guessed encoding; none if the encoding is certain."""
        if self.note == NOT_IN_EVERY_LINE:
            why = "most lines with characters beyond ASCII are UTF-8; the others carry an error"
            return [Decision("encoding", self.encoding, why, option="--encoding")]
        if self.guess is None:
            return []
        why = f"not UTF-8; confidence {self.guess.confidence:.2f}"
        return [Decision("encoding", self.encoding, why, self.guess.runner_up, "--encoding", guessed=True)]


def detect_encoding(sample: bytes, name: str, *, complete: bool, requested: str | None = None) -> DetectedEncoding:
    """Return the encoding of a file.

    Args:
        sample: The first bytes of the file.
        name: The name of the file in errors.
        complete: Whether the sample is the complete file.
        requested: The encoding that the caller names.

    Raises:
        UndecodableFile: The data are binary, or in an encoding that the rules above do not find, or the requested
            encoding needs a byte-order mark.
        ConfigError: Python does not know the requested encoding, or the byte-order mark contradicts it.
    """
    if requested is not None:
        requested = _normalise(requested)
    refuse_binary_formats(sample, name)
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if sample.startswith(mark):
            _check_agreement(requested, encoding, name)
            return DetectedEncoding(encoding, len(mark), "byte-order mark")
    if requested is not None:
        _refuse_unknown_byte_order(sample, requested, name)
        return DetectedEncoding(requested)
    if b"\0" in sample:
        _refuse_nul(sample, name)
    valid, invalid = _count_lines(sample, complete=complete)
    if not invalid and not (sample.isascii() and has_escape_sequences(sample)):
        return DetectedEncoding("utf-8")
    if valid and valid * 10 >= invalid:  # far fewer than one in ten lines of other text look like UTF-8 by chance
        return DetectedEncoding("utf-8", note=NOT_IN_EVERY_LINE)
    guess = guess_encoding(sample, complete=complete)
    if not invalid and (guess is None or guess.encoding not in ESCAPING_ENCODINGS):
        if designates_characters(sample):
            raise _undetected(sample, name, None)
        return DetectedEncoding("utf-8")  # ASCII with escape sequences of another kind
    if guess is not None and guess.confidence >= MIN_CONFIDENCE:
        return DetectedEncoding(guess.encoding, note=GUESSED, guess=guess)
    raise _undetected(sample, name, guess)


def _undetected(sample: bytes, name: str, guess: EncodingGuess | None) -> UndecodableFile:
    if guess is None or not guess.runner_up:
        return UndecodableFile(
            f"the encoding of {name} could not be detected",
            found=_escape_bytes(_first_bad_bytes(sample)),
            expected="UTF-8, a byte-order mark, or text in an encoding that is in use",
            hint="Save it as UTF-8, or name its encoding: --encoding NAME (encoding='NAME' in Python).",
        )
    best, other = guess.excerpts
    return UndecodableFile(
        f"the encoding of {name} could not be detected: the best guess has a confidence of {guess.confidence:.2f}",
        found=f"“{best}” in {guess.encoding}, or “{other}” in {guess.runner_up}",
        expected=f"a confidence of at least {MIN_CONFIDENCE}",
        hint=f"Name the right one: --encoding {guess.encoding} or --encoding {guess.runner_up} (encoding in Python).",
    )


def _escape_bytes(data: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in data)


def _normalise(encoding: str) -> str:
    codec = find_codec(encoding)
    if codec is None:
        raise ConfigError(
            "unknown encoding",
            found=encoding,
            expected="a text encoding that Python knows, such as utf-8, windows-1252 or shift_jis",
        )
    return codec.name


def _refuse_unknown_byte_order(sample: bytes, requested: str, name: str) -> None:
    """Raise UndecodableFile for an encoding that needs a byte-order mark, in a file that has none."""
    size = _NEEDS_MARK.get(requested)
    if size is None or not sample:
        return
    order = "be" if sample[::size].count(0) > sample[size - 1 :: size].count(0) else "le"
    raise UndecodableFile(
        f"{name} has no byte-order mark, so {requested} does not say in which order its bytes are",
        found=_escape_bytes(sample[:8]),
        expected=f"a byte-order mark, {requested}-le or {requested}-be",
        hint=f"Name the byte order: --encoding {requested}-{order} (encoding='{requested}-{order}' in Python).",
    )


def _check_agreement(requested: str | None, marked: str, name: str) -> None:
    if requested is not None and requested.split("-")[:2] != marked.split("-")[:2]:
        raise ConfigError(
            f"{name} starts with a byte-order mark that contradicts the requested encoding",
            found=f"encoding {requested}",
            expected=marked,
            hint="Leave the encoding out.",
        )


def refuse_binary_formats(sample: bytes, name: str) -> None:
    """Raise UndecodableFile, which names the format, if the sample begins like a known binary format."""
    for signature, what in _SIGNATURES.items():
        if sample.startswith(signature):
            raise UndecodableFile(
                f"{name} is {what}, not text",
                found=_escape_bytes(sample[:8]),
                expected="text",
                hint=_HINTS.get(signature, "Convert it to text, CSV or JSON lines first."),
            )


def _refuse_nul(sample: bytes, name: str) -> None:
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    hint = "Name its encoding with --encoding if it is text."
    if max(even, odd) > 10 * min(even, odd) and max(even, odd) * 4 > len(sample) // 2:
        guess = "utf-16-be" if even > odd else "utf-16-le"
        hint = f"It may be UTF-16 without a byte-order mark: pass --encoding {guess} (encoding='{guess}' in Python)."
    raise UndecodableFile(
        f"{name} is binary: it contains NUL bytes",
        found=f"a NUL at byte {sample.index(0)}",
        expected="text",
        hint=hint,
    )


def _count_lines(sample: bytes, *, complete: bool) -> tuple[int, int]:
    """Return how many lines with non-ASCII bytes are valid UTF-8, and how many are not.

    The last line of an incomplete sample is not counted.
    """
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=complete)
    except UnicodeDecodeError:
        pass
    else:
        return 0, 0
    lines = sample.split(b"\n")
    valid = invalid = 0
    for line in lines if complete or len(lines) == 1 else lines[:-1]:
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            valid += 1
        except UnicodeDecodeError:
            invalid += 1
    return valid, max(invalid, 1)


def _first_bad_bytes(sample: bytes) -> bytes:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return sample[max(0, error.start - 8) : error.start + 8]
    return sample[:16]


# While text is split into lines, an undecodable byte is the lone surrogate U+DC00 + byte, which decoded text never
# contains: one invalid byte makes one row invalid, not the file. Python's `surrogateescape` does not accept bytes below
# 0x80, which UTF-16 can fail on.
_ERROR_HANDLER = "glossator.surrogates"


def _to_surrogates(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_ERROR_HANDLER, _to_surrogates)


def surrogate_decoder(encoding: str) -> codecs.IncrementalDecoder:
    """Return a decoder that never fails: each byte that it cannot decode becomes the lone surrogate U+DC00 + byte."""
    return codecs.getincrementaldecoder("utf-8" if encoding == "utf-8-sig" else encoding)(errors=_ERROR_HANDLER)


def escape_undecoded(text: str) -> str:
    r"""Return the text with the undecodable bytes written as `\xNN`."""
    return re.sub("[\udc00-\udcff]", lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)


def undecodable_error(text: str, line: int, encoding: str) -> UndecodableText | None:
    """Return the error of a row with bytes that its encoding cannot decode, or None."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return UndecodableText(
            f"line {line}: bytes that are not {encoding}",
            found=escape_undecoded(text[max(0, error.start - 40) : error.start + 40]),
            expected=f"{encoding} in every line",
            hint="Fix the line, or name the encoding of the file, for example --encoding windows-1252.",
        )
    return None
