"""Settings: one frozen object, read once from a TOML file and the environment, checked before anything
starts.

Order, the later wins: defaults, the file (`--config`, else STENOBOX_CONFIG, else /etc/stenobox/stenobox.toml
if it exists), variables `STENOBOX_SECTION_KEY`, the `--data` option. A key that is not known is refused with
the nearest one that is, in the file as in the environment: a misspelt limit must not silently be no limit.

The classes below are the documentation too: `reference()` lists every key, and a test compares
daemon/README.md with it.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints

import msgspec
from msgspec import Meta

from stenobox.errors import SettingsError
from stenobox.inboxes import InboxSettings, inboxes_of
from stenobox.networks import networks_of
from stenobox.networksettings import LimitsSettings, ListenSettings, TlsSettings
from stenobox.sharingsettings import SharingSettings

DEFAULT_CONFIG = Path("/etc/stenobox/stenobox.toml")
DEFAULT_DATA = Path("/var/lib/stenobox")
PREFIX = "STENOBOX_"
CONFIG_VARIABLE = "STENOBOX_CONFIG"
SERVER_VARIABLE = "STENOBOX_SERVER"
KEY_VARIABLE = "STENOBOX_KEY"
NO_SETTINGS = frozenset({CONFIG_VARIABLE, SERVER_VARIABLE, KEY_VARIABLE})
"""Variables that look like settings and are not: where the settings are, and what `stenobox push` wants."""

INBOXES = "inboxes"
GIB = 2**30
HOUR = 3_600
DAY = 24 * HOUR
MAX_DAYS = 36_500

RENAMED = {"listen.plain_http": "listen.insecure_http"}
"""Keys of earlier versions, and what they are called now."""


@dataclass(frozen=True, slots=True)
class ModelsSettings:
    path: Annotated[
        tuple[Path, ...],
        Meta(description="Further folders with model bundles, searched after the data folder's own"),
    ] = ()
    default: Annotated[str, Meta(min_length=1, description="Model of a job that names none")] = "demo"
    provider: Annotated[
        Literal["auto", "cpu", "cuda"], Meta(description="What runs the models; auto takes the GPU if usable")
    ] = "auto"
    threads: Annotated[
        int, Meta(ge=0, le=1_024, description="CPU threads of the engine; 0 is one per core")
    ] = 0
    slots: Annotated[int, Meta(ge=1, le=256, description="Windows that the engine decodes side by side")] = 4


@dataclass(frozen=True, slots=True)
class UploadsSettings:
    max_bytes: Annotated[int, Meta(ge=1, description="Largest file that is accepted, in bytes")] = 8 * GIB
    reserve_bytes: Annotated[
        int, Meta(ge=0, description="Free bytes that uploads leave on the disk for database and results")
    ] = GIB
    chunk_bytes: Annotated[
        int, Meta(ge=2**16, le=GIB, description="Largest piece of the chunked upload, in bytes")
    ] = 64 * 2**20
    expire_seconds: Annotated[
        int, Meta(ge=60, description="Seconds after its last byte until an unfinished upload is dropped")
    ] = DAY


@dataclass(frozen=True, slots=True)
class LibrarySettings:
    quota_bytes: Annotated[
        int,
        Meta(ge=0, le=2**62, description="Bytes of recordings that an account may keep; 0 is no limit"),
    ] = 0
    audio_days: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_DAYS,
            description="Days after which a recording's audio goes and its transcripts stay; 0 is never",
        ),
    ] = 0
    transcript_days: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_DAYS,
            description="Days after which a recording goes with its transcripts and audio; 0 is never",
        ),
    ] = 0
    trash_days: Annotated[
        int,
        Meta(ge=1, le=MAX_DAYS, description="Days for which what was deleted can be taken out of the trash"),
    ] = 7


@dataclass(frozen=True, slots=True)
class AudioSettings:
    max_hours: Annotated[float, Meta(gt=0, le=1_000, description="Longest recording, in hours")] = 12.0
    memory_bytes: Annotated[
        int, Meta(ge=64 * 2**20, description="Address space of the decoding child, in bytes")
    ] = 2 * GIB
    cpu_seconds: Annotated[int, Meta(ge=1, description="CPU time of the decoding child, in seconds")] = HOUR


@dataclass(frozen=True, slots=True)
class QueueSettings:
    max_attempts: Annotated[
        int, Meta(ge=1, le=100, description="Failed or crashed attempts after which a job is quarantined")
    ] = 3
    lease_seconds: Annotated[
        float, Meta(ge=1, description="A running job without a sign for so long is taken back, in seconds")
    ] = 60.0
    concurrency: Annotated[int, Meta(ge=1, le=256, description="Recordings in work at the same time")] = 4


@dataclass(frozen=True, slots=True)
class SessionsSettings:
    idle_seconds: Annotated[
        int, Meta(ge=60, description="A sign-in ends after this long without a request, in seconds")
    ] = 12 * HOUR
    absolute_seconds: Annotated[
        int, Meta(ge=60, description="A sign-in ends after this long in any case, in seconds")
    ] = 30 * DAY


@dataclass(frozen=True, slots=True)
class OidcSettings:
    issuer: Annotated[str, Meta(description="Address of an OpenID Connect provider to sign in at")] = ""
    client_id: Annotated[str, Meta(description="What the provider calls this box")] = ""
    secret_file: Annotated[
        Path | None, Meta(description="File with the box's secret at the provider, if it has one")
    ] = None
    url: Annotated[
        str, Meta(description="Address of the box as browsers see it, to which the provider sends them back")
    ] = ""
    label: Annotated[str, Meta(min_length=1, max_length=60, description="What the page calls it")] = (
        "your office account"
    )
    name_claim: Annotated[
        str, Meta(min_length=1, description="Claim of the provider that holds a person's name")
    ] = "preferred_username"
    match_names: Annotated[
        bool, Meta(description="Whom the provider calls like an account here gets that account")
    ] = False
    create_role: Annotated[
        Literal["none", "user", "viewer"],
        Meta(description="Role of accounts made for people that come for the first time; none makes none"),
    ] = "none"


@dataclass(frozen=True, slots=True)
class LogSettings:
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe message that is logged")
    ] = "info"
    format: Annotated[
        Literal["json", "text"], Meta(description="json for machines, one object per line; text for people")
    ] = "json"


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    public: Annotated[bool, Meta(description="Answer /metrics to anyone, not only to admins and keys")] = (
        False
    )


@dataclass(frozen=True, slots=True)
class AuditSettings:
    days: Annotated[
        int, Meta(ge=0, le=MAX_DAYS, description="Days after which rows of the audit trail go; 0 is never")
    ] = 0


@dataclass(frozen=True, slots=True)
class WebhooksSettings:
    enabled: Annotated[
        bool, Meta(description="Let accounts have webhooks: notices of their jobs leave the box")
    ] = False
    allow: Annotated[
        tuple[str, ...],
        Meta(description="Networks that webhooks may reach beside public addresses, as 10.0.0.0/8"),
    ] = ()
    ca: Annotated[
        Path | None, Meta(description="Further certificate authorities for webhooks, a PEM file")
    ] = None


@dataclass(frozen=True, slots=True)
class MailSettings:
    host: Annotated[str | None, Meta(description="Mail server for notices; none are sent without one")] = None
    port: Annotated[int, Meta(ge=1, le=65_535, description="Its port")] = 587
    security: Annotated[
        Literal["starttls", "tls", "none"], Meta(description="How the way to the mail server is encrypted")
    ] = "starttls"
    user: Annotated[str | None, Meta(description="User name at the mail server, if it wants one")] = None
    password_file: Annotated[
        Path | None, Meta(description="File that holds the password at the mail server")
    ] = None
    ca: Annotated[
        Path | None, Meta(description="Further certificate authorities for the mail server, a PEM file")
    ] = None
    sender: Annotated[str, Meta(description="Address that notices come from")] = "stenobox@localhost"


@dataclass(frozen=True, slots=True)
class Settings:
    data: Annotated[Path, Meta(description="Folder of database, recordings and models")] = DEFAULT_DATA
    webui: Annotated[
        Path | None, Meta(description="Folder of the page, when it is not the one that ships")
    ] = None
    listen: ListenSettings = field(default_factory=ListenSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    limits: LimitsSettings = field(default_factory=LimitsSettings)
    models: ModelsSettings = field(default_factory=ModelsSettings)
    uploads: UploadsSettings = field(default_factory=UploadsSettings)
    library: LibrarySettings = field(default_factory=LibrarySettings)
    sharing: SharingSettings = field(default_factory=SharingSettings)
    audio: AudioSettings = field(default_factory=AudioSettings)
    queue: QueueSettings = field(default_factory=QueueSettings)
    sessions: SessionsSettings = field(default_factory=SessionsSettings)
    oidc: OidcSettings = field(default_factory=OidcSettings)
    log: LogSettings = field(default_factory=LogSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    webhooks: WebhooksSettings = field(default_factory=WebhooksSettings)
    mail: MailSettings = field(default_factory=MailSettings)
    inboxes: tuple[InboxSettings, ...] = ()


class Key(NamedTuple):
    """One setting: `section` is "" for the keys above all tables; `kind` is the annotated type."""

    section: str
    name: str
    kind: Any
    default: object
    meaning: str

    @property
    def path(self) -> str:
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def variable(self) -> str:
        return PREFIX + self.path.replace(".", "_").upper()


def reference() -> tuple[Key, ...]:
    """Every key with its default and its meaning, in the order of the classes."""
    return tuple(_keys(Settings, ""))


def _keys(owner: type[Any], section: str) -> Iterator[Key]:
    hints = get_type_hints(owner, include_extras=True)
    for item in fields(owner):
        if item.name == INBOXES:  # tables of their own, see inboxes.py
            continue
        kind = hints[item.name]
        if is_dataclass(kind) and isinstance(kind, type):
            yield from _keys(kind, item.name)
            continue
        default = None if item.default is MISSING else item.default
        meaning = next(meta.description for meta in kind.__metadata__ if isinstance(meta, Meta))
        yield Key(section, item.name, kind, default, meaning or "")


def load_settings(config: Path | None, data: Path | None, env: Mapping[str, str]) -> Settings:
    """Read file and environment; `config` and `data` are the command's options.

    Raises SettingsError naming the source, the key, and the nearest valid key or what is wrong with the
    value.
    """
    keys = {key.path: key for key in reference()}
    values: dict[str, Any] = {}
    source = _config_file(config, env)
    inboxes: tuple[InboxSettings, ...] = ()
    if source is not None:
        table = _read_toml(source)
        inboxes = inboxes_of(table.pop("inbox", []), str(source), _path)
        for path, value in _flatten(table, str(source), keys):
            values[path] = _convert(keys[path], value, str(source), path)
    by_variable = {key.variable: key for key in keys.values()}
    for variable in sorted(env):
        if not variable.startswith(PREFIX) or variable in NO_SETTINGS:
            continue
        if variable not in by_variable:
            raise _unknown("environment", variable, list(by_variable))
        key = by_variable[variable]
        values[key.path] = _convert(key, _from_text(key, env[variable]), "environment", variable)
    if data is not None:
        values["data"] = data
    networks_of(values.get("listen.trusted_proxies", ()), "listen.trusted_proxies")
    return replace(_build(keys, values), inboxes=inboxes)


def _config_file(config: Path | None, env: Mapping[str, str]) -> Path | None:
    if config is not None:
        return config
    if env.get(CONFIG_VARIABLE):
        return Path(env[CONFIG_VARIABLE])
    return DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(source=path, problem=f"cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(source=path, problem=f"is not valid TOML: {error}.") from error


def _flatten(table: dict[str, Any], source: str, keys: Mapping[str, Key]) -> Iterator[tuple[str, Any]]:
    """Yield (path, value), refusing what is not a key before any value is looked at."""
    sections = {key.section for key in keys.values()} - {""}
    for name, value in table.items():
        if name in sections:
            if not isinstance(value, dict):
                raise SettingsError(source=source, problem=f"{name!r} is a section: write [{name}].")
            for inner, setting in value.items():
                path = f"{name}.{inner}"
                if path not in keys:
                    raise _unknown(source, path, list(keys))
                yield path, setting
        elif name in keys:
            yield name, value
        else:
            top = [key.name for key in keys.values() if not key.section]
            raise _unknown(source, name, [*sections, *top, *keys])


def _unknown(source: str, name: str, known: list[str]) -> SettingsError:
    for old, new in RENAMED.items():
        if name == old or name == PREFIX + old.replace(".", "_").upper():
            shown = new if name == old else PREFIX + new.replace(".", "_").upper()
            return SettingsError(source=source, problem=f"{name!r} is now called {shown!r}.")
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return SettingsError(source=source, problem=f"unknown key {name!r}. Did you mean {nearest[0]!r}?")


def _from_text(key: Key, text: str) -> Any:
    """A variable is text; a list of folders is written like PATH."""
    if key.kind.__origin__ == tuple[Path, ...]:
        return [part for part in text.split(os.pathsep) if part]
    if key.kind.__origin__ == tuple[str, ...]:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _convert(key: Key, value: Any, source: str, name: str) -> Any:
    # TOML has types, the environment has only text: "8080" is a number there.
    lenient = source == "environment"
    try:
        converted = msgspec.convert(value, key.kind, strict=not lenient, dec_hook=_path)
    except msgspec.ValidationError as error:
        problem = f"{name}: {str(error).split(' - at ')[0]}. {key.meaning}."
        raise SettingsError(source=source, problem=problem) from error
    if isinstance(converted, float) and not abs(converted) < float("inf"):
        raise SettingsError(source=source, problem=f"{name}: must be a finite number. {key.meaning}.")
    return converted


def _path(kind: type[Any], value: Any) -> Path:
    if kind is not Path or not isinstance(value, str) or not value:
        raise ValueError("Expected the path of a folder")
    return Path(value).expanduser()


def _build(keys: Mapping[str, Key], values: Mapping[str, Any]) -> Settings:
    hints = get_type_hints(Settings)
    arguments: dict[str, Any] = {}
    for key in keys.values():
        if key.path not in values:
            continue
        if key.section:
            arguments.setdefault(key.section, {})[key.name] = values[key.path]
        else:
            arguments[key.name] = values[key.path]
    for name, value in arguments.items():
        if is_dataclass(hints[name]):
            arguments[name] = hints[name](**value)
    return Settings(**arguments)
