"""Writes a bundle of an older format as a bundle of the newest one: same graphs and answers, another digest.

Format 3 has samples in `reference.json`, against which drift is measured. A bundle of format 2 has none, and its
training texts are not in it; they can be taken from texts of the same kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Manifest
from glossator.service.bundle.reader import read_bundle
from glossator.service.bundle.reference import Reference, parse_reference
from glossator.service.bundle.writer import copy_bundle, list_files, write_manifest
from glossator.service.errors import ConfigError, shorten
from glossator.service.files.atomic_folder import atomic_folder, check_destination
from glossator.service.inference.encoding import reads_pairs
from glossator.workflows.reporter import Reporter


@dataclass(frozen=True, slots=True)
class MigratedBundle:
    """A bundle in the newest format, and the bundle that it was made of."""

    folder: Path
    name: str
    from_format: int
    to_format: int
    from_digest: str
    digest: str
    reference_texts: int
    """Texts with samples for drift; 0: drift cannot be measured."""


def migrate_bundle(
    bundle: Path,
    output: Path,
    reporter: Reporter,
    *,
    texts: str | None = None,
    text_column: str | None = None,
    overwrite: bool = False,
) -> MigratedBundle:
    """Write a bundle in the newest format; the folder appears complete or not at all. The old one stays as it is.

    The result is verified like every bundle: its golden rows must be answered as before.

    Args:
        bundle: The folder of the bundle, of any format that is read.
        output: The folder of the new bundle, another one.
        reporter: Receives the progress.
        texts: A file of texts like those that the model will see, but not of its training: the samples of drift.
        text_column: The column with the text.
        overwrite: Replace an existing bundle.

    Raises:
        ConfigError: The bundle has the newest format and samples, or `texts` do not fit it.
        BundleError: The bundle does not verify.
    """
    from glossator.service.inference.model import load

    if output.resolve() == bundle.resolve():
        raise ConfigError(
            "a bundle never changes, so the new one needs a folder of its own",
            found=f"--output {shorten(output)}",
            hint="Give another folder. Remove the old one when nothing uses it.",
        )
    check_destination(output, overwrite=overwrite, markers=file_names.FOLDER_MARKERS)
    old = read_bundle(bundle)
    reference = parse_reference(old.read(file_names.REFERENCE))
    _check_needed(old.manifest, reference, bundle, texts)
    if texts is not None:
        reference = _with_samples(reference, bundle, texts, text_column, reporter)
    written = old.read(file_names.REFERENCE) if texts is None else reference.to_bytes()
    with atomic_folder(output, overwrite=overwrite, markers=file_names.FOLDER_MARKERS) as folder:
        copy_bundle(old, folder)
        (folder / file_names.REFERENCE).write_bytes(written)
        newest = {"format_version": file_names.FORMAT_VERSION, "files": list_files(folder)}
        manifest = write_manifest(folder, old.manifest.model_copy(update=newest))
        reporter.stage("replaying the golden rows of the new bundle")
        load(folder)
    return MigratedBundle(
        output,
        manifest.name,
        old.manifest.format_version,
        manifest.format_version,
        old.digest,
        manifest.digest,
        reference.texts,
    )


def _check_needed(manifest: Manifest, reference: Reference, bundle: Path, texts: str | None) -> None:
    """Raise ConfigError if there is nothing to migrate: samples are measured at export, and never replaced."""
    if manifest.format_version < file_names.FORMAT_VERSION or (texts is not None and not reference.samples):
        return
    raise ConfigError(
        "there is nothing to migrate",
        found=f"{shorten(bundle)}, format version {manifest.format_version}"
        + (", with samples for drift" if reference.samples else ", without samples for drift"),
        expected=f"a bundle older than format version {file_names.FORMAT_VERSION}",
        hint="Use it as it is."
        if reference.samples
        else "To measure drift, add samples: glossator migrate BUNDLE -o NEW --texts FILE.",
    )


def _with_samples(
    reference: Reference, bundle: Path, source: str, text_column: str | None, reporter: Reporter
) -> Reference:
    from glossator.modeling.reference_distributions import profile_and_sample
    from glossator.service.inference.model import load
    from glossator.workflows.corpus.unlabelled_texts import read_unlabelled

    model = load(bundle)
    if reads_pairs(model.bundle.task):
        raise ConfigError(
            "samples are made of single texts, and this model reads two",
            found=f"{model.bundle.task.task}, --texts {source}",
            hint="Leave --texts out, or export the checkpoint again.",
        )
    texts = read_unlabelled(source, reporter, text_column=text_column).texts
    words = file_names.TRAINING_TEXTS in model.bundle.manifest.files  # as at export: all hashes of texts, or none
    return profile_and_sample(reference, texts, model.pipeline.predict, model.bundle.task, words=words)
