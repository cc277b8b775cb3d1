"""The facts in an evidence folder, computed from the copied records alone: the same records give the same facts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from glossator.service.bundle import file_names as bundle_files
from glossator.service.bundle.licence import licence_of
from glossator.service.bundle.manifest import Manifest, parse_manifest
from glossator.service.bundle.task import Classifier, TokenClassification
from glossator.workflows.evidence import file_names

FORMAT_VERSION = 1
_HEADING = re.compile(r"^(#{1,2}) (.+)$", re.MULTILINE)

Facts = dict[str, Any]
Sources = Mapping[str, bytes]


def facts_of(sources: Sources) -> Facts:
    """Return the content of `evidence.json`. Raises BundleError for a manifest that was changed, ValueError or KeyError
    for damaged records."""
    environment = json.loads(sources[file_names.ENVIRONMENT])
    manifest = manifest_of(sources)
    card = sources[file_names.BUNDLE + bundle_files.CARD].decode()
    runs = [json.loads(data) for _, data in _under(sources, file_names.RUNS)]
    evaluations = {
        run["id"]: json.loads(sources[name])
        for run in runs
        if (name := f"{file_names.EVALUATIONS}{run['id']}.json") in sources
    }
    facts: Facts = {
        "format_version": FORMAT_VERSION,
        "created": environment["created"],
        "model": _model(manifest, card),
        "data": _data(manifest, runs, sources),
        "figures": {each.split: each.model_dump(mode="json") for each in manifest.evaluation},
        "details": dict(_details(sources)),
        "measured_again": [_measured_again(run, evaluations.get(run["id"])) for run in runs if _is_evaluation(run)],
        "verification": manifest.verification.model_dump(mode="json"),
        "limits": _section(card, "Limits"),
        "versions": {
            "writers": environment["writers"],
            "training": manifest.task.provenance.packages,
            "runs": {run["id"]: run["versions"] for run in runs},
            "installed": environment["packages"],
        },
        "runs": [{name: run[name] for name in ("id", "command", "started", "status", "seconds")} for run in runs],
        "audit": _lines(sources[file_names.AUDIT]) if file_names.AUDIT in sources else None,
        "live_accuracy": _json(sources, file_names.ACCURACY, "periods"),
        "drift": _json(sources, file_names.DRIFT, "summaries"),
    }
    return facts | {"missing": list(_missing(facts))}


def manifest_of(sources: Sources) -> Manifest:
    """Return the manifest of the bundle. Raises BundleError if its bytes do not match its digest."""
    return parse_manifest(sources[file_names.BUNDLE + bundle_files.MANIFEST])


def _model(manifest: Manifest, card: str) -> Facts:
    task, provenance = manifest.task, manifest.task.provenance
    labels = task.types if isinstance(task, TokenClassification) else getattr(task, "labels", [])
    return {
        "name": manifest.name,
        "digest": manifest.digest,
        "format_version": manifest.format_version,
        "task": task.task,
        "problem_type": task.problem_type if isinstance(task, Classifier) else None,
        "description": _section(card, manifest.name),
        "labels": list(labels),
        "licence": licence_of(card),
        "algorithm": provenance.algorithm,
        "options": {name: value for name, value in provenance.config.items() if value is not None},
        "seed": provenance.seed,
        "base_model": provenance.base_model,
        "base_revision": provenance.base_revision,
        "created": provenance.created,
        "training_run": provenance.run,
        "input_tokens": task.encoding.max_length,
        "served": manifest.served.model_dump(mode="json"),
        "calibration": task.calibration.model_dump(mode="json", exclude={"nonconformity"})
        if isinstance(task, Classifier)
        else None,
        "speed": None if manifest.speed is None else manifest.speed.model_dump(mode="json"),
        "files": {name: entry.model_dump(mode="json") for name, entry in manifest.files.items()},
    }


def _data(manifest: Manifest, runs: list[Facts], sources: Sources) -> Facts:
    provenance = manifest.task.provenance
    training = next((run for run in runs if run["id"] == provenance.run), None)
    return {
        "fingerprint": provenance.corpus_fingerprint,
        "training_rows": provenance.corpus_rows,
        "measured_rows": {each.split: each.rows for each in manifest.evaluation},
        "sources": {} if training is None else training["data"],
        "reading": {} if training is None else training["reading"],
        "training_text_hashes": bundle_files.TRAINING_TEXTS in manifest.files,
        "cards": [
            {"file": name, "licence": licence_of(data.decode("utf-8", "replace"))}
            for name, data in _under(sources, file_names.DATA)
        ],
    }


def _details(sources: Sources) -> Iterator[tuple[str, Facts]]:
    """Yield for each split what the evaluation at export says besides the metrics, as far as it measured it."""
    wanted = ("ece", "ece_before", "temperature", "brier", "coverages", "classes", "types", "bins", "confusion")
    for name, data in _under(sources, f"{file_names.BUNDLE}evaluation/"):
        if name.endswith(".json"):
            found = json.loads(data)
            yield found["name"], {field: found[field] for field in wanted if found.get(field) is not None}


def _is_evaluation(run: Facts) -> bool:
    return bool(run["command"] == "evaluate" and run["status"] == "done")


def _measured_again(run: Facts, evaluation: Facts | None) -> Facts:
    """Return what a run of `evaluate` measured; without its report, only the metrics."""
    found = evaluation or {}
    return {
        "run": run["id"],
        "model": run["config"].get("model"),
        "digest": run["config"].get("digest"),
        "data": run["data"].get("test"),
        "metrics": found.get("metrics") or {name: {"value": value} for name, value in run["metrics"].items()},
        "slices": found.get("slices", []),
        "robustness": found.get("robustness", []),
        "leakage": found.get("leakage"),
    }


def _missing(facts: Facts) -> Iterator[str]:
    """Yield a sentence for each kind of record that the folder does not have."""
    if not facts["figures"]:
        yield "The model was not measured on labelled rows."
    elif "test" not in facts["figures"]:
        yield "There are no test rows: the figures are those of validation rows, by which training made its choices."
    if not facts["runs"]:
        yield "No record of a run that made or measured the model: pass --runs FOLDER."
    if not any(each["slices"] for each in facts["measured_again"]):
        yield "No slices: run `glossator evaluate BUNDLE TEST -o FOLDER`, with --slice-by COLUMN for groups."
    if not any(each["robustness"] for each in facts["measured_again"]):
        yield "Robustness was not measured: run `glossator evaluate BUNDLE TEST --robustness -o FOLDER`."
    if not facts["data"]["cards"]:
        yield "No data card: `glossator wrangle` writes one; pass it as --data-card FILE."
    if facts["model"]["licence"] is None:
        yield "No licence is stated for the model: `glossator export --licence NAME` states it."
    if facts["audit"] is None:
        yield "No registry was given: who promoted the model, when and why is not known here (--registry FOLDER)."
    elif not facts["audit"]:
        yield "The registry does not have this version."
    if facts["live_accuracy"] is None:
        yield "No prediction log was given: how the model does after deployment is not known here (--log FOLDER)."
    elif not facts["live_accuracy"]:
        yield "No answers of this version were reviewed: `glossator monitor` measures its live accuracy."


def _section(card: str, heading: str) -> str:
    """Return the text under a heading of the card, up to the next one; empty if there is no such heading."""
    places = list(_HEADING.finditer(card))
    for place, found in enumerate(places):
        if found[2].strip() == heading:
            end = places[place + 1].start() if place + 1 < len(places) else len(card)
            return card[found.end() : end].strip()
    return ""


def _under(sources: Sources, folder: str) -> list[tuple[str, bytes]]:
    return sorted((name, data) for name, data in sources.items() if name.startswith(folder))


def _lines(data: bytes) -> list[Facts]:
    return [json.loads(line) for line in data.splitlines() if line]


def _json(sources: Sources, name: str, field: str) -> list[Facts] | None:
    if name not in sources:
        return None
    found: list[Facts] = json.loads(sources[name])[field]
    return found
