"""Settings of the API, from options, environment variables (`GLOSSATOR_...`) and defaults, in this order."""

from __future__ import annotations

import ipaddress
import re
import secrets
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
from glossator.service.jobs.job_files import FREE_BYTES
from glossator.service.jobs.webhooks.message import secret_bytes
from glossator.service.jobs.webhooks.urls import parse_url
from glossator.service.jobs.workers.worker import LEASE_SECONDS, MEMORY_MB
from glossator.service.jobs.workers.worker_process import STALL_SECONDS, TOTAL_SECONDS
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.monitoring.traffic_shares import TrafficShare

PREFIX = "GLOSSATOR_"

Dialect = Literal["hugging-face", "text-embeddings-inference", "cohere", "label-studio"]
Positive = Annotated[int, Field(ge=1)]


def _split_list(value: object) -> object:
    """Split a list in an environment variable at commas and white space."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _read_shares(value: object) -> object:
    texts = _split_list(value)
    if not isinstance(texts, list | tuple):
        return texts
    return tuple(TrafficShare.parse(each) if isinstance(each, str) else each for each in texts)


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_list)]
Shares = Annotated[tuple[TrafficShare, ...], NoDecode, BeforeValidator(_read_shares)]


def _new_secret() -> SecretStr:
    return SecretStr(secrets.token_hex(32))


class Settings(BaseSettings):
    """Settings of the API. The constructor raises ConfigError with all faults if values are invalid.

    Keys come from `GLOSSATOR_API_KEYS` or the file `GLOSSATOR_API_KEYS_FILE` (one per line). Only their SHA-256 is
    kept. No command has an option for keys: other users of the machine could read it from the process list.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    """0 chooses a free port."""
    uds: Path | None = None
    """A Unix socket to listen on instead of the host and port."""
    root_path: str = ""
    """The path prefix under which a reverse proxy publishes the server, such as `/glossator`."""
    trusted_proxies: Names = ("127.0.0.1", "::1")
    """Addresses or networks of the reverse proxies whose `X-Forwarded-...` headers count."""
    cors_origins: Names = ()
    """Origins, such as `https://app.example`, whose pages may call the API from a browser."""
    session_secret: Annotated[SecretStr, Field(repr=False, default_factory=_new_secret)]
    """Signs the sessions of the pages. Set it if several servers share a host name; random by default."""
    models: Path | None = None
    """A registry (`glossator models`) to serve and follow. Without one, the bundles of the command are served."""
    model_memory_mb: Positive | None = None
    """Memory budget for the graphs of the registry's models. Above it, the least recently used models are evicted."""
    key_file: Path | None = None
    """The key file (`glossator keys`): keys with scopes and expiry times. It is reloaded when it changes."""
    key_file_grace_seconds: Annotated[float, Field(ge=0.0)] = 60.0
    """How long the last keys of a key file stay valid when it is gone, unreadable or damaged."""
    requests_per_minute: Positive | None = None
    """Requests per minute for each key, or for each client address if no key is needed."""
    api_keys_file: Path | None = None
    api_keys: Annotated[Names, Field(repr=False, validate_default=True)] = ()
    """`sha256:` hashes. If there is one, every route except `/livez` and `/readyz` needs a key."""
    allowed_hosts: Names = ()
    """Allowed values of the Host header, in addition to the names of the loopback address."""
    root_dialect: Dialect | None = None
    """The dialect whose routes are also available without their prefix."""
    queue_seconds: Annotated[float, Field(gt=0.0)] = 0.2
    """Requests are refused (429) while the queue holds more work than this many seconds."""
    max_body_bytes: Positive = 8 * 2**20
    max_texts: Positive = 1_000
    """Maximum number of texts in one request."""
    max_characters: Positive = 1_000_000
    """Maximum length of one text."""
    max_answer_bytes: Positive = 128 * 2**20
    """Maximum size of an answer, and of the numbers that it is computed from."""
    encoding_workers: Positive = 2
    """Threads that parse and encode large requests."""
    timeout_seconds: Annotated[float, Field(gt=0.0)] = 30.0
    """Time limit of a request. Clients can set a shorter one with X-Request-Timeout."""
    grace_seconds: Positive = 30
    """Time for running requests to finish after SIGTERM."""
    jobs: Path | None = None
    """The folder for the files and results of jobs. Without it, jobs are disabled."""
    job_database: Annotated[SecretStr | None, Field(repr=False)] = None
    """`postgresql://...`. By default, SQLite in the jobs folder."""
    job_workers: Positive = 1
    """Maximum number of worker processes. They are started when jobs wait."""
    job_threads: Positive | None = None
    job_lease_seconds: Annotated[float, Field(ge=0.5)] = LEASE_SECONDS
    """A job is given to another worker when its worker has been silent for this long."""
    job_memory_mb: Positive = MEMORY_MB
    """Memory limit of a worker."""
    job_stall_seconds: Annotated[float, Field(gt=0.0)] = STALL_SECONDS
    """A worker whose job makes no progress for this long is killed. Three such attempts fail the job."""
    job_total_seconds: Annotated[float, Field(gt=0.0)] = TOTAL_SECONDS
    """A job whose attempt takes longer fails. A retry continues after its finished chunks."""
    job_keep_seconds: Annotated[float, Field(gt=0.0)] = 7 * 86_400.0
    """How long a job and its files are kept after its end."""
    max_upload_bytes: Positive = 4 * 2**30
    upload_idle_seconds: Annotated[float, Field(gt=0.0)] = 30.0
    """An upload is refused after a pause of this length."""
    upload_seconds: Annotated[float, Field(gt=0.0)] = 3_600.0
    """Time limit of an upload."""
    free_disk_bytes: Annotated[int, Field(ge=0)] = FREE_BYTES
    """Disk space that jobs and the prediction log leave free."""
    prediction_log: Path | None = None
    """The folder of the prediction log. Without it, answers are not logged."""
    prediction_log_texts: bool = False
    """Log the texts too. Without, only their SHA-256 is logged."""
    prediction_log_redact: bool = False
    """Mask e-mail addresses, card numbers and phone numbers in logged texts."""
    prediction_log_models: Names = ()
    """Models whose answers are logged; by default all."""
    prediction_log_keep_days: Annotated[float, Field(gt=0.0)] = 30.0
    """How long logged answers are kept."""
    prediction_log_max_mb: Positive = 10_240
    """Maximum size of the prediction log. Above it, the oldest answers are removed."""
    reports: Path | None = None
    """The folder with reports of runs that the Studio shows. It is only read."""
    reviews: Path | None = None
    """The folder for files that people label. By default that of the prediction log; without either, none."""
    review_database: Annotated[SecretStr | None, Field(repr=False)] = None
    """`postgresql://...` for reviews and feedback. By default, SQLite in the folder of the prediction log."""
    shadow: Shares = ()
    """`MODEL=VERSION:SHARE`, such as `tickets=challenger:0.2`: this share of the logged texts is also answered by this
    version, for the log alone."""
    shadow_seed: int = 0
    """Chooses which texts belong to a share."""
    canary: Shares = ()
    """`MODEL=VERSION:SHARE`: this share of the requests for the model is answered by this version."""
    canary_seed: int = 0
    """Chooses which requests belong to a share."""
    prediction_log_drift_tolerance: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    """The largest distance of logged answers from the reference of their model that counts as no drift."""
    prediction_log_drift_webhook: Annotated[SecretStr | None, Field(repr=False)] = None
    """A URL that gets a message when an alarm of drift begins or ends."""
    webhook_hosts: Names = ()
    """Hosts (`name` or `name:port`) that webhooks may be sent to."""
    webhook_networks: Names = ()
    """Networks, such as `10.0.0.0/8`, that the names of these hosts may resolve to, in addition to public addresses."""
    webhook_secret: Annotated[SecretStr | None, Field(repr=False)] = None
    """The secret that signs webhooks: `whsec_` and base64."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(
                "invalid settings",
                faults=[Fault(fault.name, fault.message, _add_variable(fault.where)) for fault in list_faults(error)],
                hint=f"Set them with options, or with environment variables ({PREFIX}...).",
            ) from None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address. Host names other than localhost count as public."""
        if self.uds is not None:
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    @property
    def needs_key(self) -> bool:
        """Whether requests must carry a key."""
        return bool(self.api_keys) or self.key_file is not None

    @property
    def log_settings(self) -> LogSettings | None:
        """The settings of the prediction log; None if answers are not logged."""
        if self.prediction_log is None:
            return None
        return LogSettings(
            folder=self.prediction_log.absolute(),
            texts=self.prediction_log_texts,
            redact=self.prediction_log_redact,
            models=self.prediction_log_models,
            keep_days=self.prediction_log_keep_days,
            max_bytes=self.prediction_log_max_mb << 20,
            free_bytes=self.free_disk_bytes,
        )

    @field_validator("api_keys")
    @classmethod
    def _hash_keys(cls, keys: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        from_file = _read_keys(info.data.get("api_keys_file"))
        return tuple(dict.fromkeys(hash_key(key) for key in (*keys, *from_file)))

    @field_validator("webhook_secret")
    @classmethod
    def _check_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            secret_bytes(secret.get_secret_value())
        return secret

    @field_validator("prediction_log_drift_webhook")
    @classmethod
    def _check_drift_webhook(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            try:
                parse_url(url.get_secret_value())
            except ValueError as error:
                raise ValueError(f"this is not the URL of a webhook; expected {error}") from None
        return url

    @field_validator("root_path")
    @classmethod
    def _check_root_path(cls, path: str) -> str:
        path = path.rstrip("/")
        if path and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path):
            raise ValueError("a root path starts with / and has letters, digits and . _ ~ - only, such as /glossator")
        return path

    @field_validator("trusted_proxies", "webhook_networks")
    @classmethod
    def _check_proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for each in proxies:
            try:
                ipaddress.ip_network(each)
            except ValueError:
                raise ValueError(f"{each} is not an IP address or a network such as 10.0.0.0/8") from None
        return proxies

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for each in origins:
            if not re.fullmatch(r"https?://[^/\s*]+", each):
                raise ValueError(f"{each} is not an origin; expected a scheme and a host, such as https://app.example")
        return tuple(each.lower() for each in origins)

    @field_validator("allowed_hosts", "webhook_hosts")
    @classmethod
    def _lowercase(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(host.lower() for host in hosts)

    @model_validator(mode="after")
    def _check_webhooks_are_signed(self) -> Settings:
        if self.webhook_hosts and self.webhook_secret is None:
            raise ValueError(f"{PREFIX}WEBHOOK_HOSTS needs {PREFIX}WEBHOOK_SECRET, which signs the webhooks")
        variable = f"{PREFIX}PREDICTION_LOG_DRIFT_WEBHOOK"
        if self.prediction_log_drift_webhook is not None and self.webhook_secret is None:
            raise ValueError(f"{variable} needs {PREFIX}WEBHOOK_SECRET, which signs the webhooks")
        if self.prediction_log_drift_webhook is not None and self.prediction_log is None:
            raise ValueError(f"{variable} needs {PREFIX}PREDICTION_LOG: drift is measured on logged answers")
        return self

    @model_validator(mode="after")
    def _check_public_needs_key(self) -> Settings:
        if not self.is_loopback and not self.needs_key:
            raise ValueError(
                f"other machines can reach host {self.host!r}, but no API key is set: "
                f"set {PREFIX}KEY_FILE or {PREFIX}API_KEYS, or bind 127.0.0.1"
            )
        return self


def _read_keys(path: Path | None) -> list[str]:
    """The keys in a file, separated by white space or commas. No path means no keys."""
    if path is None:
        return []
    try:
        keys = path.read_text(encoding="utf-8").replace(",", " ").split()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(f"the file in {PREFIX}API_KEYS_FILE cannot be read: {reason}") from None
    if not keys:
        raise ValueError(f"the file in {PREFIX}API_KEYS_FILE contains no key")
    return keys


def _add_variable(where: str) -> str:
    """The field, followed by the environment variable that sets it."""
    field = where.partition("[")[0]
    return f"{where} ({PREFIX}{field.upper()})" if where else ""
