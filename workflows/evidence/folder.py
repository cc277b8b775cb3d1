"""Writes the evidence folder of a model, and verifies one: every byte, every figure, the signatures."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from glossator.service.bundle.reader import read_bundle
from glossator.service.errors import BundleError, CorpusError, Fault, FileMissing
from glossator.service.files.hashing import hash_file
from glossator.workflows.evidence import file_names
from glossator.workflows.extras import require_extra
from glossator.workflows.reporter import Reporter

_WRITERS = ("glossator", "jinja2", "markdown-it-py")
"""The packages that the bytes of the documents depend on."""


@dataclass(frozen=True, slots=True)
class WrittenEvidence:
    """A finished folder. `digest`: SHA-256 of its list of hashes. `missing`: which records it does not have."""

    folder: Path
    model: str
    digest: str
    files: int
    signed: bool
    missing: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return {
            "folder": str(self.folder),
            "model": self.model,
            "digest": self.digest,
            "files": self.files,
            "signed": self.signed,
            "missing": self.missing,
        }


@dataclass(slots=True)
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


def write_evidence(
    bundle: Path,
    output: Path,
    reporter: Reporter,
    *,
    registry: Path | None = None,
    log: Path | None = None,
    runs: Path | None = None,
    data_card: Path | None = None,
    key: Path | None = None,
    overwrite: bool = False,
) -> WrittenEvidence:
    """Write the evidence folder of a bundle.

    Args:
        bundle: The folder of the bundle.
        output: The new folder.
        reporter: Receives the progress.
        registry: The registry whose audit says who promoted the model, when and why.
        log: The folder of the prediction log: live accuracy and drift.
        runs: The folder of the recorded runs.
        data_card: A file that describes the data; `glossator wrangle` writes one.
        key: A private key (elliptic curve, PEM) that signs the bundle and the folder.
        overwrite: Replace an older evidence folder.

    Raises:
        BundleError: The bundle does not verify.
        FileMissing: A folder or a file does not exist.
        OutputError: The folder cannot be written.
        ExtraMissing: A key is given, and the packages that sign are not installed.
    """
    require_extra("evaluation")
    from glossator.service.files.atomic_folder import atomic_folder
    from glossator.workflows.evidence.documents import documents_of
    from glossator.workflows.evidence.signatures import public_key_of, sign_folder
    from glossator.workflows.evidence.source_files import collect_sources

    public_key = None if key is None else public_key_of(key)
    reporter.stage("verifying the bundle and copying the records")
    read = read_bundle(bundle)
    sources = collect_sources(read, reporter, registry=registry, log=log, runs=runs, data_card=data_card)
    with atomic_folder(output, overwrite=overwrite, markers=[file_names.FACTS]) as folder:
        _write(folder, sources)
        if key is not None and public_key is not None:
            reporter.stage("signing")
            _write(folder, {file_names.PUBLIC_KEY: public_key})
            sign_folder(bundle, folder / file_names.BUNDLE_SIGNATURE, key)
            sources[file_names.BUNDLE_SIGNATURE] = (folder / file_names.BUNDLE_SIGNATURE).read_bytes()
        documents = documents_of(sources)
        _write(folder, documents)
        if key is not None:
            sign_folder(folder, folder / file_names.SIGNATURE, key, without=file_names.UNSIGNED)
        sums = _sums(folder)
        _write(folder, {file_names.SUMS: sums})
    return WrittenEvidence(
        folder=output,
        model=f"{read.name}@{read.digest[:12]}",
        digest=sha256(sums).hexdigest(),
        files=sums.count(b"\n"),
        signed=key is not None,
        missing=json.loads(documents[file_names.FACTS])["missing"],
    )


def verify_evidence(
    folder: Path,
    reporter: Reporter,
    *,
    bundle: Path | None = None,
    rows: Path | None = None,
    public_key: Path | None = None,
) -> VerifiedEvidence:
    """Verify an evidence folder.

    Args:
        folder: The folder.
        reporter: Receives the progress.
        bundle: The bundle that it is about: its files must be those in the records, and repeat their golden rows.
        rows: With `bundle`, the labelled test rows, such as `test.jsonl` of the checkpoint: figures are measured again.
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
    found.faults += _changed_files(folder)
    if found.faults:
        return found
    found.checked.append(f"{len(_files(folder))} files are unchanged")
    reporter.stage("recomputing the figures")
    _check_figures(found, _sources(folder), bundle, rows)
    _check_signatures(found, bundle, public_key)
    return found


def _check_figures(
    found: VerifiedEvidence, sources: Mapping[str, bytes], bundle: Path | None, rows: Path | None
) -> None:
    """Make the documents again from the records, and recompute the figures in the records."""
    from glossator.workflows.evidence.documents import documents_of
    from glossator.workflows.evidence.facts import facts_of, manifest_of
    from glossator.workflows.evidence.recomputed_figures import check_counts, check_rows, check_runs

    try:
        facts, manifest = facts_of(sources), manifest_of(sources)
        documents = documents_of(sources)
        runs = {name: json.loads(data) for name, data in sources.items() if name.startswith(file_names.RUNS)}
        recomputed = [*check_counts(facts), *check_runs(facts, runs)]
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


def _changed_documents(
    found: VerifiedEvidence, documents: Mapping[str, bytes], facts: Mapping[str, Any]
) -> Iterator[Fault]:
    """Yield a fault for each document that differs from the one that the records give.

    Other versions of the packages that write documents word and lay them out in another way: only the facts are
    compared then.
    """
    versions = {each["name"]: each["version"] for each in facts["versions"]["installed"]}
    same_writers = all(versions.get(name) == version(name) for name in _WRITERS)
    if not same_writers:
        found.unchecked.append(f"the wording of the documents: written by another version of {', '.join(_WRITERS)}")
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


def _changed_files(folder: Path) -> Iterator[Fault]:
    """Yield a fault for each file that is not what the list of hashes says, by its name."""
    stored = (folder / file_names.SUMS).read_bytes()
    expected: dict[str, str] = {}
    for line in stored.decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        expected[name] = digest
    actual = {name: _hash(folder / name) for name in _files(folder)}
    for name in sorted(expected.keys() | actual.keys()):
        if name not in actual:
            yield Fault("missing-file", f"listed in {file_names.SUMS}", name)
        elif name not in expected:
            yield Fault("unlisted-file", f"not listed in {file_names.SUMS}", name)
        elif expected[name] != actual[name]:
            yield Fault("wrong-hash", f"not the content that {file_names.SUMS} has the hash of", name)
    if expected == actual and stored != _sums(folder):
        yield Fault("list-altered", "its lines are not in the form in which they were written", file_names.SUMS)


def _sums(folder: Path) -> bytes:
    return "".join(f"{hash_file(folder / name)}  {name}\n" for name in _files(folder)).encode()


def _hash(path: Path) -> str | None:
    """Return the hash of a regular file; None for a link, a pipe, and all else that is no content."""
    return hash_file(path) if stat.S_ISREG(path.lstat().st_mode) else None


def _files(folder: Path) -> list[str]:
    """Return the names of everything except real folders and the list of hashes, sorted."""
    found = [
        (Path(place) / name).relative_to(folder).as_posix()
        for place, folders, names in os.walk(folder)
        for name in [*names, *(each for each in folders if (Path(place) / each).is_symlink())]
    ]
    return sorted(name for name in found if name not in file_names.UNLISTED)


def _sources(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in _files(folder) if name.startswith(file_names.SOURCES)}


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
