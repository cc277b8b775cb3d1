"""A registry: a folder of bundle versions, with aliases and an audit of every change.

    REGISTRY/
      audit.jsonl           one line per action, append-only: what was live, when, why, and who changed it
      NAME/DIGEST/          a bundle, as it was added

The audit alone defines which versions are live: the last line about an alias counts. The version with the alias
`champion` serves requests for `NAME`; other versions are requested as `NAME@ALIAS` or `NAME@DIGEST`.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from glossator.service.bundle import file_names
from glossator.service.bundle.names import check_model_name
from glossator.service.bundle.reader import read_bundle, read_manifest
from glossator.service.bundle.writer import copy_bundle
from glossator.service.errors import BundleError, ConfigError, OutputError, UnknownModel
from glossator.service.files.append_lines import append_line, read_lines
from glossator.service.files.atomic_folder import atomic_folder
from glossator.service.files.durable import remove_leftovers
from glossator.service.files.locks import lock_descriptor
from glossator.service.files.printable_json import printable_json
from glossator.service.inference.model import load

CHAMPION = "champion"
PREVIOUS = "previous"
"""The version that was champion before; for shadows and canaries."""
AUDIT = "audit.jsonl"
SHORTEST_VERSION = 7
"""The smallest number of digits by which a digest can be requested."""
Action = Literal["add", "alias", "rollback", "remove", "note"]

_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_HEX = re.compile(r"[0-9a-f]+")
_DIGEST = re.compile(r"[0-9a-f]{64}")

logger = logging.getLogger("glossator.service.registry")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A line of the audit. `digest` is the version that was added, removed, noted, or got the alias.

    A note changes nothing. `evidence`: the numbers behind the change or the note; lines without any omit it.
    """

    action: Action
    name: str
    digest: str
    alias: str | None
    why: str
    by: str
    time: str
    evidence: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of the line, JSON-ready."""
        fields = asdict(self)
        if self.evidence is None:
            del fields["evidence"]
        return fields


@dataclass(slots=True)
class ModelRecord:
    """The versions, aliases and history of one model, computed from the audit."""

    versions: list[str] = field(default_factory=list)
    """Digests, in the order of their addition."""
    aliases: dict[str, str] = field(default_factory=dict)
    history: list[AuditEntry] = field(default_factory=list)

    def previous_version(self, alias: str) -> str | None:
        """Return the version that had an alias before the current one; None if there is none.

        Removed versions, and versions that were rolled back, do not count.
        """
        stack: list[str] = []
        for entry in self.history:
            if entry.alias != alias:
                continue
            if entry.action == "rollback":
                while stack and stack[-1] != entry.digest:
                    stack.pop()
            elif not stack or stack[-1] != entry.digest:
                stack.append(entry.digest)
        available = [digest for digest in stack[:-1] if digest in self.versions]
        return available[-1] if available else None


class Registry:
    """The registry in a folder, which is created if needed. Several processes may use it at the same time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._torn = b""
        """The torn line that was reported."""
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"the registry cannot be created: {error.strerror}", found=root, hint="Choose another folder."
            ) from None

    @property
    def audit_file(self) -> Path:
        return self.root / AUDIT

    def entries(self) -> Iterator[AuditEntry]:
        """Yield the lines of the audit, oldest first. A torn last line is left out and reported.

        Raises ConfigError for an invalid line.
        """
        try:
            lines = read_lines(self.audit_file)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ConfigError(
                f"the audit cannot be read: {error.strerror}",
                found=self.audit_file,
                hint="Check the owner and the permissions of the file.",
            ) from None
        if lines.torn and lines.torn != self._torn:
            logger.warning(
                "the last line of %s is incomplete and is ignored: a change of the registry was interrupted. "
                "Repeat that change; the next change removes the line",
                self.audit_file,
            )
        self._torn = lines.torn
        for number, line in enumerate(lines.complete, start=1):
            try:
                yield _parse_entry(line)
            except (ValueError, TypeError, RecursionError, ConfigError):
                raise ConfigError(
                    f"line {number} of the audit cannot be read",
                    found=line.decode("utf-8", "replace"),
                    expected="a line that `glossator models` wrote",
                    hint=f"Repair {self.audit_file} by hand.",
                ) from None

    def records(self) -> dict[str, ModelRecord]:
        """Return the record of each model, by name."""
        found: dict[str, ModelRecord] = {}
        for entry in self.entries():
            record = found.setdefault(entry.name, ModelRecord())
            record.history.append(entry)
            if entry.action == "add" and entry.digest not in record.versions:
                record.versions.append(entry.digest)
            if entry.action == "remove" and entry.digest in record.versions:
                record.versions.remove(entry.digest)
            if entry.alias is not None and entry.action != "remove":
                record.aliases[entry.alias] = entry.digest
        return {name: record for name, record in found.items() if record.versions}

    def record(self, name: str) -> ModelRecord:
        """Return the record of one model. Raises UnknownModel."""
        records = self.records()
        if name not in records:
            raise UnknownModel(
                "the registry has no model of this name",
                found=name,
                expected=f"one of: {', '.join(records) or 'none'}",
                hint="See `glossator models list`.",
            )
        return records[name]

    def folder(self, name: str, digest: str) -> Path:
        """Return the folder of a version."""
        return self.root / name / digest

    def add(self, bundle: Path, *, name: str | None = None, alias: str | None = None, why: str = "") -> AuditEntry:
        """Verify a bundle, copy it into the registry, and read the copy back.

        Args:
            bundle: The folder of the bundle.
            name: The name of the model. Default: the name in the bundle.
            alias: An alias for the version. The first version of a name becomes champion by default.
            why: The reason, for the audit.

        Raises:
            BundleError: The bundle does not verify.
            ConfigError: The name or the alias is invalid, or the registry already has this version.
            OutputError: The copy cannot be written.
        """
        _check_alias(alias)
        model = load(bundle, backbone=self._backbone_of(bundle))
        name = check_model_name(name or model.name)
        with self._locked():
            record = self.records().get(name, ModelRecord())
            if model.digest in record.versions:
                raise ConfigError(
                    "the registry already has this version",
                    found=f"{name}@{model.digest[:12]}",
                    hint="Give it an alias: glossator models alias.",
                )
            # An addition that was interrupted before its line in the audit leaves a folder behind: overwrite it.
            target = self.folder(name, model.digest)
            with atomic_folder(target, overwrite=True, markers=[file_names.MANIFEST]) as copy:
                copy_bundle(model.bundle, copy)
                read_bundle(copy)
            alias = alias or (None if CHAMPION in record.aliases else CHAMPION)
            return self._append("add", name, model.digest, alias, why)

    def alias(
        self,
        name: str,
        version: str,
        alias: str = CHAMPION,
        *,
        why: str = "",
        evidence: Mapping[str, Any] | None = None,
        expected: str | None = None,
        by: str | None = None,
    ) -> AuditEntry:
        """Give an alias to a version.

        Args:
            name: The name of the model.
            version: The version, see `resolve_version`.
            alias: The alias.
            why: The reason, for the audit.
            evidence: The numbers behind it, JSON-ready, for the audit.
            expected: The digest that must have the alias until now: of two callers that expect it, one succeeds.
            by: Who changes it, for the audit; None: the user of this process.

        Raises:
            UnknownModel: The registry has no such version.
            ConfigError: Another version than the expected one has the alias.
        """
        _check_alias(alias)
        with self._locked():
            digest = self.resolve_version(name, version)
            self._check_expected(name, alias, expected)
            return self._append("alias", name, digest, alias, why, evidence, by)

    def rollback(
        self,
        name: str,
        alias: str = CHAMPION,
        *,
        why: str = "",
        evidence: Mapping[str, Any] | None = None,
        expected: str | None = None,
        by: str | None = None,
    ) -> AuditEntry:
        """Give an alias back to the version that had it before. Raises ConfigError if there is none; see `alias`."""
        with self._locked():
            self._check_expected(name, alias, expected)
            previous = self.record(name).previous_version(alias)
            if previous is None:
                raise ConfigError(
                    "no other version had this alias before",
                    found=f"{name}@{alias}",
                    hint="Choose the version: glossator models alias.",
                )
            return self._append("rollback", name, previous, alias, why, evidence, by)

    def note(self, name: str, version: str, *, why: str, evidence: Mapping[str, Any] | None = None) -> AuditEntry:
        """Record an event of a version in the audit; nothing else changes. Raises UnknownModel."""
        with self._locked():
            return self._append("note", name, self.resolve_version(name, version), None, why, evidence)

    def remove(self, name: str, version: str, *, why: str = "") -> AuditEntry:
        """Remove a version that has no alias. Raises ConfigError if it has one."""
        with self._locked():
            record, digest = self.record(name), self.resolve_version(name, version)
            self._check_unused(name, digest)
            aliases = [alias for alias, aliased in record.aliases.items() if aliased == digest]
            if aliases:
                raise ConfigError(
                    "this version has an alias",
                    found=f"{name}@{digest[:12]}: {', '.join(aliases)}",
                    expected="a version without an alias",
                    hint="Give the alias to another version first.",
                )
            entry = self._append("remove", name, digest, None, why)
            shutil.rmtree(self.folder(name, digest), ignore_errors=True)
            return entry

    def resolve_version(self, name: str, version: str) -> str:
        """Return the digest of a version, given by alias, digest or the first digits of one. Raises UnknownModel."""
        return resolve_version(name, self.record(name), version)

    def _backbone_of(self, bundle: Path) -> Path | None:
        """Return the folder of the backbone of a head in this registry; None if the bundle is no head.

        Raises ConfigError if the registry does not have the backbone: without it, the head cannot be loaded.
        """
        try:
            backbone = read_manifest(bundle).backbone
        except (OSError, BundleError):
            return None  # loading the bundle says what is wrong
        if backbone is None:
            return None
        for name, record in self.records().items():
            if backbone.digest in record.versions:
                return self.folder(name, backbone.digest)
        raise ConfigError(
            "the registry does not have the backbone of this head",
            found=bundle,
            expected=f"{backbone.name}@{backbone.digest[:12]}",
            hint="Add the backbone first: glossator models add BACKBONE.",
        )

    def _check_unused(self, name: str, digest: str) -> None:
        """Raise ConfigError if the version is the last copy of the backbone of a head in this registry."""
        versions = [(other, each) for other, record in self.records().items() for each in record.versions]
        if any(each == digest and other != name for other, each in versions):
            return
        users = []
        for other, each in versions:
            with suppress(OSError, BundleError):
                backbone = read_manifest(self.folder(other, each)).backbone
                if backbone is not None and backbone.digest == digest:
                    users.append(f"{other}@{each[:12]}")
        if users:
            raise ConfigError(
                "this version is the backbone of heads",
                found=f"{name}@{digest[:12]}: {', '.join(users)}",
                expected="a version that no head needs",
                hint="Remove the heads first.",
            )

    def _check_expected(self, name: str, alias: str, expected: str | None) -> None:
        current = self.record(name).aliases.get(alias)
        if expected is not None and current != expected:
            raise ConfigError(
                "another version has got this alias in the meantime",
                found=f"{name}@{alias} is {'no version' if current is None else current[:12]}",
                expected=expected[:12],
                hint="See `glossator models list --history`, and decide again.",
            )

    def _append(
        self,
        action: Action,
        name: str,
        digest: str,
        alias: str | None,
        why: str,
        evidence: Mapping[str, Any] | None = None,
        by: str | None = None,
    ) -> AuditEntry:
        """Append a line to the audit; it is on disk when this returns. The caller holds the lock."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = AuditEntry(action, name, digest, alias, why, by or _user(), time, evidence)
        try:
            append_line(self.audit_file, printable_json(entry.to_dict()).encode())
        except OSError as error:
            raise OutputError(
                f"the audit cannot be written: {error.strerror}",
                found=self.audit_file,
                expected="free space and permission to write",
                hint="The registry is unchanged. Repeat the command when there is space.",
            ) from error
        return entry

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the registry: changes happen one after the other."""
        try:
            file = (self.root / ".lock").open("w")
        except OSError as error:
            raise OutputError(
                f"the registry cannot be changed: {error.strerror}",
                found=self.root,
                hint="Check the owner and the permissions of the folder.",
            ) from error
        with file:
            lock_descriptor(file.fileno(), wait=True)
            self._remove_leftovers()
            yield

    def _remove_leftovers(self) -> None:
        """Remove what killed commands left: unfinished copies, and versions that the audit says are removed."""
        for part in self.root.glob("*/.*.part"):
            remove_leftovers(part.with_name(part.name[1:65]))  # the digest of the copied version
        removed = set()
        for entry in self.entries():
            if entry.action == "remove":
                removed.add((entry.name, entry.digest))
            elif entry.action == "add":
                removed.discard((entry.name, entry.digest))
        for name, digest in removed:
            shutil.rmtree(self.folder(name, digest), ignore_errors=True)


def resolve_version(name: str, record: ModelRecord, version: str) -> str:
    """Return the digest of a version, given by alias, digest or the first digits of one. Raises UnknownModel."""
    if version in record.aliases:
        return record.aliases[version]
    if len(version) >= SHORTEST_VERSION and _HEX.fullmatch(version):
        found = [digest for digest in record.versions if digest.startswith(version)]
        if len(found) == 1:
            return found[0]
    raise UnknownModel(
        "the model has no such version",
        found=f"{name}@{version}",
        expected=", ".join([*record.aliases, *(digest[:12] for digest in record.versions)]),
        hint=f"Give an alias or at least {SHORTEST_VERSION} digits of a digest.",
    )


def challenger_version(name: str, record: ModelRecord, version: str) -> str | None:
    """Return the digest that an alias, `previous` or a digest names; None if no version has the alias at the moment.

    `previous` is the version that was champion before the current one, unless an alias of this name exists. Raises
    UnknownModel for a digest that does not exist.
    """
    if version in record.aliases or not _ALIAS.fullmatch(version) or _looks_like_digest(version):
        return resolve_version(name, record, version)
    return record.previous_version(CHAMPION) if version == PREVIOUS else None


def _looks_like_digest(text: str) -> bool:
    return len(text) >= SHORTEST_VERSION and _HEX.fullmatch(text) is not None


def live_versions(records: Mapping[str, ModelRecord]) -> dict[str, str]:
    """Return the digest of the champion of each model, by name."""
    return {name: record.aliases[CHAMPION] for name, record in records.items() if CHAMPION in record.aliases}


def record_to_dict(name: str, record: ModelRecord) -> dict[str, Any]:
    """Return the record as JSON-ready fields, as `glossator models list --json` prints them."""
    return {
        "name": name,
        "aliases": record.aliases,
        "versions": record.versions,
        "history": [entry.to_dict() for entry in record.history],
    }


def _parse_entry(line: bytes) -> AuditEntry:
    """Return the entry in a line; raises ValueError or TypeError."""
    entry = AuditEntry(**json.loads(line))
    texts = [entry.name, entry.digest, entry.why, entry.by, entry.time, "" if entry.alias is None else entry.alias]
    if not all(isinstance(text, str) for text in texts) or entry.action not in get_args(Action):
        raise ValueError("a field has another type")
    if not (entry.evidence is None or isinstance(entry.evidence, dict)):
        raise ValueError("the evidence is no object")
    if not _DIGEST.fullmatch(entry.digest):
        raise ValueError("this is not a digest")  # it becomes the name of a folder
    check_model_name(entry.name)
    return entry


def _check_alias(alias: str | None) -> None:
    if alias is not None and (
        not _ALIAS.fullmatch(alias) or (_HEX.fullmatch(alias) and len(alias) >= SHORTEST_VERSION)
    ):
        raise ConfigError(
            "this cannot be an alias",
            found=alias,
            expected="lower-case letters, digits, - and _, starting with a letter, and not like a digest",
            hint=f"Choose another, such as {CHAMPION} or challenger.",
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container, the user may have no name
        return str(os.getuid())
