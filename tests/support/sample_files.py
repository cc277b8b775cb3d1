"""A small valid file of each format, by name: seeds of random damage, and samples for readers."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
from datetime import datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from office_files import docx, epub, ods, ods_cell, odt, pdf, zipped

ROWS: list[dict[str, Any]] = [
    {
        "text": f'the "parcel" {number}, déjà vu,\nis late',
        "label": ["late", "lost"][number % 2],
        "price": Decimal(number) / 4,
        "when": datetime(2024, 1, 1 + number, 12, 30),
        "tags": ["a", None, f"b{number}"],
        "raw": bytes([0, number, 255]),
        "part": {"x": number, "y": None},
    }
    for number in range(6)
]
_CONLL = "-DOCSTART- -X- O O\n\nAnna NNP B-NP B-PER\nleft VBD O O\n\nParis NNP B-NP B-LOC\nis VBZ O O\nold JJ O O\n"
_MAIL = (
    b"From: =?utf-8?q?Gr=C3=BC=C3=9Fe?= <a@example.org>\r\nSubject: late\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="X"\r\n\r\n--X\r\n'
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"Caf=C3=A9 au lait\r\n--X\r\nContent-Type: text/html; charset=iso-8859-2\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nPHA+cGFjemthPC9wPg==\r\n--X--\r\n"
)
_PAGE = (
    "<!DOCTYPE html><html><head><meta charset='utf-8'><title>t</title><style>p{}</style></head><body><h1>Parcel</h1>"
    "<table><tr><td>one</td><td colspan='2'>two</td></tr></table><ul><li>a<li>b</ul><p>late &amp; lost</body></html>"
)
_RTF = rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 caf\'e9 \u8364?\par {\*\generator x;}late\tab lost}"
_TASKS = [
    {
        "id": number,
        "data": {"text": f"Anna left {number}"},
        "annotations": [{"result": [{"type": "choices", "value": {"choices": ["late"]}}]}],
    }
    for number in range(3)
]
_REQUEST = {"custom_id": "1", "method": "POST", "url": "/v1/models/m/predict", "body": {"text": "late"}}


def sample_files() -> dict[str, bytes]:
    """Return file names and contents."""
    simple = [{"text": row["text"], "label": row["label"], "n": n, "x": n / 3} for n, row in enumerate(ROWS)]
    table = pa.table({name: [row[name] for row in ROWS] for name in ROWS[0]})
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in simple).encode()
    comma = _delimited(",")
    paragraphs = "<w:p><w:r><w:t>late</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val='2'/></w:tcPr>"
    paragraphs += "<w:p><w:r><w:t>cell</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    files = {
        "a.txt": b"one parcel\nanother parcel\n",
        "a.csv": comma,
        "a.tsv": _delimited("\t"),
        "a.psv": _delimited("|"),
        "a.csv.gz": gzip.compress(comma, mtime=0),
        "a.jsonl": lines,
        "a.json": json.dumps(simple).encode(),
        "shaped.json": json.dumps({"meta": {"rows": simple}}).encode(),
        "tasks.json": json.dumps(_TASKS).encode(),
        "a.conll": _CONLL.encode(),
        "fast.txt": b"__label__late where is it\n__label__lost never came\n" * 3,
        "a.parquet": _parquet(table),
        "a.arrow": _arrow(table, stream=False),
        "stream.arrow": _arrow(table, stream=True),
        "a.xlsx": _workbook(),
        "a.ods": ods(
            f"<table:table-row>{ods_cell('text')}{ods_cell('label')}</table:table-row>"
            f"<table:table-row>{ods_cell('parcel')}{ods_cell('late')}</table:table-row>"
        ),
        "a.html": _PAGE.encode(),
        "a.docx": docx(paragraphs),
        "a.odt": odt("<text:h>late</text:h><text:p>a<text:s text:c='3'/>b<text:tab/>c</text:p>"),
        "a.epub": epub(f"<html><body>{'<p>late</p>' * 3}</body></html>"),
        "a.pdf": pdf("the parcel is late"),
        "a.rtf": _RTF,
        "a.eml": _MAIL,
        "a.mbox": b"From a@example.org Mon Jan  1 10:00:00 2024\n" + _MAIL.replace(b"\r\n", b"\n") + b"\n",
        "a.md": b"# late\n\nthe *parcel*\n",
    }
    some = {name: files[name] for name in ("a.csv", "a.jsonl", "a.html")}
    return files | {"a.zip": zipped(some), "a.tar.gz": _tar(some)}


OPENAI_BATCH = json.dumps(_REQUEST).encode() + b"\n"


def _delimited(delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["text", "label"])
    writer.writerows([row["text"], row["label"]] for row in ROWS)
    return text.getvalue().encode()


def _parquet(table: pa.Table) -> bytes:
    data = io.BytesIO()
    pq.write_table(table, data, row_group_size=3, compression="snappy")
    return data.getvalue()


def _arrow(table: pa.Table, *, stream: bool) -> bytes:
    data = io.BytesIO()
    open_writer = pa.ipc.new_stream if stream else pa.ipc.new_file
    with open_writer(data, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    return data.getvalue()


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["text", "label", "when"])
    for row in ROWS:
        book.active.append([row["text"], row["label"], row["when"]])
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def _tar(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return data.getvalue()
