"""Documents stay on one side of a split, and what the split was grouped by is said."""

from __future__ import annotations

from pathlib import Path

from glossator.workflows.corpus.data_splits import DataSources, read_splits
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.reporter import Reporter

WORDS = ["amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "haze", "iris", "jade", "kelp", "lark"]
PLACES = ["Rome", "Oslo", "Lima", "Bern"]


class CollectedStages(Reporter):
    """Keeps the lines of stages."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def stage(self, line: str) -> None:
        self.lines.append(line)


def write_documents(path: Path, documents: int) -> None:
    lines = []
    for document in range(documents):
        lines.append("-DOCSTART- O\n")
        for sentence in range(4):
            words = [WORDS[(document * 5 + sentence * 3 + place) % len(WORDS)] for place in range(4)]
            tokens = [*words, f"{document}x{sentence}", PLACES[(document + sentence) % 4]]
            tags = ["O"] * 5 + ["B-LOC"]
            lines.append("".join(f"{token} {tag}\n" for token, tag in zip(tokens, tags, strict=True)))
    path.write_text("\n".join(lines))


def test_sentences_of_one_document_are_on_one_side(tmp_path: Path) -> None:
    write_documents(tmp_path / "news.conll", 20)
    stages = CollectedStages()
    sources = DataSources(source=str(tmp_path / "news.conll"), validation_share=0.2, test_share=0.2)
    _, splits = read_splits(sources, ReadingOptions(), stages)
    sides = [splits.train.rows(), splits.validation.rows(), splits.test]
    documents = [set(side.extra["_document"]) for side in sides]
    assert [len(side) for side in sides] == [48, 16, 16]
    assert sum(map(len, documents)) == len(set.union(*documents)) == 20
    assert splits.groups["by"] == "_document"
    assert "split by 20 documents, in 20 groups; the largest has 4 rows" in stages.lines


def test_few_documents_are_divided_and_a_message_says_so(tmp_path: Path) -> None:
    write_documents(tmp_path / "news.conll", 3)
    stages = CollectedStages()
    sources = DataSources(source=str(tmp_path / "news.conll"), validation_share=0.2, test_share=0.2)
    _, splits = read_splits(sources, ReadingOptions(), stages)
    assert splits.groups["by"] == "near-duplicates"
    assert any(line.startswith("only 3 documents: their rows are divided") for line in stages.lines)
