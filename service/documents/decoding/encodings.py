"""How the bytes of a file become text: the encoding found in its first bytes, and a decoder that hides nothing.

The rule, in order: the encoding that the caller names; a byte-order mark (UTF-8, UTF-16, UTF-32); UTF-8, where the
sample is UTF-8 or mostly is (bytes that are not UTF-8 then fail their own row); windows-1252, where the sample reads as
Western text in it, and then the user is told that it was a guess. Anything else is refused rather than turned into
mojibake.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from glossator.service.errors import ConfigError, UndecodableFile, UndecodableText

BYTE_ORDER_MARKS = {  # the longer marks first: UTF-32's begins as UTF-16's does
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

GUESS = "windows-1252"

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
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
}

_WAYS_OUT = {
    b"\x1f\x8b": "Let its name end in .gz (notes.csv.gz), or say --input-format csv.gz (format='csv.gz' in Python).",
    b"PAR1": "Let its name end in .parquet, or say --input-format parquet (format='parquet' in Python).",
    b"PK\x03\x04": "Unpack it, or save the sheet or document as CSV or plain text.",
}


@dataclass(frozen=True, slots=True)
class Detected:
    """An encoding by its Python name, the length of the byte-order mark before the text, and how it was found."""

    encoding: str
    mark: int = 0
    note: str = ""


def detect(sample: bytes, name: str, *, whole: bool, asked: str | None = None) -> Detected:
    """The encoding of a file from its first bytes; `whole` says that the sample is all of it.

    Raises UndecodableFile for binary data and for text in an encoding that is neither marked, UTF-8 nor plausibly
    windows-1252, ConfigError for an encoding that Python does not know or that the byte-order mark contradicts.
    """
    if asked is not None:
        asked = _known(asked)
    refuse_signatures(sample, name)
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if sample.startswith(mark):
            _check_agreement(asked, encoding, name)
            return Detected(encoding, len(mark), "byte-order mark")
    if asked is not None:
        return Detected(asked)
    if b"\0" in sample:
        _refuse_nul(sample, name)
    good, bad = _count_lines(sample, whole=whole)
    if not bad:
        return Detected("utf-8")
    if good * 10 >= bad:  # chance alone makes Western text look like UTF-8 in far fewer lines than one in ten
        return Detected("utf-8", note="not in every line")
    if _is_western(sample):
        return Detected(GUESS, note="guessed")
    raise UndecodableFile(
        f"the encoding of {name} is not known",
        found=_first_bad_bytes(sample),
        expected="UTF-8, a byte-order mark, or Western text in windows-1252",
        hint="Name its encoding, for example encoding='shift_jis' or encoding='windows-1251', or save it as UTF-8.",
    )


def _known(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        "a".encode(encoding)  # refuses codecs that are no text encoding, such as zlib and hex
        codecs.getincrementaldecoder(encoding)
    except (LookupError, ValueError):
        raise ConfigError(
            "this encoding is not known",
            found=encoding,
            expected="the name of a text encoding that Python knows, such as utf-8, windows-1252 or shift_jis",
        ) from None
    return name


def _check_agreement(asked: str | None, marked: str, name: str) -> None:
    if asked is not None and asked.split("-")[:2] != marked.split("-")[:2]:
        raise ConfigError(
            f"{name} starts with a byte-order mark that contradicts the encoding asked for",
            found=f"encoding {asked}",
            expected=marked,
            hint="Leave the encoding out.",
        )


def refuse_signatures(sample: bytes, name: str) -> None:
    """Raises UndecodableFile, which says what it is, where the sample begins as a known binary format does."""
    for signature, what in _SIGNATURES.items():
        if sample.startswith(signature):
            raise UndecodableFile(
                f"{name} is {what}, not text",
                found=sample[:8],
                expected="text",
                hint=_WAYS_OUT.get(signature, "Convert it to text, CSV or JSON lines first."),
            )


def _refuse_nul(sample: bytes, name: str) -> None:
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    hint = "Name its encoding if it is text."
    if max(even, odd) > 10 * min(even, odd) and max(even, odd) * 4 > len(sample) // 2:
        guess = "utf-16-be" if even > odd else "utf-16-le"
        hint = f"It may be UTF-16 with no byte-order mark: say encoding='{guess}'."
    raise UndecodableFile(
        f"{name} is binary: it holds NUL bytes",
        found=f"a NUL at byte {sample.index(0)}",
        expected="text",
        hint=hint,
    )


def _count_lines(sample: bytes, *, whole: bool) -> tuple[int, int]:
    """Lines beyond ASCII that are UTF-8, and lines that are not. The cut end of a sample counts as neither."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=whole)
    except UnicodeDecodeError:
        pass
    else:
        return 0, 0
    lines = sample.split(b"\n")
    good = bad = 0
    for line in lines if whole or len(lines) == 1 else lines[:-1]:
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            good += 1
        except UnicodeDecodeError:
            bad += 1
    return good, max(bad, 1)


def _first_bad_bytes(sample: bytes) -> bytes:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return sample[max(0, error.start - 8) : error.start + 8]
    return sample[:16]


# Byte classes of windows-1252. Never in text: control characters, and the five bytes that it leaves undefined. Rare:
# the florin sign, daggers, per mille, circumflex and tilde standing alone, broken bar, pilcrow, soft hyphen and the
# like. An accented letter after another byte beyond ASCII, save after what may precede a word: quotation marks, dashes,
# inverted marks and the no-break space.
_NEVER = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\x81\x8d\x8f\x90\x9d]")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_RARE = re.compile(rb"[\x83\x86-\x89\x8b\x98\x9b\xa2\xa4-\xa6\xa8\xac\xad\xaf\xb6\xb8\xb9]")
_AFTER_ANOTHER = re.compile(
    rb"(?<=[\x80-\xff])(?<![\x84\x91\x93\x96\x97\xa0\xa1\xab\xbf])"
    rb"[\x8a\x8c\x8e\x9a\x9c\x9e\x9f\xaa\xb5\xba\xc0-\xd6\xd8-\xf6\xf8-\xff]"
)


def _is_western(sample: bytes) -> bool:
    """Whether the bytes read as Western text in windows-1252: few symbols that hardly occur in text, and accented
    letters that stand alone. Cyrillic, Arabic and Asian encodings, read in it, give runs of letters and symbols."""
    if _NEVER.search(sample):
        return False
    beyond = len(_BEYOND_ASCII.findall(sample))
    return len(_RARE.findall(sample)) * 10 <= beyond and len(_AFTER_ANOTHER.findall(sample)) * 5 <= beyond


# Undecodable bytes are carried through line splitting as lone surrogates U+DC00 + byte, which no decoded text can hold,
# so that one bad byte costs one row and not the file. Unlike Python's `surrogateescape` this also marks bytes under
# 0x80, which UTF-16 can fail on.
_MARK = "glossator.mark"


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_MARK, _mark)


def marking_decoder(encoding: str) -> codecs.IncrementalDecoder:
    """A decoder that never fails: each byte that it cannot decode becomes the lone surrogate U+DC00 + byte."""
    return codecs.getincrementaldecoder("utf-8" if encoding == "utf-8-sig" else encoding)(errors=_MARK)


def show_marks(text: str) -> str:
    r"""The text with the bytes that could not be decoded written as `\xNN`."""
    return re.sub("[\udc00-\udcff]", lambda mark: f"\\x{ord(mark[0]) - 0xDC00:02x}", text)


def undecodable(text: str, line: int, encoding: str) -> UndecodableText | None:
    """The error of a row that holds bytes which its encoding cannot decode, or None."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return UndecodableText(
            f"line {line}: bytes that are not {encoding}",
            found=show_marks(text[max(0, error.start - 40) : error.start + 40]),
            expected=f"{encoding} throughout, as in the rest of the file",
            hint="Mend the line, or name the encoding of the whole file, for example encoding='windows-1252'.",
        )
    return None
