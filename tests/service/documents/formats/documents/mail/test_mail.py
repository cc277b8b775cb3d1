from __future__ import annotations

import base64
from collections.abc import Callable
from email.message import EmailMessage

import pytest

from glossator.service.documents.formats.documents.mail.body import join_flowed
from glossator.service.documents.formats.documents.mail.headers import decode_header
from glossator.service.documents.record import Record

Read = Callable[..., list[Record]]
TextOf = Callable[..., str]
Decisions = Callable[..., list[str]]
FRENCH = "Très déçu, mon colis est cassé"
POLISH = "Paczka się spóźnia, żądam zwrotu pieniędzy"


def mail(*lines: str, body: bytes = b"", headers: bytes = b"From: a@example.org\r\nSubject: late\r\n") -> bytes:
    """Return a mail with these header lines after From and Subject."""
    return headers + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def parts(kind: str, *each: bytes) -> bytes:
    """Return a mail of several parts, each with its own headers."""
    body = b"".join(b"--X\r\n" + part + b"\r\n" for part in each) + b"--X--\r\n"
    return mail("MIME-Version: 1.0", f"Content-Type: multipart/{kind}; boundary=X", body=body)


def part(kind: str, text: str, *lines: str, codec: str = "utf-8") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"Content-Type: {kind}", *lines, "")).encode() + text.encode(codec)


@pytest.mark.parametrize("kind", ["plain", "html", "both"])
def test_a_mail_gives_its_text_headers_and_the_names_of_attachments(read: Read, kind: str) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Größe", "a@example.org", "b@example.org"
    if kind != "html":
        message.set_content("Where is my parcel?\n")
    if kind == "html":
        message.set_content("<p>Where is my <i>parcel</i>?</p>", subtype="html")
    if kind == "both":
        message.add_alternative("<p>other</p>", subtype="html")
        message.add_attachment(b"\0\1", maintype="application", subtype="octet-stream", filename="größe.bin")
        message.add_attachment("not text of the mail", filename="log.txt")
    (record,) = read("a.eml", bytes(message))
    assert record.fields == {
        "text": "Where is my parcel?",
        "subject": "Größe",
        "from": "a@example.org",
        "to": "b@example.org",
        "date": None,
        "attachments": "größe.bin, log.txt" if kind == "both" else None,
    }


@pytest.mark.parametrize(
    ("charset", "codec", "text"),
    [
        ("iso-8859-2", "iso8859-2", POLISH),
        ("gb2312", "gbk", "包裹镕迟到了"),
        ("ISO-8859-1", "cp1252", "20 €, “merci”"),
        ("ks_c_5601-1987", "cp949", "내 소포는 어디에 있나요"),
        ("koi8-r", "koi8-r", "Посылка опаздывает"),
        ('"utf-8"', "utf-8", POLISH),
    ],
)
def test_the_declared_charset_is_read_with_its_superset(text_of: TextOf, charset: str, codec: str, text: str) -> None:
    data = mail(
        f"Content-Type: text/plain; charset={charset}", "Content-Transfer-Encoding: 8bit", body=text.encode(codec)
    )
    assert text_of("a.eml", data) == text


def test_a_body_without_a_charset_is_utf8_if_it_is_valid(text_of: TextOf, decisions_of: Decisions) -> None:
    data = mail("Content-Type: text/plain", "Content-Transfer-Encoding: 8bit", body=FRENCH.encode())
    assert text_of("a.eml", data) == FRENCH
    assert decisions_of("a.eml", data) == []


def test_a_body_without_a_charset_is_guessed_and_reported(text_of: TextOf, decisions_of: Decisions) -> None:
    data = mail("Content-Type: text/plain", "Content-Transfer-Encoding: 8bit", body=POLISH.encode("iso8859-2"))
    assert text_of("a.eml", data) == POLISH
    (message,) = decisions_of("a.eml", data)
    assert message.startswith("encoding: iso-8859-2 (guessed) (not UTF-8; confidence ")
    short = mail("Content-Transfer-Encoding: 8bit", body="Šárka".encode("cp1250"))
    assert text_of("a.eml", short, encoding="windows-1250") == "Šárka"


@pytest.mark.parametrize("charset", ["x-unknown", "us-ascii"])
def test_a_charset_that_is_unknown_or_wrong_is_detected_and_ascii_stays(text_of: TextOf, charset: str) -> None:
    head = f"Content-Type: text/plain; charset={charset}"
    assert text_of("a.eml", mail(head, body=b"Where is my parcel?")) == "Where is my parcel?"
    assert text_of("a.eml", mail(head, "Content-Transfer-Encoding: 8bit", body=FRENCH.encode())) == FRENCH


def test_bytes_that_are_not_in_the_declared_charset_are_an_error(read: Read) -> None:
    data = mail("Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", body=b"caf\xe9")
    (record,) = read("a.eml", data)
    assert record.error is not None
    assert "declares the encoding utf-8" in record.error.message
    assert record.fields == {}


def test_all_inline_text_parts_are_read_in_order(text_of: TextOf) -> None:
    data = parts(
        "mixed",
        part("text/plain", "First part."),
        part("text/html; charset=utf-8", f"<p>{FRENCH}</p>"),
        part("text/plain", "attached", "Content-Disposition: attachment; filename=a.txt"),
        part("image/png", "x", "Content-Disposition: inline; filename=p.png"),
        part("text/plain", "Last part.", "Content-Disposition: inline"),
    )
    assert text_of("a.eml", data) == f"First part.\n\n{FRENCH}\n\nLast part."


@pytest.mark.parametrize(
    "plain",
    ["", " \r\n", "Your client does not support HTML mails.", "Please view this mail in your browser.",
     "Ihr Programm kann HTML nicht darstellen."],
)  # fmt: skip
def test_the_html_text_is_read_if_the_plain_text_is_blank_or_a_stub(text_of: TextOf, plain: str) -> None:
    data = parts("alternative", part("text/plain", plain), part("text/html", "<p>Where is my parcel?</p>"))
    assert text_of("a.eml", data) == "Where is my parcel?"


def test_the_plain_text_of_alternatives_is_preferred(text_of: TextOf) -> None:
    data = parts("alternative", part("text/plain", "plain words"), part("text/html", "<p>html words</p>"))
    assert text_of("a.eml", data) == "plain words"


def test_a_forwarded_mail_is_text_and_an_attached_one_is_not(read: Read) -> None:
    forwarded = "Subject: inner\r\n\r\nThe inner text."
    inline = parts("mixed", part("text/plain", "See below."), part("message/rfc822", forwarded))
    (record,) = read("a.eml", inline)
    assert record.fields["text"] == "See below.\n\nThe inner text."
    attached = part("message/rfc822", forwarded, "Content-Disposition: attachment; filename=inner.eml")
    (record,) = read("a.eml", parts("mixed", part("text/plain", "See below."), attached))
    assert (record.fields["text"], record.fields["attachments"]) == ("See below.", "inner.eml")


def test_a_mail_of_attachments_only_is_an_error_that_names_them(read: Read) -> None:
    (record,) = read("a.eml", parts("encrypted", part("application/pgp-encrypted", "Version: 1")))
    assert record.error is not None
    assert record.error.message.endswith("a.eml has no text, only attachments")
    assert record.error.found == "application/pgp-encrypted"


def test_transfer_encodings_are_decoded(text_of: TextOf) -> None:
    head = "Content-Type: text/plain; charset=utf-8"
    quoted = mail(head, "Content-Transfer-Encoding: quoted-printable", body=b"Tr=C3=A8s d=C3=A9=\r\n=C3=A7u, 1=1")
    assert text_of("a.eml", quoted) == "Très déçu, 1=1"
    encoded = base64.encodebytes(FRENCH.encode())
    assert text_of("a.eml", mail(head, "Content-Transfer-Encoding: base64", body=encoded)) == FRENCH


@pytest.mark.parametrize("damaged", [b"VHLDqHMgZMOp=", b"VHLDqHMgZM", b"VHLDqHMgZMOp\r\n_____\r\nfooter"])
def test_damaged_base64_is_an_error(read: Read, damaged: bytes) -> None:
    head = "Content-Type: text/plain; charset=utf-8"
    (record,) = read("a.eml", mail(head, "Content-Transfer-Encoding: base64", body=damaged))
    assert record.error is not None


def test_broken_headers_are_text_not_a_failure(read: Read) -> None:
    (record,) = read("a.eml", mail(headers=b"From: :;<\r\nTo: <<>,@\r\nSubject: =?utf-8?b?!!?=\r\n", body=b"text"))
    assert record.error is None
    assert (record.fields["from"], record.fields["text"]) == (":;<", "text")
    assert record.fields["subject"] == "=?utf-8?b?!!?="


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("=?utf-8?q?Gr=C3=B6=C3=9Fe_XL?=", "Größe XL"),
        ("=?utf-8?B?R3LDtg==?=\r\n =?utf-8?B?w59l?= now", "Größe now"),
        ("=?utf-8?b?R3LD?= =?utf-8?b?tsOfZQ==?=", "Größe"),  # a character split between two words
        ("=?gb2312?B?sPy5/OlGs9k=?=", "包裹镕迟"),
        ("=?iso-8859-1?q?=80_20?=", "€ 20"),
        ("a =?x-unknown?q?b?= c", "a b c"),
        ("Re: folded\r\n line", "Re: folded line"),
        ("plain =?not an encoded word?=", "plain =?not an encoded word?="),
    ],
)
def test_encoded_words_of_headers_are_decoded(header: str, text: str) -> None:
    assert decode_header(header, "the header", []) == text


def test_raw_bytes_in_a_header_are_decoded(read: Read) -> None:
    (record,) = read("a.eml", mail(headers="Subject: Größe\r\n".encode(), body=b"text"))
    assert record.fields["subject"] == "Größe"


def test_a_header_in_a_guessed_encoding_is_reported(decisions_of: Decisions) -> None:
    data = mail(headers="Subject: Paczka się spóźnia, żądam zwrotu\r\n".encode("cp1250"), body=b"text")
    (message,) = decisions_of("a.eml", data)
    assert message.startswith("encoding of a header: windows-1250 (guessed)")


@pytest.mark.parametrize(
    ("flowed", "joined"),
    [
        ("Where is \nmy parcel?\nNew paragraph", "Where is my parcel?\nNew paragraph"),
        ("> quoted \n> on\nreply", "> quoted on\nreply"),
        (">> deep \n> less", ">> deep \n> less"),
        (" stuffed\n-- \nAda", "stuffed\n-- \nAda"),
        ("", ""),
    ],
)
def test_flowed_lines_are_joined(flowed: str, joined: str) -> None:
    assert join_flowed(flowed) == joined


def test_format_flowed_is_applied_to_a_mail(text_of: TextOf) -> None:
    data = mail('Content-Type: text/plain; format="flowed"; delsp=yes', body=b"par \r\ncel\r\n")
    assert text_of("a.eml", data) == "parcel"


def test_the_charset_of_an_html_part_may_be_in_its_markup(text_of: TextOf) -> None:
    page = f'<meta charset="iso-8859-2"><p>{POLISH}</p>'
    data = mail("Content-Type: text/html", "Content-Transfer-Encoding: 8bit", body=page.encode("iso8859-2"))
    assert text_of("a.eml", data) == POLISH


def test_parts_without_a_boundary_are_an_error(read: Read) -> None:
    (record,) = read("a.eml", mail("Content-Type: multipart/mixed", body=b"--X\r\n\r\ntext"))
    assert record.error is not None
    assert record.error.message.endswith("a.eml is damaged: its parts are not separated")


def test_a_file_without_headers_is_no_mail(read: Read) -> None:
    (record,) = read("a.eml", b"\r\njust text\r\n")
    assert record.error is not None
    assert "is not a mail" in record.error.message
