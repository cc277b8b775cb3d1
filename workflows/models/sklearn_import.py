"""Imports a fitted text pipeline of scikit-learn: read, compare, prove with what the user has, write a bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.modeling.labelled_rows import LabelledRows, indicator
from glossator.service.bundle import file_names
from glossator.service.errors import ConfigError
from glossator.service.files.atomic_folder import check_destination
from glossator.workflows.extras import require_extra
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.export.exporter import ExportResult
    from glossator.export.importing.imported_checkpoint import ForeignModel
    from glossator.workflows.models.proving_rows import ProvingRows

_COMPARED_TEXTS = 2_000
"""How many texts of the user are compared with scikit-learn at most; texts of Glossator are compared too."""


def import_sklearn(
    pipeline: Any,
    output: Path,
    reporter: Reporter,
    *,
    texts: Sequence[str] | None = None,
    labels: Sequence[Any] | None = None,
    label_names: Sequence[str] | None = None,
    name: str | None = None,
    max_length: int | None = None,
    overwrite: bool = False,
) -> ExportResult:
    """Make a bundle of a fitted text pipeline of scikit-learn. Arguments: see `glossator.import_sklearn`."""
    require_extra("export")
    from glossator.export.exporter import export
    from glossator.export.importing.imported_checkpoint import write_imported_checkpoint
    from glossator.export.importing.sample_texts import sample_texts
    from glossator.export.importing.sklearn_text.comparison import compare_with_sklearn
    from glossator.export.importing.sklearn_text.fitted_pipeline import label_sets, open_text_pipeline, read_pipeline

    check_destination(output, overwrite=overwrite, markers=file_names.FOLDER_MARKERS)
    given = None if texts is None else list(texts)
    if labels is not None and len(labels) != len(given or ()):
        raise ConfigError(
            "texts and labels do not belong together",
            found=f"{len(labels):,} labels for {len(given or ()):,} texts",
            expected="a label for each text",
        )
    found = read_pipeline(pipeline, label_names=label_names)
    gold = None if labels is None else label_sets(labels, found)
    with tempfile.TemporaryDirectory(prefix="glossator-import-") as folder:
        scratch = Path(folder)
        plain = open_text_pipeline(found, scratch / "plain", labelled=False, max_length=max_length)
        step = max(1, len(given or ()) // _COMPARED_TEXTS)
        compared = compare_with_sklearn(plain, pipeline, found, [*(given or ())[::step], *sample_texts()])
        foreign = plain
        if gold is not None:
            foreign = open_text_pipeline(found, scratch / "labelled", labelled=True, max_length=max_length)
        for line in [*foreign.evidence, compared]:
            reporter.stage(line)
        proving = _proving_rows(foreign, given, gold, reporter)
        write_imported_checkpoint(foreign, scratch / "checkpoint", proving.rows, proving.test)
        return export(
            scratch / "checkpoint",
            output,
            name=name,
            precision="fp32",  # there is no product of matrices that int8 would make faster
            evidence=proving.evidence,
            training_hashes=False,
            overwrite=overwrite,
            stage=reporter.stage,
        )


def _proving_rows(
    foreign: ForeignModel, texts: list[str] | None, labels: list[tuple[str, ...]] | None, reporter: Reporter
) -> ProvingRows:
    """Return the rows that prove the bundle: those of the user, or texts that Glossator has."""
    from glossator.export.importing.imported_checkpoint import usable_rows
    from glossator.workflows.corpus.reading_options import ReadingOptions
    from glossator.workflows.models.proving_rows import (
        Proof,
        ProvingRows,
        divide_rows,
        find_proving_rows,
        unlabelled_proof,
    )

    if texts is None:
        return find_proving_rows(Proof(), foreign, ReadingOptions(), reporter)
    if labels is None:
        return unlabelled_proof(texts, None, foreign, "texts")
    indicator(labels, foreign.task.labels)  # unknown labels are refused before anything is computed
    rows = usable_rows(foreign, LabelledRows(texts, labels))
    first, second = divide_rows(rows)
    reporter.stage(f"{len(first):,} rows calibrate the scores, {len(second):,} others measure the bundle")
    return ProvingRows(first, second, len(texts) - len(rows))
