"""Writes the evidence folder of a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from glossator.service.bundle.reader import read_bundle
from glossator.workflows.evidence import file_names
from glossator.workflows.evidence.hash_list import hash_list
from glossator.workflows.extras import require_extra
from glossator.workflows.reporter import Reporter


@dataclass(frozen=True, slots=True, repr=False)
class WrittenEvidence:
    """A finished folder. `digest`: SHA-256 of its list of hashes. `missing`: which records it does not have."""

    folder: Path
    model: str
    digest: str
    files: int
    signed: bool
    missing: list[str]

    def __repr__(self) -> str:
        signed = "signed" if self.signed else "not signed"
        return (
            f"WrittenEvidence({self.model}: {self.files} files in {self.folder}, {signed}, "
            f"{len(self.missing)} records missing)"
        )

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
        sums = hash_list(folder)
        _write(folder, {file_names.SUMS: sums})
    return WrittenEvidence(
        folder=output,
        model=f"{read.name}@{read.digest[:12]}",
        digest=sha256(sums).hexdigest(),
        files=sums.count(b"\n"),
        signed=key is not None,
        missing=json.loads(documents[file_names.FACTS])["missing"],
    )


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
