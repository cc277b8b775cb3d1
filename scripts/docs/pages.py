"""Which documents are executed, and what a block of a document is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

EXECUTED: dict[str, tuple[str, ...]] = {
    "README.md": ("demo/tickets", "demo/entities"),
    "docs/tutorial-first-classifier.md": (),
    "docs/clean-a-corpus.md": (),
    "docs/labelling.md": ("models/tickets",),
    "docs/reports.md": ("models/tickets",),
    "docs/monitoring.md": ("models/tickets",),
    "docs/evaluation.md": ("models/tickets",),
    "docs/corpus.md": (),
    "docs/api.md": ("models/tickets",),
    "docs/hugging-face-to-server.md": (),
    "docs/jobs.md": ("models/tickets",),
    "docs/operations.md": ("models/tickets",),
    "docs/tutorial-entities.md": (),
    "docs/drift.md": ("models/tickets",),
    "docs/feedback.md": ("models/tickets",),
    "docs/reviews.md": ("models/tickets",),
    "docs/evidence.md": ("models/tickets",),
    "docs/algorithms.md": ("models/tickets",),
    "docs/shadow.md": ("models/tickets",),
    "docs/run-the-loop.md": ("models/tickets",),
    "docs/python.md": (),
    "docs/coming-from/spacy.md": (),
    "docs/coming-from/text-embeddings-inference.md": (),
    "docs/tasks.md": ("models/entities",),
    "docs/tutorial-notebooks.md": (),
    "docs/loop.md": ("models/tickets",),
    "docs/promotion.md": ("models/tickets",),
    "docs/coming-from/optimum.md": (),
    "docs/coming-from/scikit-learn.md": (),
    "docs/coming-from/sentence-transformers.md": (),
    "docs/coming-from/setfit.md": (),
    "docs/coming-from/transformers.md": (),
    "docs/heads.md": (),
    "docs/quickstart.md": (),
}
"""Documents that run in a new folder, with copies of these bundles of `make demo`."""
REASONS = frozenset(
    {
        "asks questions",
        "has placeholders",
        "installs packages",
        "needs a cloud bucket",
        "needs a cluster",
        "needs a GPU",
        "needs a hub",
        "needs a network",
        "needs Docker",
        "needs a registry of images",
        "needs another program",
        "needs answers of people",
        "needs an interruption",
        "needs files of yours",
        "needs root",
        "runs for hours",
        "runs for minutes",
        "runs on another page",
        "runs until it is stopped",
        "shows a file",
        "shows the syntax",
    }
)
"""Why a block may be left out."""
BLOCK = re.compile(
    r"(?:^<!-- run first:\n(?P<first>.*?)^-->)"
    r"|(?:^<!-- not run: (?P<reason>.*?) -->\n\n?)?^```(?P<language>\w*)\n(?P<text>.*?)^```",
    re.M | re.S,
)
"""A block with the reason why it is not run, or a comment with commands that make what the page assumes."""
_COMMAND = re.compile(r"(?:\$ |glossator |pip |python3? |curl |docker |kubectl |make |git |export |uv )")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a document, and the line of its first line."""

    kind: str
    """`first`, `shell`, `console`, `session` (Python with `>>>`), `python`, or `shown`."""
    text: str
    line: int
    reason: str | None = None
    output: str | None = None
    """For `python`, what the next block shows, if that is `text` and follows at once."""


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a document."""
    found = list(BLOCK.finditer(text))
    for match, after in pairwise([*found, None]):
        assert match is not None
        if match["first"] is not None:
            yield Block("first", match["first"], 1 + text.count("\n", 0, match.start("first")))
            continue
        line = 1 + text.count("\n", 0, match.start("text"))
        follows = after is not None and after["language"] == "text" and not text[match.end() : after.start()].strip()
        output = after["text"] if follows and after is not None else None
        yield Block(_kind(match["language"], match["text"]), match["text"], line, match["reason"], output)


def _kind(language: str, text: str) -> str:
    if language in {"bash", "sh", "shell"}:
        return "shell"
    if language in {"python", "py", "pycon"}:
        return "session" if ">>> " in text else "python"
    commands = any(_COMMAND.match(line) for line in text.splitlines()) if language in {"", "console", "text"} else False
    if language == "console" or (commands and re.search(r"^\$ ", text, re.M)):
        return "console"
    return "shell" if commands and language == "" else "shown"
