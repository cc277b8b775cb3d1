"""Names of columns that hold texts. Training and labelling detect text columns by the same lists."""

from __future__ import annotations

TEXT_COLUMNS = (
    "text", "sentence", "utterance", "body", "content", "message", "narrative", "document", "review", "comment",
    "question", "query", "description", "tweet", "input",
)  # fmt: skip
"""Names of the text column, in order of preference."""

PAIR_COLUMNS = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("sentence_a", "sentence_b"),
    ("sentence_A", "sentence_B"),
    ("text", "text_pair"),
    ("text1", "text2"),
    ("question1", "question2"),
    ("query", "document"),
    ("first", "second"),
)
"""Names of the first and the second column of text pairs, in order of preference."""

QUESTION_COLUMN, CONTEXT_COLUMN = "question", "context"
"""Names of the columns of a question and of the text that it is answered from."""
