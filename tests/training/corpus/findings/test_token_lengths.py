from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from glossator.service.errors import ConfigError
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.findings.token_lengths import long_text_findings

ReadPairs = Callable[..., Corpus]


def of_texts(read_pairs: ReadPairs, texts: Sequence[str]) -> Corpus:
    return read_pairs([(text, "x") for text in texts], known_labels=["x", "y"])


def test_long_texts_are_counted_and_shown_longest_first(read_pairs: ReadPairs) -> None:
    corpus = of_texts(read_pairs, ["a", "b", "c"])
    assert long_text_findings(corpus, [8, 7, 8], 8) == []
    (finding,) = long_text_findings(corpus, [9, 8, 20], 8)
    assert (finding.name, finding.count, finding.share) == ("too-long", 2, 2 / 3)
    assert finding.examples == ("line 4: 20 tokens", "line 2: 9 tokens")
    assert finding.what_was_done == "over 8 tokens: read in several windows, nothing is cut off"


def test_token_counts_of_another_corpus_are_rejected(read_pairs: ReadPairs) -> None:
    with pytest.raises(ConfigError, match="differ in number"):
        long_text_findings(of_texts(read_pairs, ["a"]), [1, 2], 8)
