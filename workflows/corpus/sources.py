"""Where labelled rows come from: a file or stdin, a saved dataset, a dataset of the hub, an annotated document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.bundle import file_names
from glossator.service.documents.open_source import open_source
from glossator.service.documents.source import refuse_options
from glossator.training.corpus.reading.annotated_documents import is_annotated_document, read_annotated_documents
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.extras import require_extra
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.training.corpus.row import Row

_HUB_NAME_PARTS = 2


@contextmanager
def open_rows(source: str, options: ReadingOptions, reporter: Reporter) -> Iterator[tuple[Iterator[Row], str]]:
    """Open a source; gives its rows and one line that describes it.

    What exists on disk decides: a folder of `wrangle --apply`, an annotated document, a saved dataset, a file. If
    nothing of this name exists and it has the form of a hub name, the dataset is loaded from the Hugging Face hub.
    """
    path = Path(source)
    if (path / file_names.CLEANED).is_file():
        path = next(iter(sorted(path.glob("corpus.*"))), path)
        source = str(path)
    if options.input_format is None and path.exists() and is_annotated_document(path):
        refuse_options("an annotated document", **{"--encoding": options.encoding, "--delimiter": options.delimiter})
        require_extra("evaluation")
        rows, description = read_annotated_documents(path)
        yield iter(rows), description
    elif path.is_dir() or (not path.exists() and _may_be_hub_name(source)):
        yield _read_dataset(source, options, reporter)
    else:
        refuse_options("a file", **{"--dataset-split": options.dataset_split})
        with open_source(
            source, format=options.input_format, encoding=options.encoding, delimiter=options.delimiter
        ) as opened:
            yield opened.records(), opened.describe()


def _read_dataset(source: str, options: ReadingOptions, reporter: Reporter) -> tuple[Iterator[Row], str]:
    given = {"--input-format": options.input_format, "--encoding": options.encoding, "--delimiter": options.delimiter}
    refuse_options("a dataset", **given)
    require_extra("training")
    from glossator.training.corpus.reading.hf_dataset import read_dataset

    if Path(source).is_dir():
        description = f"{source}: dataset folder"
    else:
        description = f"{source}: dataset of the Hugging Face hub"
        reporter.stage(f"no file is named {source}: looking for a dataset of this name on the Hugging Face hub")
    return read_dataset(source, split=options.dataset_split), description


def _may_be_hub_name(source: str) -> bool:
    """Whether the source has the form `name` or `owner/name`, without the suffix of a file."""
    parts = source.split("/")
    return (
        len(parts) <= _HUB_NAME_PARTS
        and all(parts)
        and not source.startswith((".", "~", "-"))
        and not Path(source).suffix
    )
