"""Each setting: its variable, its default, one sentence.

The only place that turns environment text into values. Reading `.env` is left to the command line.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .errors import SettingRefused

TlsMode = Literal["starttls", "implicit", "none"]
UnknownTypes = Literal["fail", "park"]


class Secret(str):
    """Text that never shows itself: `repr` and formatting are masked, `reveal()` is the text."""

    __slots__ = ()

    def reveal(self) -> str:
        return str.__str__(self)

    def __repr__(self) -> str:
        return "Secret('•••')"

    def __str__(self) -> str:
        return "•••"

    def __format__(self, spec: str) -> str:
        return format("•••", spec)


def _setting(variable: str, default: Any, about: str, **bounds: float) -> Any:
    metadata = {"variable": variable, "about": about, **bounds}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one process. Times are in seconds unless the name says otherwise."""

    database_url: Secret | None = _setting(
        "DATABASE_URL", None, "The PostgreSQL to use; without it the embedded one is started."
    )
    data_dir: str = _setting(
        "DULY_DATA_DIR", ".duly", "Where the embedded PostgreSQL keeps its data."
    )
    migrate: bool = _setting(
        "DULY_MIGRATE", True, "Whether the schema is brought up to date at start."
    )
    pool_size: int = _setting(
        "DULY_POOL_SIZE", 4, "Most database connections for requests.", least=1, most=100
    )

    host: str = _setting("HOST", "127.0.0.1", "The address that the HTTP server binds.")
    port: int = _setting("PORT", 3000, "The port that the HTTP server binds.", least=0, most=65535)
    token: Secret | None = _setting(
        "DULY_TOKEN", None, "The bearer token that every HTTP request must carry, when set."
    )
    insecure: bool = _setting(
        "DULY_INSECURE", False, "Whether an address other than loopback may be bound with no token."
    )
    max_body_bytes: int = _setting(
        "DULY_MAX_BODY_BYTES", 1_048_576, "Largest request body.", least=1024, most=67_108_864
    )
    strict_job_types: bool = _setting(
        "DULY_STRICT_JOB_TYPES", False, "Whether unknown job types are refused at submission."
    )
    keep_alive: float = _setting(
        "DULY_SSE_KEEP_ALIVE", 15.0, "Seconds between comments on a quiet event stream.", least=0.05
    )

    streams: int = _setting(
        "DULY_STREAMS", 2_000, "Most event streams that one server has open.", least=1
    )
    streams_per_address: int = _setting(
        "DULY_STREAMS_PER_ADDRESS",
        200,
        "Most event streams of one client address; behind a proxy, all come from its address.",
        least=1,
    )

    slots: int = _setting(
        "DULY_SLOTS", 10, "How many jobs one worker runs at once.", least=1, most=10_000
    )
    unknown_job_types: UnknownTypes = _setting(
        "DULY_UNKNOWN_JOB_TYPES",
        "fail",
        "What becomes of jobs of a type that no live worker knows: fail (at once) or park.",
    )
    poll: float = _setting(
        "DULY_POLL", 2.0, "Seconds between looks for jobs when nothing woke the worker.", least=0.05
    )
    heartbeat: float = _setting(
        "DULY_HEARTBEAT", 3.0, "Seconds between two heartbeats of a worker.", least=0.05
    )
    worker_ttl: float = _setting(
        "DULY_WORKER_TTL",
        15.0,
        "Seconds without a heartbeat after which a worker is dead.",
        least=0.2,
    )
    stall_seconds: float = _setting(
        "DULY_STALL_SECONDS",
        1.0,
        "Seconds for which a handler may block the event loop before that is told.",
        least=0.05,
    )
    processes: int | None = _setting(
        "DULY_PROCESSES",
        None,
        "Worker processes under a supervisor; without it, one process and no supervisor.",
        least=1,
        most=256,
    )
    max_jobs_per_process: int | None = _setting(
        "DULY_MAX_JOBS_PER_PROCESS",
        None,
        "Attempts after which a supervisor replaces a worker process; without it, never.",
        least=1,
    )
    memory_limit: int | None = _setting(
        "DULY_MEMORY_LIMIT",
        None,
        "MiB of memory beyond which a supervisor replaces a worker process; without it, never.",
        least=16,
    )
    grace: float = _setting(
        "DULY_GRACE", 30.0, "Seconds that running jobs get to finish at shutdown.", least=0
    )

    retention_days: int = _setting(
        "DULY_RETENTION_DAYS", 7, "Days that finished jobs are kept.", least=1, most=3650
    )
    event_retention_hours: int = _setting(
        "DULY_EVENT_RETENTION_HOURS", 24, "Hours that events are kept.", least=1, most=8760
    )

    smtp_host: str = _setting(
        "SMTP_HOST", "email-smtp.eu-north-1.amazonaws.com", "The mail server."
    )
    smtp_port: int = _setting("SMTP_PORT", 587, "Its port.", least=1, most=65535)
    smtp_username: str | None = _setting("SMTP_USERNAME", None, "The name to log in with.")
    smtp_password: Secret | None = _setting("SMTP_PASSWORD", None, "The password to log in with.")
    from_email: str | None = _setting("FROM_EMAIL", None, "The sender of e-mail jobs.")
    smtp_tls: TlsMode = _setting(
        "SMTP_TLS", "starttls", "How mail is encrypted: starttls (required), implicit, or none."
    )
    smtp_ca_file: str | None = _setting(
        "SMTP_CA_FILE", None, "A PEM file of certificates to trust instead of the system's."
    )
    smtp_timeout: float = _setting(
        "SMTP_TIMEOUT", 30.0, "Seconds that one answer of the mail server may take.", least=0.1
    )
    smtp_connections: int = _setting(
        "SMTP_CONNECTIONS", 4, "Most connections to the mail server.", least=1, most=100
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read every setting from `environment`; an empty value counts as not set.

        Raises SettingRefused, which names the variable, what was wrong and what is expected. A
        heartbeat longer than a quarter of the time to live is refused: one late beat would look
        like a death.
        """
        hints = typing.get_type_hints(cls)
        given: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            text = environment.get(field.metadata["variable"], "").strip()
            if text:
                given[field.name] = _parse(field.metadata, hints[field.name], text)
        settings = cls(**given)
        if settings.heartbeat > settings.worker_ttl / 4:
            raise SettingRefused(
                variable="DULY_HEARTBEAT",
                reason="must be at most a quarter of DULY_WORKER_TTL"
                f" ({settings.worker_ttl:g} s), but is {settings.heartbeat:g} s",
            )
        return settings


def _parse(metadata: Mapping[str, Any], hint: Any, text: str) -> Any:
    variable = metadata["variable"]
    choices = [part for part in typing.get_args(hint) if isinstance(part, str)]
    if choices:
        if text.lower() not in choices:
            raise SettingRefused(variable=variable, reason=f"expected one of {', '.join(choices)}")
        return text.lower()
    kinds = [part for part in (typing.get_args(hint) or (hint,)) if part is not type(None)]
    read = _READERS[kinds[0]]
    try:
        value = read(text)
    except ValueError:
        expected = _EXPECTED[kinds[0]]
        raise SettingRefused(variable=variable, reason=f"expected {expected}") from None
    _check_bounds(metadata, value)
    return value


def _check_bounds(metadata: Mapping[str, Any], value: Any) -> None:
    least, most = metadata.get("least"), metadata.get("most")
    if least is not None and not value >= least:
        raise SettingRefused(
            variable=metadata["variable"], reason=f"must be at least {least}, but is {value}"
        )
    if most is not None and not value <= most:
        raise SettingRefused(
            variable=metadata["variable"], reason=f"must be at most {most}, but is {value}"
        )


def _read_flag(text: str) -> bool:
    flag = {"1": True, "true": True, "yes": True, "on": True}.get(text.lower())
    if flag is None and text.lower() not in {"0", "false", "no", "off"}:
        raise ValueError(text)
    return bool(flag)


_READERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    Secret: Secret,
    int: int,
    float: float,
    bool: _read_flag,
}
_EXPECTED: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "on or off",
}
