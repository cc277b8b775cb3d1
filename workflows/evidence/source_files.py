"""Collects the records that an evidence folder is made from: copies of what commands wrote, without any text of users.

Not copied: golden rows, pages of entities, examples of mistakes, training rows. Their hashes are in the manifests.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from glossator.service.bundle import file_names as bundle_files
from glossator.service.bundle.reader import Bundle
from glossator.service.errors import ConfigError, FileMissing
from glossator.service.files.printable_json import printable_json
from glossator.service.registry import AUDIT, Registry
from glossator.workflows.evidence import file_names
from glossator.workflows.evidence.installed_packages import installed_packages
from glossator.workflows.reporter import Reporter
from glossator.workflows.run_records import Run, RunStore

Sources = dict[str, bytes]
"""Content by file name, relative to the evidence folder."""

WRITERS = ("glossator", "jinja2", "markdown-it-py", "matplotlib")
"""The packages that the bytes of the documents depend on."""
_REPORT_JSON = "evaluation.json"
_TEXTS = "mistakes"
"""The field of an evaluation that holds texts of users."""
_ALPHA = 0.05


def collect_sources(
    bundle: Bundle,
    reporter: Reporter,
    *,
    registry: Path | None = None,
    log: Path | None = None,
    runs: Path | None = None,
    data_card: Path | None = None,
) -> Sources:
    """Return the copies by file name. Raises FileMissing for a folder or a file that was named and does not exist."""
    sources = _bundle_files(bundle)
    if runs is not None:
        sources |= _run_files(bundle, _existing(runs, "folder of runs"))
    if registry is not None:
        sources |= _audit(bundle, _existing(registry, "registry"))
    if log is not None:
        sources |= _monitoring(bundle, _existing(log, "prediction log"), reporter)
    if data_card is not None:
        try:
            sources[file_names.DATA + data_card.name] = _existing(data_card, "data card").read_bytes()
        except OSError as error:
            raise ConfigError(f"the data card cannot be read: {error.strerror}", found=data_card) from None
    environment = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "packages": installed_packages(),
        "writers": {name: version(name) for name in WRITERS},
    }
    return sources | {file_names.ENVIRONMENT: _json(environment)}


def _existing(path: Path, what: str) -> Path:
    if not path.exists():
        raise FileMissing(f"there is no {what} here", found=path, hint="Check the path, or leave the option out.")
    return path


def _bundle_files(bundle: Bundle) -> Sources:
    """Return the manifest, the card, and the figures and plots of the evaluations."""
    manifest = bundle.manifest
    names = [
        name
        for name in manifest.files
        if name == bundle_files.CARD or (name.startswith("evaluation/") and name.endswith((".json", ".svg")))
    ]
    copied = {file_names.BUNDLE + name: bundle.read(name) for name in names}
    return {file_names.BUNDLE + bundle_files.MANIFEST: manifest.to_bytes(), **copied}


def _run_files(bundle: Bundle, folder: Path) -> Sources:
    """Return the records of the runs that made or measured the model, and the evaluations without texts."""
    sources: Sources = {}
    for run in RunStore(folder).runs():
        if not _is_about(run, bundle):
            continue
        sources[f"{file_names.RUNS}{run.id}.json"] = _json(run.to_dict())
        evaluation = _evaluation_of(run, folder)
        if evaluation is not None:
            sources[f"{file_names.EVALUATIONS}{run.id}.json"] = _json(evaluation)
    return sources


def _is_about(run: Run, bundle: Bundle) -> bool:
    """Return whether a run trained the model, made the bundle or measured one of them.

    An evaluation of a bundle names its digest: another export of the same training is another version.
    """
    if (evaluated := run.config.get("digest")) is not None:
        return bool(evaluated == bundle.digest)
    training, trained = bundle.task.provenance.run, run.config.get("training_run")
    if run.outputs.get("digest") == bundle.digest or (training is not None and training in (run.id, trained)):
        return True
    measured = run.config.get("model")  # a model without a training run, such as an imported one
    return trained is None and isinstance(measured, str) and Path(measured).resolve() == bundle.path.resolve()


def _evaluation_of(run: Run, folder: Path) -> Mapping[str, Any] | None:
    """Return the evaluation that a run of `evaluate` wrote, without texts; None if it wrote none, or it is gone."""
    report = run.outputs.get("report")
    if run.command != "evaluate" or report is None:
        return None
    for place in (Path(report), folder.parent / report, folder.parent.parent / report):
        try:
            found = json.loads((place / _REPORT_JSON).read_bytes())
        except (OSError, ValueError):
            continue
        same = isinstance(found, dict) and _values(found.get("metrics")) == run.metrics
        return {name: value for name, value in found.items() if name != _TEXTS} if same else None
    return None


def _values(metrics: object) -> dict[str, float]:
    """Return the values of metrics with intervals."""
    return {name: each["value"] for name, each in metrics.items()} if isinstance(metrics, dict) else {}


def _audit(bundle: Bundle, folder: Path) -> Sources:
    """Return the lines of the audit about every model of the registry that has this version."""
    if not (folder / AUDIT).is_file():
        raise FileMissing("there is no registry here", found=folder, expected=f"a folder with {AUDIT}")
    entries = list(Registry(folder).entries())
    names = {entry.name for entry in entries if entry.digest == bundle.digest}
    lines = [printable_json(entry.to_dict()) for entry in entries if entry.name in names]
    return {file_names.AUDIT: "".join(f"{line}\n" for line in lines).encode()}


def _monitoring(bundle: Bundle, log: Path, reporter: Reporter) -> Sources:
    """Return the accuracy of each period of reviews of this version, and what its drift tests last found."""
    from glossator.service.monitoring.drift.saved_verdicts import last_drift

    periods = live_periods(bundle.digest, log, reporter)
    drift = [each.to_dict() for each in last_drift(log, bundle.digest)]
    return {file_names.ACCURACY: _json({"periods": periods}), file_names.DRIFT: _json({"summaries": drift})}


def live_periods(digest: str, log: Path, reporter: Reporter) -> list[dict[str, Any]]:
    """Return the accuracy of each period of reviews of a version, the oldest first; none without reviews."""
    from glossator.service.reviews.accuracy.live_accuracy import live_accuracy
    from glossator.service.reviews.accuracy.monitor_json import period_to_json
    from glossator.service.reviews.store import DATABASE, FILE, open_review_store

    periods: list[dict[str, Any]] = []
    url = os.environ.get(DATABASE) or None
    if url is not None or (log / FILE).is_file():
        reporter.stage("estimating the accuracy of each period of reviews")
        store = open_review_store(log, url)
        try:
            of_version = [
                period for model in store.models() for period in store.periods(model) if period.digest == digest
            ]
            for period in sorted(of_version, key=lambda each: (each.until, each.created)):
                periods.append(period_to_json(live_accuracy(store, period, alpha=_ALPHA, details=False)))
        finally:
            store.close()
    return periods


def _json(value: object) -> bytes:
    return (printable_json(value, indent=2) + "\n").encode()
