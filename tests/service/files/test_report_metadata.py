"""The element that makes an HTML file a report of Glossator."""

from __future__ import annotations

from html import escape

import pytest

from glossator.service.files.report_metadata import HEAD_BYTES, MARKER, ReportMetadata, parse_report_metadata

ABOUT = ReportMetadata(kind="evaluation", title='A "title" <b>&amp; مرحبا', model="m", headline="accuracy 93.4 %")


def page(content: str, before: str = "") -> bytes:
    return f'<!DOCTYPE html><html><head>{before}<meta name="{MARKER}" content="{content}"></head></html>'.encode()


def test_metadata_is_read_back_as_it_was_written() -> None:
    assert parse_report_metadata(page(escape(ABOUT.to_json()))) == ABOUT


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff\xfe\x00<meta",
        b"<title>Another page</title>",
        page("no JSON"),
        page("[]"),
        page("[" * 5_000),
        page("{&quot;format_version&quot;: 1}"),
        page(escape(ABOUT.to_json()).replace("format_version&quot;: 1", "format_version&quot;: 2")),
        page(escape(ABOUT.to_json()).replace("evaluation", "advertisement")),
        page(escape(ABOUT.to_json()), before=" " * HEAD_BYTES),
    ],
)
def test_other_pages_are_no_reports(head: bytes) -> None:
    assert parse_report_metadata(head) is None
