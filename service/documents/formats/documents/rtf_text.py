"""The text of a Rich Text Format document (RTF 1.9.1), as a word processor shows it.

Deleted and hidden text, the code of fields, pictures and tables of fonts or styles are not text. Bytes are decoded
strictly, in the code page of their font or of the document.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace

from glossator.service.errors import UndecodableFile, UndecodableText

_TOKEN = re.compile(
    rb"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?[0-9]{1,10})? ?|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<symbol>[^a-zA-Z])"
    rb"|(?P<brace>[{}])|(?P<lines>[\r\n]+)|(?P<text>[^\\{}\r\n]+)",
    re.DOTALL,
)
_CHARACTERS = {
    b"par": "\n", b"line": "\n", b"sect": "\n", b"page": "\n", b"column": "\n", b"row": "\n", b"nestrow": "\n",
    b"tab": "\t", b"cell": "\t", b"nestcell": "\t", b"emdash": "—", b"endash": "\u2013", b"emspace": "\u2003",
    b"enspace": "\u2002", b"qmspace": "\u2005", b"bullet": "•", b"lquote": "\u2018", b"rquote": "\u2019",
    b"ldblquote": "“",
    b"rdblquote": "”", b"zwj": "\u200d", b"zwnj": "\u200c",
}  # fmt: skip
_SYMBOLS = {b"~": "\xa0", b"_": "\u2011", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n", b"\t": "\t"}
_SKIPPED = frozenset([
    b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"fldinst", b"nonshppict", b"shprslt", b"sp", b"upr",
    b"xe", b"tc", b"rxe", b"txe", b"private", b"nonesttables", b"objdata", b"filetbl", b"revtbl", b"listtable",
    b"listoverridetable", b"atnid", b"atnauthor", b"ftnsep", b"ftnsepc", b"ftncn", b"aftnsep", b"aftnsepc", b"aftncn",
    b"template", b"bkmkstart", b"bkmkend", b"background",
])  # fmt: skip
_SHOWN_EXTENSIONS = frozenset([b"shpinst", b"shptxt", b"ud", b"nesttableprops"])
"""Destinations that are shown although older programs ignore them."""
_STORIES = {b"header": 0, b"headerl": 0, b"headerr": 0, b"headerf": 0, b"footnote": 2, b"footer": 3, b"footerl": 3,
            b"footerr": 3, b"footerf": 3}  # fmt: skip
_BODY = 1
_WESTERN = "windows-1252"
_CODE_PAGES = {
    0: _WESTERN, 77: "mac-roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "cp950",
    161: "windows-1253", 162: "windows-1254", 163: "windows-1258", 177: "windows-1255", 178: "windows-1256",
    186: "windows-1257", 204: "windows-1251", 222: "cp874", 238: "windows-1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
"""Code pages by the character set of a font."""
_MAX_DEPTH = 10_000


@dataclass(frozen=True, slots=True)
class _Group:
    """What a group inherits from the one around it."""

    skipped: bool = False
    hidden: bool = False
    story: int = _BODY
    font: int | None = None
    fallback: int = 1
    """Bytes after a Unicode character that repeat it for older programs."""
    in_fonts: bool = False


@dataclass(frozen=True, slots=True)
class RtfText:
    """The text, and which code pages are not certain."""

    text: str
    assumed: bool = False
    """Whether characters beyond ASCII were decoded although no code page is declared."""
    contradicted_by: str = ""
    """The code page of the document, if a Western font decided otherwise; empty if they agree."""


def rtf_text(data: bytes, name: str, *, code_page: str | None = None) -> RtfText:
    """Return the text of a document.

    Args:
        data: The document.
        name: The document in errors.
        code_page: The encoding if the document declares none; by default windows-1252.

    Raises:
        UndecodableFile: The document is damaged or truncated.
        UndecodableText: Bytes are not in their code page.
    """
    if not data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{\\rtf"):
        raise UndecodableFile(f"{name} is not RTF", found=data[:10].decode("ascii", "backslashreplace"), expected="RTF")
    reader = _Reader(name, code_page)
    reader.read(data)
    return RtfText(reader.text(), reader.assumed, reader.contradicted_by)


class _Reader:
    def __init__(self, name: str, code_page: str | None) -> None:
        self._name = name
        self._requested = code_page
        self._code_page = code_page or _WESTERN
        self._declared = False
        self.assumed = False
        self.contradicted_by = ""
        self._group = _Group()
        self._outer: list[_Group] = []
        self._fonts: dict[int | None, int] = {}
        self._default_font: int | None = None
        self._stories: list[list[str]] = [[], [], [], []]
        self._bytes = bytearray()
        self._units: list[int] = []
        """UTF-16 units of Unicode characters that have not been written yet."""
        self._to_skip = 0

    def text(self) -> str:
        stories = ["".join(parts) for parts in self._stories]
        lines = [line.rstrip("\t") for story in stories if story.strip() for line in story.strip("\n").split("\n")]
        return "\n".join(lines)

    def read(self, data: bytes) -> None:
        place, started = 0, False
        while place < len(data) and not (started and not self._outer):
            token = _TOKEN.match(data, place)
            if token is None:  # a backslash at the end
                break
            place = token.end()
            kind = token.lastgroup
            if kind == "brace":
                started = True
                self._brace(token["brace"])
            elif token["word"] is not None:
                number = None if token["number"] is None else int(token["number"])
                if token["word"] == b"bin":
                    place += max(0, number or 0)
                else:
                    extension = data[max(0, token.start() - 2) : token.start()] == b"\\*"
                    self._word(token["word"], number, extension=extension)
            elif kind == "hex":
                self._add_bytes(bytes.fromhex(token["hex"].decode()))
            elif kind == "symbol":
                self._add_text(_SYMBOLS.get(token["symbol"], ""))
            elif kind == "text":
                self._add_bytes(token["text"])
        if self._outer or not started:
            raise UndecodableFile(
                f"{self._name} is truncated: {len(self._outer)} groups are not closed",
                expected="a complete RTF document",
                hint="Copy the file again.",
            )
        self._flush()

    def _brace(self, brace: bytes) -> None:
        self._flush()
        self._to_skip = 0
        if brace == b"{":
            if len(self._outer) >= _MAX_DEPTH:
                raise UndecodableFile(f"{self._name} has groups nested more than {_MAX_DEPTH:,} levels deep")
            self._outer.append(self._group)
        elif self._outer:
            self._group = self._outer.pop()

    def _word(self, word: bytes, number: int | None, *, extension: bool) -> None:
        if word == b"u" and number is not None:
            self._flush_bytes()
            if not self._group.skipped and not self._group.hidden:
                self._units.append(number & 0xFFFF)
            self._to_skip = self._group.fallback
            return
        self._flush()
        self._to_skip = 0
        if word in _CHARACTERS:
            self._add_text(_CHARACTERS[word])
        elif extension and word not in _SHOWN_EXTENSIONS:
            self._group = replace(self._group, skipped=True)
        elif word == b"ud":
            self._group = replace(self._group, skipped=False)
        elif word in _SKIPPED:
            self._group = replace(self._group, skipped=True, in_fonts=word == b"fonttbl" or self._group.in_fonts)
        elif word in _STORIES:
            self._group = replace(self._group, story=_STORIES[word])
            self._end_line()
        elif word in (b"v", b"deleted"):
            self._group = replace(self._group, hidden=number != 0)
        elif word == b"plain":
            self._group = replace(self._group, hidden=False, font=self._default_font)
        elif word == b"uc":
            self._group = replace(self._group, fallback=max(0, number or 0))
        else:
            self._code_page_word(word, number)

    def _code_page_word(self, word: bytes, number: int | None) -> None:
        if word == b"f":
            self._group = replace(self._group, font=number)
        elif word == b"deff":
            self._default_font = number
        elif word == b"fcharset" and self._group.in_fonts and number is not None:
            self._fonts[self._group.font] = number
        elif word in (b"ansicpg", b"mac", b"pc", b"pca"):
            pages = {b"mac": "mac-roman", b"pc": "cp437", b"pca": "cp850"}
            page = pages.get(word) or ("utf-8" if number == 65001 else f"cp{number}")
            try:
                codecs.lookup(page)
            except LookupError:
                return
            self._code_page, self._declared = page, True

    def _add_bytes(self, data: bytes) -> None:
        skipped = min(self._to_skip, len(data))
        self._to_skip -= skipped
        data = data[skipped:]
        if data and not self._group.skipped and not self._group.hidden:
            self._flush_units()
            self._bytes += data

    def _add_text(self, text: str) -> None:
        self._flush()
        if text and not self._group.skipped and not self._group.hidden:
            self._stories[self._group.story].append(text)

    def _end_line(self) -> None:
        parts = self._stories[self._group.story]
        if parts and not parts[-1].endswith("\n"):
            parts.append("\n")

    def _flush(self) -> None:
        self._flush_bytes()
        self._flush_units()

    def _flush_units(self) -> None:
        if self._units:
            data = b"".join(unit.to_bytes(2, "little") for unit in self._units)
            self._units = []
            self._stories[self._group.story].append(self._decode(data, "utf-16-le"))

    def _flush_bytes(self) -> None:
        if self._bytes:
            data, self._bytes = bytes(self._bytes), bytearray()
            self._stories[self._group.story].append(self._decode(data, self._encoding(data)))

    def _encoding(self, data: bytes) -> str:
        font = self._group.font if self._group.font is not None else self._default_font
        page = _CODE_PAGES.get(self._fonts.get(font, 1))
        if page is None and not self._declared and not data.isascii() and self._requested is None:
            self.assumed = True
        if page == _WESTERN and self._declared and not data.isascii():
            other = data.decode(self._code_page, "replace")
            self.contradicted_by = self.contradicted_by or (
                self._code_page if data.decode(page, "replace") != other else ""
            )
        return page or self._code_page

    def _decode(self, data: bytes, encoding: str) -> str:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            raise UndecodableText(
                f"{self._name} contains bytes that are not in their code page",
                found=data[max(0, error.start - 20) : error.start + 20].decode("ascii", "backslashreplace"),
                expected=encoding,
                hint="Open it in a word processor and save it again.",
            ) from None
