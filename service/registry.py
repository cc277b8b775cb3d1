"""A folder of models: every version that was added, by digest, and which of them answers.

    REGISTRY/
      audit.jsonl           one line an action, only ever appended: what was live, when, why, by whom
      NAME/DIGEST/          a bundle, as it was added

What is live is told by the audit alone: the aliases of a model are what its last lines say. `champion` is the alias
that answers under the model's bare name; others, such as `challenger`, are asked for as `NAME@ALIAS`.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from glossator.service.bundle.names import check_model_name
from glossator.service.bundle.reader import read_bundle
from glossator.service.errors import ConfigError, UnknownModel
from glossator.service.files.durable import sync_folder, sync_tree
from glossator.service.inference.model import load

CHAMPION = "champion"
AUDIT = "audit.jsonl"
SHORTEST_VERSION = 7
"""Digits of a digest that a version must name at least."""
Action = Literal["add", "alias", "rollback", "remove"]

_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_HEX = re.compile(r"[0-9a-f]+")
_INCOMING = ".incoming-"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the audit. `digest` is the version that was added, removed, or has the alias from then on."""

    action: Action
    name: str
    digest: str
    alias: str | None
    why: str
    by: str
    time: str


@dataclass(slots=True)
class Record:
    """What the audit says of one model."""

    versions: list[str] = field(default_factory=list)
    """Digests, in the order in which they were added."""
    aliases: dict[str, str] = field(default_factory=dict)
    history: list[Entry] = field(default_factory=list)

    def before(self, alias: str) -> str | None:
        """The version that had an alias before the one that has it, and is still there; as one goes back step by step,
        those that were gone back from are left out."""
        stack: list[str] = []
        for entry in self.history:
            if entry.alias != alias:
                continue
            if entry.action == "rollback":
                while stack and stack[-1] != entry.digest:
                    stack.pop()
            elif not stack or stack[-1] != entry.digest:
                stack.append(entry.digest)
        rest = [digest for digest in stack[:-1] if digest in self.versions]
        return rest[-1] if rest else None


class Registry:
    """The models in a folder, which is made where it is absent. Processes may share one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError("the folder of models cannot be made", found=root, expected=str(error.strerror)) from None

    @property
    def audit_file(self) -> Path:
        return self.root / AUDIT

    def entries(self) -> Iterator[Entry]:
        """The audit, oldest first. Raises ConfigError for a line that is not one of ours."""
        try:
            lines = self.audit_file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return
        for number, line in enumerate(lines, start=1):
            try:
                yield Entry(**json.loads(line))
            except (ValueError, TypeError):
                raise ConfigError(
                    f"line {number} of the audit cannot be read", found=line,
                    expected="lines that glossator models wrote", hint=f"Mend {self.audit_file} by hand.",
                ) from None  # fmt: skip

    def records(self) -> dict[str, Record]:
        """What the audit says of each model, by name."""
        found: dict[str, Record] = {}
        for entry in self.entries():
            record = found.setdefault(entry.name, Record())
            record.history.append(entry)
            if entry.action == "add" and entry.digest not in record.versions:
                record.versions.append(entry.digest)
            if entry.action == "remove":
                record.versions.remove(entry.digest)
            if entry.alias is not None and entry.action != "remove":
                record.aliases[entry.alias] = entry.digest
        return {name: record for name, record in found.items() if record.versions}

    def record(self, name: str) -> Record:
        """What the audit says of one model; raises UnknownModel."""
        records = self.records()
        if name not in records:
            raise UnknownModel(
                "the registry has no model of this name", found=name,
                expected=f"one of: {', '.join(records) or 'none'}", hint="See `glossator models list`.",
            )  # fmt: skip
        return records[name]

    def folder(self, name: str, digest: str) -> Path:
        """Where a version stands."""
        return self.root / name / digest

    def add(self, bundle: Path, *, name: str | None = None, alias: str | None = None, why: str = "") -> Entry:
        """Adds a bundle that verifies, here and once more where it was copied to; the first of a name is its champion.

        Raises BundleError where it does not verify, ConfigError for a name or an alias that cannot be one, and where
        the version is there already.
        """
        _check_alias(alias)
        model = load(bundle)
        name = check_model_name(name or model.name)
        target = self.folder(name, model.digest)
        with self._locked():
            record = self.records().get(name, Record())
            if model.digest in record.versions:
                raise ConfigError(
                    "this version is there already", found=f"{name}@{model.digest[:12]}",
                    hint="Give it an alias: glossator models alias.",
                )  # fmt: skip
            target.parent.mkdir(exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=target.parent))
            try:
                copy = aside / "bundle"
                shutil.copytree(bundle, copy, symlinks=True)
                read_bundle(copy)  # a copy that is not the same to the byte does not come into use
                sync_tree(copy)
                if target.exists():  # left by an addition that was broken off before the audit heard of it
                    shutil.rmtree(target)
                os.replace(copy, target)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
            sync_folder(target.parent)
            alias = alias or (None if CHAMPION in record.aliases else CHAMPION)
            return self._append("add", name, model.digest, alias, why)

    def alias(self, name: str, version: str, alias: str = CHAMPION, *, why: str = "") -> Entry:
        """Gives an alias to a version."""
        _check_alias(alias)
        with self._locked():
            return self._append("alias", name, self.version(name, version), alias, why)

    def rollback(self, name: str, alias: str = CHAMPION, *, why: str = "") -> Entry:
        """Gives an alias back to the version that had it before; raises ConfigError where none had."""
        with self._locked():
            before = self.record(name).before(alias)
            if before is None:
                raise ConfigError(
                    "no version had this alias before", found=f"{name}@{alias}",
                    hint="Name the version: glossator models alias.",
                )  # fmt: skip
            return self._append("rollback", name, before, alias, why)

    def remove(self, name: str, version: str, *, why: str = "") -> Entry:
        """Removes a version that has no alias."""
        with self._locked():
            record, digest = self.record(name), self.version(name, version)
            held = [alias for alias, holder in record.aliases.items() if holder == digest]
            if held:
                raise ConfigError(
                    "this version has an alias", found=f"{name}@{digest[:12]}: {', '.join(held)}",
                    expected="a version that answers nobody", hint="Give the alias to another version first.",
                )  # fmt: skip
            entry = self._append("remove", name, digest, None, why)
            shutil.rmtree(self.folder(name, digest), ignore_errors=True)
            return entry

    def version(self, name: str, asked: str) -> str:
        """The digest that an alias, a digest or the beginning of one names; raises UnknownModel."""
        return version_of(name, self.record(name), asked)

    def _append(self, action: Action, name: str, digest: str, alias: str | None, why: str) -> Entry:
        """Writes a line, on disk for good when this returns; the lock is held."""
        entry = Entry(action, name, digest, alias, why, _user(), datetime.now(UTC).isoformat(timespec="milliseconds"))
        with self.audit_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.root)
        return entry

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two commands at a time would each not see what the other does."""
        with (self.root / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def version_of(name: str, record: Record, asked: str) -> str:
    """The digest that an alias, a digest or the beginning of one names; raises UnknownModel."""
    if asked in record.aliases:
        return record.aliases[asked]
    if len(asked) >= SHORTEST_VERSION and _HEX.fullmatch(asked):
        found = [digest for digest in record.versions if digest.startswith(asked)]
        if len(found) == 1:
            return found[0]
    raise UnknownModel(
        "the model has no such version", found=f"{name}@{asked}",
        expected=", ".join([*record.aliases, *(digest[:12] for digest in record.versions)]),
        hint=f"A digest may be cut to {SHORTEST_VERSION} digits.",
    )  # fmt: skip


def live(records: Mapping[str, Record]) -> dict[str, str]:
    """The digest that answers under each name."""
    return {name: record.aliases[CHAMPION] for name, record in records.items() if CHAMPION in record.aliases}


def to_dict(name: str, record: Record) -> dict[str, Any]:
    """What `glossator models list --json` says of one model."""
    return {
        "name": name, "aliases": record.aliases, "versions": record.versions,
        "history": [asdict(entry) for entry in record.history],
    }  # fmt: skip


def _check_alias(alias: str | None) -> None:
    if alias is not None and (
        not _ALIAS.fullmatch(alias) or (_HEX.fullmatch(alias) and len(alias) >= SHORTEST_VERSION)
    ):
        raise ConfigError(
            "this cannot be an alias", found=alias, expected="small letters, digits, - and _, unlike a digest",
            hint=f"Choose another, such as {CHAMPION} or challenger.",
        )  # fmt: skip


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user that has no name
        return str(os.getuid())
