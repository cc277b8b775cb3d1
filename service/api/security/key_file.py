"""The key file: named API keys with scopes and an expiry time, stored as SHA-256 hashes.

`key_changes` writes the file, `key_reloading` follows it in a server.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from glossator.service.api.schemas.validation_faults import list_faults
from glossator.service.bundle.names import Name
from glossator.service.errors import ConfigError
from glossator.service.files.regular_file import read_regular

KeyScope = Literal["infer", "label", "admin"]
SCOPES: tuple[KeyScope, ...] = ("infer", "label", "admin")
"""`infer`: predictions. `label`: files and jobs. `admin`: metrics."""
MAX_BYTES = 16 * 2**20


def _check_zone(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError("the time has no time zone; write it like 2030-01-31T00:00:00Z")
    return time


Time = Annotated[datetime, AfterValidator(_check_zone)]
Hash = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class ApiKey(BaseModel):
    """One key. After a rotation, the old hash is accepted until `old_expires`."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: list[KeyScope]
    created: Time
    expires: Time | None = None
    sha256: Hash
    old_sha256: Hash | None = None
    old_expires: Time | None = None

    def hashes(self, now: datetime) -> list[str]:
        """The hashes that are accepted at the time `now`."""
        if self.expires is not None and now >= self.expires:
            return []
        old = self.old_sha256 is not None and self.old_expires is not None and now < self.old_expires
        return [self.sha256, *([self.old_sha256] if old and self.old_sha256 else [])]


class KeyFile(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    keys: list[ApiKey] = []

    @model_validator(mode="after")
    def _names_are_distinct(self) -> KeyFile:
        names = [key.name for key in self.keys]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"several keys have the same name: {', '.join(twice)}")
        return self

    def key(self, name: str) -> ApiKey:
        """The key with this name. Raises ConfigError if there is none."""
        for key in self.keys:
            if key.name == name:
                return key
        raise ConfigError(
            "no key has this name",
            found=name,
            expected=", ".join(key.name for key in self.keys) or "no keys exist yet",
            hint="List the keys with: glossator keys list.",
        )


def read_keys(path: Path, *, missing: bool = False) -> KeyFile:
    """Read a key file. `missing=True` accepts a file that does not exist. Raises ConfigError if it cannot be read."""
    try:
        return KeyFile.model_validate_json(read_regular(path, max_bytes=MAX_BYTES))
    except FileNotFoundError:
        if missing:
            return KeyFile()
        raise ConfigError(
            "the key file does not exist", found=path, hint="Create it: glossator keys add NAME."
        ) from None
    except OSError as error:
        raise ConfigError(
            "the key file cannot be read",
            found=f"{path}: {error.strerror}",
            hint="Check the owner and the permissions of the file.",
        ) from None
    except ValidationError as error:
        raise ConfigError(
            "this is not a key file",
            found=path,
            faults=list_faults(error),
            hint="Correct these lines, or create a new file with: glossator keys add NAME.",
        ) from None
