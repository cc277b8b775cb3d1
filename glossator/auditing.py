"""The evidence folder of a model for auditors: writing and verifying it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from glossator.corpus import Progress, reporter_of
from glossator.python_names import names_parameters

if TYPE_CHECKING:
    from glossator.workflows.evidence.folder import WrittenEvidence
    from glossator.workflows.evidence.verification import VerifiedEvidence


@names_parameters
def evidence(
    bundle: str | Path,
    output: str | Path,
    *,
    registry: str | Path | None = None,
    log: str | Path | None = None,
    runs: str | Path | None = None,
    data_card: str | Path | None = None,
    key: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = False,
) -> WrittenEvidence:
    """Collect what auditors ask for about a model in one folder, as `glossator evidence` does. Needs the extra
    `evaluation`.

    The folder holds copies of the records and, made from them: a page, a draft of the technical documentation of Annex
    IV of the EU AI Act, a CycloneDX bill of materials, and SHA256SUMS.

    Args:
        bundle: The bundle's folder, or with `registry` NAME or NAME@VERSION.
        output: The evidence folder to write.
        registry: The registry whose audit says who promoted the model, when and why.
        log: The folder of the prediction log: live accuracy and drift.
        runs: The folder of recorded runs (the command has `runs`); None takes none.
        data_card: A file that describes the data; `glossator wrangle` writes one.
        key: A private key (elliptic curve, PEM) to sign with; needs the extra `signing`.
        overwrite: Replace an older evidence folder.
        progress: True shows the steps on stderr; a function receives each as a line of text.

    Returns:
        The folder, its digest, and which records it does not have.

    Raises:
        BundleError: The bundle does not verify.
        FileMissing: A folder or a file does not exist.
        OutputError: The folder cannot be written.
        ExtraMissing: A package is not installed; says how to install it.

    Example:
        >>> glossator.evidence("models/tickets", "evidence", registry="registry").missing  # doctest: +SKIP
        ['no prediction log was given']
    """
    from glossator.workflows.evidence.folder import write_evidence
    from glossator.workflows.loop.drift_files import find_bundle

    return write_evidence(
        find_bundle(str(bundle), _path(registry), folder_first=True),
        Path(output),
        reporter_of(progress),
        registry=_path(registry),
        log=_path(log),
        runs=_path(runs),
        data_card=_path(data_card),
        key=_path(key),
        overwrite=overwrite,
    )


@names_parameters
def verify_evidence(
    folder: str | Path,
    bundle: str | Path | None = None,
    *,
    test: str | Path | None = None,
    log: str | Path | None = None,
    public_key: str | Path | None = None,
    progress: Progress = False,
) -> VerifiedEvidence:
    """Verify an evidence folder, as `glossator evidence --verify` does: every byte, every figure, the signatures.

    Args:
        folder: The evidence folder.
        bundle: The bundle that it is about: its files must be those in the records.
        test: With `bundle`, the test rows of the checkpoint, to measure the figures again.
        log: The folder of the prediction log, to estimate live accuracy again.
        public_key: The public key of the signer, from a source that you trust.
        progress: True shows the steps on stderr; a function receives each as a line of text.

    Returns:
        What was checked, and what is wrong: `verified` is False if anything differs.

    Raises:
        FileMissing: There is no evidence folder.
        ConfigError: `test` is given without `bundle`.
        ExtraMissing: A package is not installed; says how to install it.

    Example:
        >>> glossator.verify_evidence("evidence", public_key="signing.pub").verified  # doctest: +SKIP
        True
    """
    from glossator.service.errors import ConfigError
    from glossator.workflows.evidence.verification import verify_evidence as verify

    if test is not None and bundle is None:
        raise ConfigError("test rows need the bundle that answers them", hint="Pass `bundle`.")
    return verify(
        Path(folder),
        reporter_of(progress),
        bundle=_path(bundle),
        rows=_path(test),
        log=_path(log),
        public_key=_path(public_key),
    )


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)
