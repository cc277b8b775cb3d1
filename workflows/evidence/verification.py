"""Verifies an evidence folder: every byte, every figure, the signatures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from glossator.service.errors import BundleError, CorpusError, Fault, FileMissing
from glossator.service.files.hashing import hash_file
from glossator.workflows.evidence import file_names
from glossator.workflows.evidence.hash_list import changed_files, files_in
from glossator.workflows.evidence.source_files import WRITERS
from glossator.workflows.extras import require_extra
from glossator.workflows.reporter import Reporter


@dataclass(slots=True, repr=False)
class VerifiedEvidence:
    """What a verification found. `checked` and `unchecked`: sentences. Without faults, everything checked is right."""

    folder: Path
    digest: str = ""
    faults: list[Fault] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    @property
    def verified(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def __repr__(self) -> str:
        found = "verified" if self.verified else f"{len(self.faults)} wrong, first: {self.faults[0].message}"
        return f"VerifiedEvidence({self.folder}: {found})"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return {
            "folder": str(self.folder),
            "verified": self.verified,
            "digest": self.digest,
            "faults": [{"name": each.name, "message": each.message, "where": each.where} for each in self.faults],
            "checked": self.checked,
            "unchecked": self.unchecked,
        }


def verify_evidence(
    folder: Path,
    reporter: Reporter,
    *,
    bundle: Path | None = None,
    rows: Path | None = None,
    log: Path | None = None,
    public_key: Path | None = None,
) -> VerifiedEvidence:
    """Verify an evidence folder.

    Args:
        folder: The folder.
        reporter: Receives the progress.
        bundle: The bundle that it is about: its files must be those in the records, and repeat their golden rows.
        rows: With `bundle`, the labelled test rows, such as `test.jsonl` of the checkpoint: figures are measured again.
        log: The folder of the prediction log: live accuracy is estimated again from its reviews.
        public_key: The public key of the signer; by default the one in the folder, which says nothing about who signed.

    Raises:
        FileMissing: There is no evidence folder.
    """
    require_extra("evaluation")
    if not (folder / file_names.SUMS).is_file():
        raise FileMissing(
            "there is no evidence folder here",
            found=folder,
            expected=f"a folder with {file_names.SUMS}",
            hint="`glossator evidence BUNDLE -o FOLDER` writes one.",
        )
    found = VerifiedEvidence(folder, digest=hash_file(folder / file_names.SUMS))
    reporter.stage("verifying every file")
    found.faults += changed_files(folder)
    if found.faults:
        return found
    found.checked.append(f"{len(files_in(folder))} files are unchanged")
    reporter.stage("recomputing the figures")
    _check_figures(found, _sources(folder), bundle, rows)
    if found.verified:
        _check_later_figures(found, log, reporter)
    _check_signatures(found, bundle, public_key)
    return found


def _check_figures(
    found: VerifiedEvidence, sources: Mapping[str, bytes], bundle: Path | None, rows: Path | None
) -> None:
    """Make the documents again from the records, and recompute the figures in the records."""
    from glossator.workflows.evidence.documents import documents_of
    from glossator.workflows.evidence.facts import facts_of, manifest_of
    from glossator.workflows.evidence.recomputed_figures import check_counts, check_evaluations, check_rows, check_runs

    try:
        facts, manifest = facts_of(sources), manifest_of(sources)
        documents = documents_of(sources)
        runs = {name: json.loads(data) for name, data in sources.items() if name.startswith(file_names.RUNS)}
        recomputed = [*check_counts(facts), *check_runs(facts, runs), *check_evaluations(facts, sources)]
    except (BundleError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        message = error.message if isinstance(error, BundleError) else f"{type(error).__name__}: {error}"
        found.faults.append(Fault("record-damaged", message, file_names.SOURCES))
        return
    for name, entry in manifest.files.items():
        copied = sources.get(file_names.BUNDLE + name)
        if copied is not None and sha256(copied).hexdigest() != entry.sha256:
            found.faults.append(Fault("wrong-hash", "not the file that the bundle lists", file_names.BUNDLE + name))
    found.faults += _changed_documents(found, documents, facts)
    found.faults += recomputed
    found.checked.append("the figures follow from the copied records, their counts and the runs")
    if bundle is None:
        found.unchecked.append("the bundle itself: name it to compare its files and to repeat its answers")
        return
    found.faults += _check_bundle(bundle, manifest.digest)
    if not found.faults:
        found.checked.append("the bundle is the one in the records, and repeats its recorded answers")
        if rows is not None:
            try:
                found.faults += check_rows(facts, bundle, rows)
            except CorpusError as error:
                found.faults.append(Fault("rows-unreadable", error.message, str(rows)))
            found.checked.append(f"the figures on {rows.name} were measured again")


def _check_later_figures(found: VerifiedEvidence, log: Path | None, reporter: Reporter) -> None:
    """Estimate the live accuracy again, and note which figures are not computed again.

    Periods that were reviewed further since are not compared.
    """
    from glossator.workflows.evidence.recomputed_figures import check_periods
    from glossator.workflows.evidence.source_files import live_periods

    facts = json.loads((found.folder / file_names.FACTS).read_bytes())
    stated = facts["live_accuracy"] or []
    if any(each["slices"] or each["robustness"] for each in facts["measured_again"]):
        found.unchecked.append("slices and robustness: repeat the command lines in the records of the runs")
    if log is None:
        found.unchecked += ["the live accuracy: name the prediction log to estimate it again"] if stated else []
        return
    again = {each["period"]: each for each in live_periods(facts["model"]["digest"], log, reporter)}
    later = [each["period"] for each in stated if _reviews(again.get(each["period"])) > _reviews(each)]
    found.faults += check_periods([each for each in stated if each["period"] not in later], again)
    found.checked.append(f"the live accuracy of {len(stated) - len(later)} periods was estimated again")
    found.unchecked += [f"the live accuracy of period {each}: it was reviewed further since" for each in later]


def _reviews(period: Mapping[str, Any] | None) -> int:
    return 0 if period is None else int(period["accuracy"]["reviewed"]) + int(period["accuracy"]["skipped"])


def _changed_documents(
    found: VerifiedEvidence, documents: Mapping[str, bytes], facts: Mapping[str, Any]
) -> Iterator[Fault]:
    """Yield a fault for each document that differs from the one that the records give.

    Other versions of the packages that write documents word and lay them out in another way: only the facts are
    compared then.
    """
    writers = facts["versions"]["writers"]
    same_writers = all(writers.get(name) == version(name) for name in WRITERS)
    if not same_writers:
        found.unchecked.append(f"the wording of the documents: written by another version of {', '.join(WRITERS)}")
    for name, content in documents.items():
        path = found.folder / name
        if not path.is_file() or ((same_writers or name == file_names.FACTS) and path.read_bytes() != content):
            yield Fault("document-differs", f"it does not follow from the records in `{file_names.SOURCES}`", name)


def _check_bundle(bundle: Path, digest: str) -> Iterator[Fault]:
    from glossator.service.inference.model import load

    try:
        model = load(bundle)
    except BundleError as error:
        yield from error.faults or (Fault("bundle-refused", error.message, str(bundle)),)
        return
    if model.digest != digest:
        yield Fault("other-bundle", f"version {model.digest[:12]}, the records are about {digest[:12]}", str(bundle))


def _check_signatures(found: VerifiedEvidence, bundle: Path | None, public_key: Path | None) -> None:
    from glossator.workflows.evidence.signatures import can_verify, require_signing, signature_fault

    folder = found.folder
    if not (folder / file_names.SIGNATURE).is_file():
        if public_key is not None:
            found.faults.append(Fault("not-signed", "there is no signature", file_names.SIGNATURE))
        found.unchecked.append("who wrote the folder: it is not signed")
        return
    if public_key is None and not can_verify():
        found.unchecked.append("the signatures: pip install 'glossator[signing]'")
        return
    require_signing()
    key = public_key or folder / file_names.PUBLIC_KEY
    signed: list[tuple[Path, str, tuple[str, ...]]] = [(folder, file_names.SIGNATURE, file_names.UNSIGNED)]
    signed += [] if bundle is None else [(bundle, file_names.BUNDLE_SIGNATURE, ())]
    for signed_folder, name, without in signed:
        fault = signature_fault(signed_folder, folder / name, key, without=without)
        if fault is not None:
            found.faults.append(Fault("wrong-signature", fault, name))
    if public_key is None:
        found.unchecked.append("who signed: the key in the folder may be anyone's; pass --public-key FILE")
    found.checked.append(f"{'both signatures fit' if bundle is not None else 'the signature fits'} the key")


def _sources(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_in(folder) if name.startswith(file_names.SOURCES)}
