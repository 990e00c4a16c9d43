"""Settings of hot folders: the `[[inbox]]` tables, and the `stenobox.toml` in an inbox that overrides some.

Whoever may put a file into an inbox may put a `stenobox.toml` there too, so that it can choose how recordings
are transcribed and what becomes of the files, but not where the inbox is, and whose they are only among the
accounts that the box's own settings list: nobody files recordings under an account that did not agree to it.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, get_type_hints

import msgspec
from msgspec import Meta

from stenobox.errors import SettingsError

__all__ = ["OVERRIDES", "OVERRIDE_FILE", "InboxSettings", "inbox_reference", "inboxes_of", "overridden"]

OVERRIDE_FILE: Final = "stenobox.toml"
OVERRIDES: Final = ("owner", "model", "language", "task", "channels", "priority", "results", "original")
"""What the file in an inbox may say."""

MAX_OVERRIDE_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxSettings:
    name: Annotated[
        str,
        Meta(pattern="^[A-Za-z0-9_-]{1,40}$", description="What logs and metrics call it; never to change"),
    ]
    path: Annotated[Path, Meta(description="The folder that people drop recordings into")]
    owner: Annotated[
        str, Meta(min_length=1, description="Account that the recordings belong to; a user or an admin")
    ]
    owners: Annotated[
        tuple[str, ...],
        Meta(description="Other accounts that the folder's `stenobox.toml` may name as the owner"),
    ] = ()
    model: Annotated[str, Meta(description="Model; the box's default if empty")] = ""
    language: Annotated[str, Meta(description="Code or English name; found out if empty")] = ""
    task: Annotated[
        Literal["transcribe", "translate"], Meta(description="`translate` writes English whatever is spoken")
    ] = "transcribe"
    channels: Annotated[
        Literal["mix", "split"], Meta(description="`split` gives each channel lines of its own")
    ] = "mix"
    priority: Annotated[
        Literal["interactive", "normal", "batch"], Meta(description="Which jobs it goes before")
    ] = "normal"
    results: Annotated[
        tuple[Literal["txt", "srt", "vtt", "json", "tsv", "lrc", "docx", "md", "html"], ...],
        Meta(min_length=1, description="Formats that are written beside the recording"),
    ] = ("txt",)
    original: Annotated[
        Literal["move", "keep", "delete"],
        Meta(description="What becomes of a recording once its results are written: into `done/`, or not"),
    ] = "move"
    settle_seconds: Annotated[
        float, Meta(ge=0.1, le=3_600, description="A file is taken when it has not changed for so long")
    ] = 1.0
    patience_seconds: Annotated[
        float, Meta(ge=1, le=86_400, description="How long a copy that broke off may take to go on")
    ] = 120.0
    rescan_seconds: Annotated[
        float, Meta(ge=0.5, le=86_400, description="How often the folder is looked through, beside inotify")
    ] = 30.0
    watch: Annotated[
        Literal["auto", "inotify", "polling"],
        Meta(description="`auto` polls where the kernel tells nothing: CIFS, NFS, FUSE"),
    ] = "auto"
    ignore: Annotated[
        tuple[str, ...], Meta(description="Further patterns of names that are left alone, such as `*.bak`")
    ] = ()


class InboxKey(NamedTuple):
    """One setting of an inbox; `default` None: it must be given."""

    name: str
    default: object
    meaning: str


def inbox_reference() -> tuple[InboxKey, ...]:
    """Every key of `[[inbox]]`, for the documentation."""
    return tuple(
        InboxKey(
            item.name,
            None if item.default is MISSING else item.default,
            next(meta.description or "" for meta in kind.__metadata__ if isinstance(meta, Meta)),
        )
        for item, kind in _kinds()
    )


def inboxes_of(
    tables: object, source: str, convert_path: Callable[[type[Any], Any], Path]
) -> tuple[InboxSettings, ...]:
    """The inboxes of a settings file. Raises SettingsError naming the inbox and the key."""
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise SettingsError(source=source, problem="an inbox is a table of its own: write [[inbox]].")
    found: list[InboxSettings] = []
    for number, table in enumerate(tables, 1):
        where = f"inbox {number}"
        inbox: InboxSettings = _converted(table, InboxSettings, source, where, convert_path)
        for other in found:
            if other.name == inbox.name:
                raise SettingsError(source=source, problem=f"{where}: the name {inbox.name!r} is taken.")
            if inbox.path.is_relative_to(other.path) or other.path.is_relative_to(inbox.path):
                raise SettingsError(source=source, problem=f"{where}: its folder lies in another inbox.")
        if not inbox.path.is_absolute():
            raise SettingsError(source=source, problem=f"{where}: path: write it from the root, /srv/….")
        found.append(inbox)
    return tuple(found)


def overridden(inbox: InboxSettings, text: bytes) -> InboxSettings:
    """The settings with what a `stenobox.toml` says. Raises SettingsError with a sentence for people."""
    try:
        table = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(source=OVERRIDE_FILE, problem=f"is not valid TOML: {error}.") from error
    _known(table, OVERRIDES, OVERRIDE_FILE, "")
    hints = get_type_hints(InboxSettings, include_extras=True)
    values = {
        name: _value(value, hints[name], OVERRIDE_FILE, name, _no_path) for name, value in table.items()
    }
    allowed = {name.casefold() for name in (inbox.owner, *inbox.owners)}
    if values.get("owner", inbox.owner).casefold() not in allowed:
        raise SettingsError(
            source=OVERRIDE_FILE,
            problem="owner: the box's settings do not list this account among the owners of this inbox.",
        )
    return replace(inbox, **values)


def _kinds() -> Iterator[tuple[Any, Any]]:
    hints = get_type_hints(InboxSettings, include_extras=True)
    for item in fields(InboxSettings):
        yield item, hints[item.name]


def _converted(
    table: Mapping[str, Any],
    kind: type[InboxSettings],
    source: str,
    where: str,
    convert_path: Callable[[type[Any], Any], Path],
) -> InboxSettings:
    _known(table, tuple(item.name for item, _ in _kinds()), source, f"{where}: ")
    values: dict[str, Any] = {}
    for item, annotated in _kinds():
        if item.name in table:
            values[item.name] = _value(
                table[item.name], annotated, source, f"{where}: {item.name}", convert_path
            )
        elif item.default is MISSING:
            raise SettingsError(source=source, problem=f"{where}: {item.name} is missing.")
    return kind(**values)


def _known(table: Mapping[str, Any], names: tuple[str, ...], source: str, where: str) -> None:
    for name in table:
        if name not in names:
            nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.0)[0]
            raise SettingsError(
                source=source, problem=f"{where}unknown key {name!r}. Did you mean {nearest!r}?"
            )


def _value(
    value: Any, kind: Any, source: str, name: str, convert_path: Callable[[type[Any], Any], Path]
) -> Any:
    try:
        return msgspec.convert(value, kind, strict=True, dec_hook=convert_path)
    except msgspec.ValidationError as error:
        raise SettingsError(source=source, problem=f"{name}: {str(error).split(' - at ')[0]}.") from error


def _no_path(kind: type[Any], value: Any) -> Path:
    raise ValueError("a folder cannot be given here")
