"""The names of the formats that can be read, and the suffixes of their files."""

from __future__ import annotations

CONLL_SUFFIXES = (
    ".conll",
    ".conllu",
    ".conllup",
    ".conll2003",
    ".iob",
    ".iob1",
    ".iob2",
    ".bio",
    ".bioes",
    ".bilou",
    ".bmes",
)
"""Suffixes of files that are CoNLL whatever their content."""

SUFFIXES: dict[str, str] = {
    ".txt": "txt",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".psv": "psv",
    ".jsonl": "jsonl",
    ".jsonlines": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".xls": "xlsx",
    ".ods": "xlsx",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".html": "html",
    ".htm": "html",
    ".docx": "docx",
    ".pdf": "pdf",
    ".eml": "eml",
    ".mbox": "mbox",
    ".md": "md",
    ".markdown": "md",
    ".log": "txt",
    ".xhtml": "html",
    ".docm": "docx",
    ".odt": "odt",
    ".ott": "odt",
    ".rtf": "rtf",
    ".epub": "epub",
    **dict.fromkeys(CONLL_SUFFIXES, "conll"),
}
"""Formats by suffix. One of `compression.SUFFIXES` may follow, except after `.parquet`, `.arrow` and spreadsheets."""

FORMATS: tuple[str, ...] = (*dict.fromkeys(SUFFIXES.values()), "openai-batch", "fasttext", "label-studio")
"""The last ones have no suffix: they are named, or recognised by their content."""
