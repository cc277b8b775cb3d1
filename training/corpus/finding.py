"""A finding: something notable in a corpus. The names of all findings and what each means are listed here."""

from __future__ import annotations

from dataclasses import dataclass

EXAMPLES = 5
"""A finding shows at most this many examples."""

DESCRIPTIONS = {
    "few-distinct-texts": "rows that repeat the text of an earlier row: a score on so few texts means little",
    "texts-without-words": "texts that are only a number, an identifier, a date or an address",
    "texts-are-labels": "texts that are their own label",
    "labels-in-texts": "texts that contain their own label",
    "nearly-unique-labels": "rows with labels of which there are nearly as many as rows",
    "label-follows-column": "rows whose label is determined by another column",
    "probable-separator": "rows whose label looks like several labels with a separator between them",
    "placeholder-texts": "texts such as `nan`, which programs write for a missing value",
    "leaked-texts": "texts that are also in the other file: a test on them overestimates the model",
    "labels-worth-checking": "rows whose label is worth checking",
    "conflicting-labels": "rows whose text has a different label in another row",
    "annotators-disagree": "texts that annotators labelled differently",
    "annotations-left-out": "rows with annotations of kinds that are not read",
    "ignored-by-annotators": "rows that annotators ignored",
    "discontinuous-spans": "rows with a span of several parts",
    "repaired-offsets": "rows with a span whose offsets contradicted its text",
    "overlapping-spans": "rows with a span that overlaps another",
    "spans-across-words": "rows with a span that starts or ends inside a word: the offsets may be shifted",
    "spans-with-space": "rows with a span that starts or ends with white space: the offsets may be shifted",
    "spans-within-words": "spans that start or end inside a word of the tokenizer",
    "encoding-damage": "texts that were decoded with the wrong encoding",
    "personal-data": "texts that seem to contain e-mail addresses, phone numbers, card numbers or IBANs",
    "other-languages": "texts in another language than most",
    "label-name-variants": "rows whose label is not in its most frequent spelling",
    "mixed-label-types": "rows that give a label as a number or as true or false, where other rows give it as text",
    "alike-label-names": "rows with a label whose name differs by one character from another label's",
    "suspicious-label-names": "rows with a label that looks like a placeholder, such as `nan`",
    "numeric-label-names": "rows whose labels are numbers",
    "labels-without-rows": "named labels that no row has",
    "rows-without-labels": "rows without a label",
    "repeated-labels": "rows that list the same label more than once",
    "class-imbalance": "rows of labels that are more than ten times rarer than the largest: models learn these worst",
    "rare-labels": "rows with a label that no other row has",
    "exact-duplicates": "rows with the same text and the same labels as an earlier row",
    "near-duplicates": "texts that are nearly the same as an earlier text",
    "unicode-form": "texts with accents stored as separate characters (not in Unicode NFC)",
    "control-characters": "texts with control characters",
    "html-remains": "texts with HTML tags or entities",
    "white-space": "texts with repeated, unusual or outer white space",
    "too-long": "texts that are longer than one window of the encoder",
}
"""What each finding counts, by the name of the finding."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something notable in many rows of a corpus. `share` is the share of the checked rows that `count` rows are."""

    name: str
    """A key of `DESCRIPTIONS`."""
    count: int
    share: float
    examples: tuple[str, ...]
    what_was_done: str
    """What was done with these rows, and a hint what to do next."""
    lines: tuple[int, ...] = ()
    """The lines of all these rows in the source; empty for findings about labels."""

    @property
    def description(self) -> str:
        """What the finding counts, as a phrase without a full stop."""
        return DESCRIPTIONS[self.name]

    @property
    def message(self) -> str:
        """The finding in one line: its name, how many rows, what they have in common, what was done."""
        return f"{self.name}: {self.count:,} ({self.share:.1%}) {self.description}; {self.what_was_done}"
