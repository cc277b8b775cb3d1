"""`llms.txt` and `llms-full.txt`: the documentation for programs that read text (https://llmstxt.org)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

SUMMARY = (
    "Glossator turns labelled text into fast, verified text inference on plain CPUs: training, evaluation, ONNX "
    "bundles, a server with the dialects of other servers, and a closed loop of monitoring, review and promotion."
)


def write_llms(source: Path, site: Path, sections: Mapping[str, Sequence[str]]) -> None:
    """Write both files into `site`: a list of links by section, and the text of all these pages."""
    links = ["# Glossator", f"> {SUMMARY}", "The full text of these pages: [llms-full.txt](llms-full.txt)."]
    texts = [f"# Glossator\n\n> {SUMMARY}"]
    for section, pages in sections.items():
        links.append(f"## {section}")
        lines = []
        for page in pages:
            text = (source / page).read_text(encoding="utf-8")
            lines.append(f"- [{title_of(text)}]({Path(page).with_suffix('.html')}): {summary_of(text)}")
            texts.append(f"<!-- {page} -->\n\n{_plain(text)}")
        links.append("\n".join(lines))
    (site / "llms.txt").write_text("\n\n".join(links) + "\n", encoding="utf-8")
    (site / "llms-full.txt").write_text("\n\n".join(texts) + "\n", encoding="utf-8")


def title_of(text: str) -> str:
    """The first heading of a page."""
    match = re.search(r"^# (.+)$", text, re.M)
    return match[1].strip() if match else "untitled"


def summary_of(text: str) -> str:
    """The first sentence of a page's first paragraph, without links and marks."""
    after = re.split(r"^# .*$", _plain(text), maxsplit=1, flags=re.M)[-1]
    parts = (part.strip() for part in re.split(r"\n\s*\n", after))
    paragraphs = (part for part in parts if part and not part.startswith(("#", "|", "<", "```", "!", "-")))
    first = " ".join(next(paragraphs, "").split())
    first = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", first)
    return re.split(r"(?<=[.:])\s", first, maxsplit=1)[0].rstrip(":")


def _plain(text: str) -> str:
    """The text without comments, such as those around figures."""
    return re.sub(r"<!--.*?-->", "", text, flags=re.S).strip()
