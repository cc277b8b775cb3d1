"""The class that reads each format. Its module is imported when it is needed: a reader process imports only one."""

from __future__ import annotations

from glossator.service.documents.sources.source import Source


def reader_class(format: str) -> type[Source]:
    """Return the class that reads a format, one of `format_names.FORMATS`."""
    return _table_class(format) or _text_class(format) or _document_class(format)


def _table_class(format: str) -> type[Source] | None:
    match format:
        case "csv" | "tsv" | "psv":
            from glossator.service.documents.formats.tables.delimited import CsvSource, PsvSource, TsvSource

            return {"csv": CsvSource, "tsv": TsvSource, "psv": PsvSource}[format]
        case "jsonl":
            from glossator.service.documents.formats.jsonl import JsonlSource

            return JsonlSource
        case "json":
            from glossator.service.documents.formats.json_array import JsonSource

            return JsonSource
        case "openai-batch":
            from glossator.service.documents.formats.openai_batch import OpenAIBatchSource

            return OpenAIBatchSource
        case "parquet":
            from glossator.service.documents.formats.tables.parquet import ParquetSource

            return ParquetSource
        case "arrow":
            from glossator.service.documents.formats.tables.arrow import ArrowSource

            return ArrowSource
        case "xlsx":
            from glossator.service.documents.formats.tables.spreadsheet import SpreadsheetSource

            return SpreadsheetSource
    return None


def _text_class(format: str) -> type[Source] | None:
    match format:
        case "txt":
            from glossator.service.documents.formats.plain_text import PlainTextSource

            return PlainTextSource
        case "conll":
            from glossator.service.documents.formats.conll.source import ConllSource

            return ConllSource
        case "fasttext":
            from glossator.service.documents.formats.fasttext import FastTextSource

            return FastTextSource
        case "label-studio":
            from glossator.service.documents.formats.label_studio_tasks import LabelStudioSource

            return LabelStudioSource
    return None


def _document_class(format: str) -> type[Source]:
    match format:
        case "html":
            from glossator.service.documents.formats.documents.html import HtmlSource

            return HtmlSource
        case "docx":
            from glossator.service.documents.formats.documents.word.word import WordSource

            return WordSource
        case "pdf":
            from glossator.service.documents.formats.documents.pdf import PdfSource

            return PdfSource
        case "eml":
            from glossator.service.documents.formats.documents.mail.mail import MailSource

            return MailSource
        case "mbox":
            from glossator.service.documents.formats.documents.mail.mailbox import MailboxSource

            return MailboxSource
        case "md":
            from glossator.service.documents.formats.documents.text import MarkdownSource

            return MarkdownSource
        case "odt":
            from glossator.service.documents.formats.documents.open_document import OpenDocumentSource

            return OpenDocumentSource
        case "rtf":
            from glossator.service.documents.formats.documents.rtf import RtfSource

            return RtfSource
        case "epub":
            from glossator.service.documents.formats.documents.epub import EpubSource

            return EpubSource
    raise ValueError(f"no reader is registered for {format}")
