from __future__ import annotations

from collections.abc import Callable

from glossator.service.documents.record import Record

Read = Callable[..., list[Record]]

SEPARATOR = b"From ada@example.org Mon Nov  2 10:00:00 2026\n"


def test_a_mailbox_has_one_row_per_mail(read: Read) -> None:
    one = b"Subject: one\n\nFirst text.\n>From here it is quoted.\nFrom now on this is text.\n\n"
    two = "Subject: =?utf-8?q?zwei?=\nContent-Transfer-Encoding: 8bit\n\nGrüße\n\n".encode()
    records = read("a.mbox", SEPARATOR + one + SEPARATOR + two)
    assert [record.line for record in records] == [1, 2]
    assert [(record.fields["subject"], record.fields["text"]) for record in records] == [
        ("one", "First text.\nFrom here it is quoted.\nFrom now on this is text."),
        ("zwei", "Grüße"),
    ]


def test_a_mail_that_cannot_be_decoded_is_an_error_of_its_row(read: Read) -> None:
    bad = b"Subject: x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\ncaf\xe9\n\n"
    records = read("a.mbox", SEPARATOR + bad + SEPARATOR + b"Subject: y\n\nfine\n")
    assert [record.error is None for record in records] == [False, True]
    assert "mail 1 of" in records[0].error.message  # type: ignore[union-attr]
    assert records[1].fields["text"] == "fine"


def test_a_file_that_is_no_mailbox_is_an_error(read: Read) -> None:
    (record,) = read("a.mbox", b"Subject: one mail\n\ntext\n")
    assert record.error is not None
    assert "is not a mailbox" in record.error.message
    (record,) = read("b.mbox", b"\n\n")
    assert record.error is not None
