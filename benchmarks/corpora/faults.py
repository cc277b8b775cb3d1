"""How many deliberate faults in real corpora `glossator wrangle` finds.

    python -m benchmarks.corpora.faults [--data ../shared/data] [--share 0.05]

A share of the rows of banking77, and for spans of wnut17, gets one fault each. A finder's recall is the share of these
rows that it names. Its precision is the share of these rows among all that it names, without the rows that it names in
the unchanged corpus too. Wrong labels have a benchmark of their own (`label_errors.py`). Writes
benchmarks/results/faults/.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.modeling.minhash import normalise_text
from glossator.service.documents.sources.open_source import open_source
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.findings.leakage import check_leakage
from glossator.training.corpus.row import SourceRow
from glossator.training.corpus.task_corpus_reader import read_task_corpus

SEEDS = (1, 2, 3)
NON_ASCII = ["é", "ü", "ñ", "ç", "€", "\u201c", "\u2019", "\u2013", "Å", "ß"]
Found = tuple[set[int], set[int]]
"""The rows that a fault was put into, and those that the finder names."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--share", type=float, default=0.05)
    options = parser.parse_args()
    texts, labels = banking77(options.data)
    entities = wnut17(options.data)
    kinds: dict[str, Callable[[np.random.Generator], Found]] = {
        "mojibake": lambda chance: mojibake(chance, texts, options.share),
        "exact duplicates": lambda chance: duplicates(chance, texts, labels, options.share),
        "conflicting labels": lambda chance: conflicts(chance, texts, labels, options.share),
        "leaks into the test rows": lambda chance: leaks(chance, texts, options.share),
        "near duplicates": lambda chance: near(chance, texts, options.share),
        "shifted spans": lambda chance: shifted(chance, entities, options.share),
    }
    lines = []
    for name, inject in kinds.items():
        counts = np.zeros(3, dtype=int)
        for seed in SEEDS:
            put, named = inject(np.random.default_rng(seed))
            counts += [len(put & named), len(put), len(named)]
        lines.append(
            {"fault": name, "put": int(counts[1]), "named": int(counts[2]),
             "recall": counts[0] / counts[1], "precision": counts[0] / max(1, counts[2])}
        )  # fmt: skip
        print(lines[-1], flush=True)
    write_result("faults", lines)
    table = [
        [each["fault"], f"{each['put']:,}", f"{each['named']:,}", f"{each['recall']:.4f}", f"{each['precision']:.4f}"]
        for each in lines
    ]
    text = (
        "# Faults put in on purpose\n\nbanking77 (spans: wnut17), "
        f"{options.share:.0%} of the rows, {len(SEEDS)} seeds together. "
        "Repeat with `python -m benchmarks.corpora.faults`.\n\n"
        + markdown_table(["fault", "rows with it", "rows named", "recall", "precision"], table, right=range(1, 5))
        + "\n"
    )
    write_report("faults", text)
    print(text)


def banking77(data: Path) -> tuple[list[str], list[str]]:
    """Texts and labels, no text twice, not even nearly."""
    with open_source(data / "banking77/train.csv") as source:
        rows = [(str(record.fields["text"]), str(record.fields["category"])) for record in source.records()]
    found = named(corpus_of(*map(list, zip(*rows, strict=True))), "near-duplicates", "conflicting-labels")
    kept = [row for line, row in enumerate(rows, start=1) if line not in found]
    return [text for text, _ in kept], [label for _, label in kept]


def corpus_of(texts: list[str], labels: list[str]) -> Corpus:
    rows = [
        SourceRow(line, {"text": text, "label": label})
        for line, (text, label) in enumerate(zip(texts, labels, strict=True), start=1)
    ]
    return read_corpus(rows, source_name="rows")


def named(corpus: Corpus, *findings: str) -> set[int]:
    """The lines of the rows that findings are about."""
    return {line for finding in corpus.findings if finding.name in findings for line in finding.lines}


def chosen(chance: np.random.Generator, count: int, share: float) -> list[int]:
    return [int(place) for place in chance.choice(count, size=int(share * count), replace=False)]


def mojibake(chance: np.random.Generator, texts: list[str], share: float) -> Found:
    """UTF-8 read as Windows-1252, in rows with a letter or mark beyond ASCII; as many such rows are left sound."""
    texts = list(texts)
    rows = chosen(chance, len(texts), 2 * share)
    put = set()
    for number, row in enumerate(rows):
        place = int(chance.integers(len(texts[row]) + 1))
        texts[row] = texts[row][:place] + str(chance.choice(NON_ASCII)) + texts[row][place:]
        if number % 2:
            texts[row] = texts[row].encode().decode("cp1252", errors="replace")
            put.add(row + 1)
    return put, named(corpus_of(texts, ["a", "b"] * (len(texts) // 2) + ["a"] * (len(texts) % 2)), "encoding-damage")


def duplicates(chance: np.random.Generator, texts: list[str], labels: list[str], share: float) -> Found:
    rows = chosen(chance, len(texts), share)
    corpus = corpus_of(texts + [texts[row] for row in rows], labels + [labels[row] for row in rows])
    put = set(range(len(texts) + 1, len(texts) + len(rows) + 1))
    return put, {each.line for each in corpus.dropped if each.reason == "exact-duplicate"}


def conflicts(chance: np.random.Generator, texts: list[str], labels: list[str], share: float) -> Found:
    """A copy of a row under another label; both rows are at fault."""
    rows = chosen(chance, len(texts), share)
    names = sorted(set(labels))
    others = [names[(names.index(labels[row]) + 1 + int(chance.integers(len(names) - 1))) % len(names)] for row in rows]
    corpus = corpus_of(texts + [texts[row] for row in rows], labels + others)
    put = {row + 1 for row in rows} | set(range(len(texts) + 1, len(texts) + len(rows) + 1))
    return put, named(corpus, "conflicting-labels")


def leaks(chance: np.random.Generator, texts: list[str], share: float) -> Found:
    """Texts of the training rows among the test rows, some in another case or with other white space."""
    train, test = texts[: len(texts) // 2], texts[len(texts) // 2 :]
    rows = chosen(chance, len(test), share)
    for number, row in enumerate(rows):
        text = train[int(chance.integers(len(train)))]
        test[row] = (text, text.upper(), f"  {text} ".replace(" ", "  "))[number % 3]
    return set(rows), set(check_leakage(train, test).rows)


def near(chance: np.random.Generator, texts: list[str], share: float) -> Found:
    """Copies with a typing mistake, a mark more or less, or a courtesy in front, of texts of 40 characters or more."""
    long = [text for text in texts if len(text) >= 40]
    copies = []
    for number, row in enumerate(chosen(chance, len(long), share)):
        text = long[row]
        place = 1 + int(chance.integers(len(text) - 2))
        swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
        copies.append((swapped, text.rstrip("?.!") + "!!", f"Hi, {text}", text[:place] + text[place + 1 :])[number % 4])
    put = {len(long) + number + 1 for number, copy in enumerate(copies)}
    known = {normalise_text(text) for text in long}
    put -= {len(long) + number + 1 for number, copy in enumerate(copies) if normalise_text(copy) in known}
    labels = [f"{place % 2}x" for place in range(len(long))] + ["0x"] * len(copies)
    return put, named(corpus_of(long + copies, labels), "near-duplicates") & set(range(1, len(long) + len(copies) + 1))


def wnut17(data: Path) -> list[dict[str, object]]:
    """Rows of text and spans."""
    from glossator.workflows.corpus.reading import read_corpus
    from glossator.workflows.corpus.reading_options import ReadingOptions
    from glossator.workflows.reporter import Reporter

    options = ReadingOptions(drop_duplicates=True)
    corpus = read_corpus(str(data / "wnut17/train.conll"), options, Reporter()).corpus
    assert corpus.spans is not None
    return [
        {"text": text, "spans": [{"start": s.start, "end": s.end, "label": s.label} for s in spans]}
        for text, spans in zip(corpus.texts, corpus.spans, strict=True)
    ]


def shifted(chance: np.random.Generator, rows: list[dict[str, object]], share: float) -> Found:
    """Spans moved by one or two characters to the right or to the left: they cross words, or leave the text."""
    with_spans = [place for place, row in enumerate(rows) if row["spans"]]
    put = {with_spans[place] for place in chosen(chance, len(with_spans), share)}
    moved = []
    for place, row in enumerate(rows):
        spans = [dict(span) for span in row["spans"]]  # type: ignore[attr-defined]
        if place in put:
            by = int(chance.choice([-2, -1, 1, 2]))
            spans = [{**span, "start": span["start"] + by, "end": span["end"] + by} for span in spans]
        moved.append(SourceRow(place + 1, {"text": row["text"], "spans": spans}))
    corpus = read_task_corpus(moved, "token-classification", source_name="rows")
    named_rows = {each.line for each in corpus.rejects}
    named_rows |= named(corpus, "spans-across-words") | named(corpus, "spans-with-space")
    return {place + 1 for place in put}, named_rows


if __name__ == "__main__":
    main()
