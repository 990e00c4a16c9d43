"""What a sender may choose for a job, checked once, where it comes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from stenobox.errors import InvalidRequest, UnknownLanguage
from stenobox.models import ModelInfo, ModelStore
from stenobox.types import JobOptions, Priority
from whisper_onnx.dims import LANGUAGE_CODES, LANGUAGES

TASKS = ("transcribe", "translate")
CHANNELS = ("mix", "split")
MAX_PROMPT = 2_000
"""Characters. A decoder takes some 220 tokens of prompt, so more could only be cut off."""
MAX_TRACKS = 1_000


class FurtherOptions(msgspec.Struct, forbid_unknown_fields=True):
    """What the field `options` holds, as a JSON object."""

    prompt: str | None = None
    track: Annotated[int, msgspec.Meta(ge=1, le=MAX_TRACKS)] | None = None
    webhook: Annotated[str, msgspec.Meta(max_length=64)] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A checked wish: what to do, and how soon."""

    options: JobOptions
    priority: Priority


FIELDS = ("model", "language", "task", "channels", "options", "priority")


def order_of(models: ModelStore, fields: Mapping[str, str]) -> Order:
    """Check the fields of a request; one that is missing or empty means its default. Blocks on the disk.

    Raises InvalidRequest, UnknownModel, UnknownLanguage, NoModel, ModelError.
    """
    for name in fields:
        if name not in FIELDS:
            raise InvalidRequest(problem=f"Unknown field {name!r}. Known: file, {', '.join(FIELDS)}.")
    further = _further(fields.get("options") or "{}")
    model = models.find(fields.get("model") or None)
    task = fields.get("task") or "transcribe"
    if task not in TASKS:
        raise InvalidRequest(problem=f"The task is one of: {', '.join(TASKS)}.")
    if task == "translate" and not model.multilingual:
        raise InvalidRequest(problem=f"The model {model.name!r} knows English only, so it cannot translate.")
    channels = fields.get("channels") or "mix"
    if channels not in CHANNELS:
        raise InvalidRequest(problem=f"The channels are one of: {', '.join(CHANNELS)}.")
    return Order(
        JobOptions(
            model=model.name,
            language=language_of(model, fields.get("language") or None),
            task=task,
            prompt=further.prompt,
            track=further.track or 0,
            webhook=further.webhook,
            channels=channels,
        ),
        _priority(fields.get("priority") or Priority.NORMAL.name),
    )


def language_of(model: ModelInfo, wanted: str | None) -> str | None:
    """The code of a language given as code or English name; None means: detect it. Raises UnknownLanguage."""
    if wanted is None or wanted.lower() == "auto":
        return None
    lower = wanted.strip().lower()
    code = lower if lower in LANGUAGES else LANGUAGE_CODES.get(lower)
    if code is None or (code != "en" and not model.multilingual):
        raise UnknownLanguage(language=wanted[:40])
    return code


def _further(text: str) -> FurtherOptions:
    try:
        further = msgspec.json.decode(text, type=FurtherOptions)
    except msgspec.DecodeError as error:
        raise InvalidRequest(problem=f"The field 'options' is a JSON object: {error}.") from error
    if further.prompt is not None and len(further.prompt) > MAX_PROMPT:
        raise InvalidRequest(problem=f"A prompt has at most {MAX_PROMPT} characters.")
    return further


def _priority(name: str) -> Priority:
    try:
        return Priority[name.upper()]
    except KeyError:
        names = ", ".join(priority.name.lower() for priority in Priority)
        raise InvalidRequest(problem=f"The priority is one of: {names}.") from None
