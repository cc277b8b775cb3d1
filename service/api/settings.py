"""How the API runs: options, then environment (`GLOSSATOR_...`), then defaults."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from glossator.service.api.schemas.validation_faults import list_faults
from glossator.service.api.security.key_hashing import hash_key
from glossator.service.errors import ConfigError, Fault
from glossator.service.jobs import webhook
from glossator.service.jobs.job_files import FREE_BYTES
from glossator.service.jobs.worker import LEASE_SECONDS, MEMORY_MB

PREFIX = "GLOSSATOR_"

Dialect = Literal["hugging-face", "text-embeddings-inference", "cohere", "label-studio"]
Positive = Annotated[int, Field(ge=1)]


def _split(value: object) -> object:
    """The items of a list that an environment variable holds: commas or white space between them."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """Settings of the API. Making one raises ConfigError with every fault where a value cannot be used.

    Keys are read from `GLOSSATOR_API_KEYS` or from the file that `GLOSSATOR_API_KEYS_FILE` names (one a line), and
    kept only as SHA-256. They are no option of any command: other users of the machine can read its arguments.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    """0 takes any free port."""
    models: Path | None = None
    """The folder of models (`glossator models`) that is followed; without one, the bundles given are served."""
    model_memory_mb: Positive | None = None
    """What the graphs of the models of the folder may take; those not asked for longest are let go."""
    key_file: Path | None = None
    """The file of keys with scopes and ends (`glossator keys`), read again when it changes."""
    requests_per_minute: Positive | None = None
    """How many requests a key may make in a minute; without keys, an address."""
    api_keys_file: Path | None = None
    api_keys: Annotated[Names, Field(repr=False, validate_default=True)] = ()
    """`sha256:` hashes. Where there is one, every route but `/livez` and `/readyz` asks for a key."""
    allowed_hosts: Names = ()
    """Host names that requests may be addressed to, besides those of the loopback address."""
    root_dialect: Dialect | None = None
    """The dialect whose routes also stand at the root, for clients that know no prefix."""
    queue_seconds: Annotated[float, Field(gt=0.0)] = 0.2
    """How much work may wait before requests are refused (429), told in the seconds that it would take."""
    max_body_bytes: Positive = 8 * 2**20
    max_texts: Positive = 1_000
    """Texts in one request."""
    max_characters: Positive = 1_000_000
    """Characters in one text."""
    encoding_workers: Positive = 2
    """Large requests that are parsed and encoded at the same time, beside the event loop."""
    timeout_seconds: Annotated[float, Field(gt=0.0)] = 30.0
    """How long a request may wait for its answer; a client may ask for less by X-Request-Timeout."""
    grace_seconds: Positive = 30
    """How long requests that have begun may take after SIGTERM."""
    jobs: Path | None = None
    """The folder where files and results of jobs stand; without one there are no jobs."""
    job_database: Annotated[SecretStr | None, Field(repr=False)] = None
    """`postgresql://...`; without one, SQLite in the folder."""
    job_workers: Positive = 1
    """Processes that work at jobs; they are started when there is work."""
    job_threads: Positive | None = None
    job_lease_seconds: Annotated[float, Field(ge=0.5)] = LEASE_SECONDS
    """After how long a job of a worker that is not heard of any more goes to another."""
    job_memory_mb: Positive = MEMORY_MB
    """What a worker may have."""
    job_keep_seconds: Annotated[float, Field(gt=0.0)] = 7 * 86_400.0
    """How long a job and its files are kept after its end."""
    max_upload_bytes: Positive = 4 * 2**30
    free_disk_bytes: Annotated[int, Field(ge=0)] = FREE_BYTES
    """What must stay free on the disk of the jobs."""
    webhook_hosts: Names = ()
    """Hosts (`name` or `name:port`) that may be told of a job's end."""
    webhook_secret: Annotated[SecretStr | None, Field(repr=False)] = None
    """`whsec_` and base64: what signs these messages."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(
                "the settings of the API cannot be used",
                faults=[Fault(fault.name, fault.message, _named(fault.where)) for fault in list_faults(error)],
                hint=f"Set them as options or as {PREFIX}... in the environment.",
            ) from None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address. A host name other than localhost counts as public."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    @property
    def needs_key(self) -> bool:
        """Whether requests must carry a key."""
        return bool(self.api_keys) or self.key_file is not None

    @field_validator("api_keys")
    @classmethod
    def _keep_hashes_only(cls, keys: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        from_file = _read_keys(info.data.get("api_keys_file"))
        return tuple(dict.fromkeys(hash_key(key) for key in (*keys, *from_file)))

    @field_validator("webhook_secret")
    @classmethod
    def _is_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            webhook.secret_bytes(secret.get_secret_value())
        return secret

    @field_validator("allowed_hosts", "webhook_hosts")
    @classmethod
    def _lower(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(host.lower() for host in hosts)

    @model_validator(mode="after")
    def _webhooks_are_signed(self) -> Settings:
        if self.webhook_hosts and self.webhook_secret is None:
            raise ValueError(f"{PREFIX}WEBHOOK_HOSTS needs {PREFIX}WEBHOOK_SECRET, which signs what they are told")
        return self

    @model_validator(mode="after")
    def _public_needs_a_key(self) -> Settings:
        if not self.is_loopback and not self.needs_key:
            raise ValueError(
                f"host {self.host!r} can be reached from other machines, and no API key is set: "
                f"set {PREFIX}KEY_FILE or {PREFIX}API_KEYS, or bind 127.0.0.1"
            )
        return self


def _read_keys(path: Path | None) -> list[str]:
    """The keys in a file, separated by white space or commas; none where no file is named."""
    if path is None:
        return []
    try:
        keys = path.read_text(encoding="utf-8").replace(",", " ").split()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(f"the file that {PREFIX}API_KEYS_FILE names cannot be read: {reason}") from None
    if not keys:
        raise ValueError(f"the file that {PREFIX}API_KEYS_FILE names holds no key")
    return keys


def _named(where: str) -> str:
    """A field's place with the environment variable that sets it."""
    field = where.partition("[")[0]
    return f"{where} ({PREFIX}{field.upper()})" if where else ""
