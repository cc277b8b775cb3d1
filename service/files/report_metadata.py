"""What an HTML report says about itself: one `<meta>` element that makes the file a report of Glossator.

`<meta name="glossator-report" content="{...}">` is at the start of the page. Its content is JSON: the fields of
`ReportMetadata` and `format_version`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from html.parser import HTMLParser
from typing import Literal, get_args

from pydantic import TypeAdapter, ValidationError

MARKER = "glossator-report"
HEAD_BYTES = 16_384
"""The element is within the first bytes of the page, this many at most."""
_FORMAT_VERSION = 1

ReportKind = Literal[
    "evaluation",
    "comparison",
    "corpus",
    "selection",
    "learning curve",
    "speed",
    "retraining",
    "simulation",
    "entities",
    "evidence",
]
KINDS: tuple[ReportKind, ...] = get_args(ReportKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMetadata:
    """What a list of reports shows. All texts are plain; an empty one is not known.

    Attributes:
        created: ISO 8601, UTC.
        command: The command line that wrote the report.
        run: The id of the recorded run.
        headline: The most important number with its name, such as `accuracy 93.4 %`.
    """

    kind: ReportKind
    title: str
    model: str = ""
    data: str = ""
    created: str = ""
    command: str = ""
    run: str = ""
    headline: str = ""

    def to_json(self) -> str:
        """Return the content of the `<meta>` element, not escaped for HTML."""
        return json.dumps({"format_version": _FORMAT_VERSION} | asdict(self), ensure_ascii=False)


_ADAPTER = TypeAdapter(ReportMetadata)


def parse_report_metadata(head: bytes) -> ReportMetadata | None:
    """Return the metadata in the first bytes of an HTML page; None if it is no report of this format version."""
    parser = _MetaParser()
    parser.feed(head[:HEAD_BYTES].decode("utf-8", "replace"))
    if parser.content is None:
        return None
    try:
        fields = json.loads(parser.content)
        if not isinstance(fields, dict) or fields.pop("format_version", None) != _FORMAT_VERSION:
            return None
        return _ADAPTER.validate_python(fields)
    except (ValueError, ValidationError, RecursionError):
        return None


class _MetaParser(HTMLParser):
    """Keeps the content of the first `<meta>` element with our name."""

    def __init__(self) -> None:
        super().__init__()
        self.content: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        if tag == "meta" and self.content is None and fields.get("name") == MARKER:
            self.content = fields.get("content") or ""
