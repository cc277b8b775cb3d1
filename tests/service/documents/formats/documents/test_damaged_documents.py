"""Each reader of documents on a few hundred damaged files: rows, or a row with an error; never another exception."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import InputError

FOLDER = Path(__file__).parent
MUTANTS = 300


def helpers(name: str) -> ModuleType:
    """Return a test module next to this one, which has the function that writes a document of its format."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def mail() -> bytes:
    return (
        b"From: =?utf-8?q?Gr=C3=BC=C3=9Fe?= <a@example.org>\r\nSubject: =?gb2312?B?sPy5/A==?=\r\nDate: x\r\n"
        b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="X"\r\n\r\n--X\r\n'
        b"Content-Type: text/plain; charset=utf-8; format=flowed\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"Caf=C3=A9 \r\nau lait\r\n--X\r\nContent-Type: text/html; charset=iso-8859-2\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\nPHA+cGFjemthPC9wPg==\r\n--X--\r\n"
    )


def documents() -> dict[str, bytes]:
    cell = "<table:table-cell><text:p>x</text:p></table:table-cell>"
    return {
        "pdf": helpers("test_pdf_and_text").pdf(["some text", "more"]),
        "docx": helpers("word/test_word").word("<w:p><w:r><w:t>some text</w:t></w:r></w:p>"),
        "odt": helpers("test_open_document").odt(f"<text:p>some text</text:p><table:table>{cell}</table:table>"),
        "epub": helpers("test_epub").epub(),
        "rtf": helpers("test_rtf").rtf(rb"{\fonttbl{\f0\fcharset238 A;}}\f0 si\'ea\par\u8364?\trowd a\cell\row"),
        "html": b'<meta charset="iso-8859-2"><p>some <b>text</b><table><tr><td>a<td>b</table><ol start=2><li>x</ol>',
        "eml": mail(),
        "mbox": b"From a@example.org Mon Nov  2 10:00:00 2026\n" + mail().replace(b"\r", b"") + b"\n",
        "md": "# Größe\n\n* text\n".encode(),
        "log": "2026-11-02 größer\nline\n".encode("cp1252"),
    }


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return the data with some bytes changed, removed, repeated or cut off at the end."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        place = chance.randrange(len(changed))
        kind = chance.randrange(5)
        if kind == 0:
            changed[place] = chance.randrange(256)
        elif kind == 1:
            del changed[place : place + chance.randrange(1, 40)]
        elif kind == 2:
            changed[place:place] = changed[place : place + chance.randrange(1, 40)] * chance.randrange(1, 4)
        elif kind == 3:
            changed[place:place] = bytes(chance.choice((b"<", b"&#xD800;", b"\0", b"{\\u", b"=?", b"\xff\xfe", b"]]>")))
        elif chance.random() < 0.3:
            del changed[place:]
        if not changed:
            return b"\n"
    return bytes(changed)


@pytest.mark.parametrize("suffix", documents())
def test_a_damaged_document_gives_rows_or_a_row_with_an_error(tmp_path: Path, suffix: str) -> None:
    data = documents()[suffix]
    chance = random.Random(suffix)
    path = tmp_path / f"damaged.{suffix}"
    for _ in range(MUTANTS):
        path.write_bytes(mutate(data, chance))
        try:
            with open_reader(path) as source:
                source.decisions()
                records = list(source.records())
        except InputError:
            continue  # a text file whose encoding is not certain
        assert records
        for record in records:
            assert record.error is None or isinstance(record.error, InputError)
            assert "\ufffd" not in str(record.fields.get("text", ""))
            str(record.fields.get("text", "")).encode("utf-8")
