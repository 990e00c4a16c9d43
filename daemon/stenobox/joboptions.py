"""What a sender may choose for a job, checked once, where it comes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from stenobox.errors import InvalidRequest, UnknownLanguage
from stenobox.jsontext import MAX_DEPTH, is_too_deep
from stenobox.models import ModelInfo, ModelStore
from stenobox.types import JobOptions, Priority, SpeechDetection
from whisper_onnx.dims import LANGUAGE_CODES, LANGUAGES

TASKS = ("transcribe", "translate")
CHANNELS = ("mix", "split")
MAX_PROMPT = 2_000
"""Characters. A decoder takes some 220 tokens of prompt, so more could only be cut off."""
MAX_TRACKS = 1_000


_DETECTION = SpeechDetection()


class Vad(msgspec.Struct, forbid_unknown_fields=True):
    """What counts as speech; see `SpeechDetection`, whose defaults a missing value stands for."""

    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] = _DETECTION.threshold
    min_silence_ms: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = _DETECTION.min_silence_ms
    padding_ms: Annotated[int, msgspec.Meta(ge=0, le=5_000)] = _DETECTION.padding_ms


class FurtherOptions(msgspec.Struct, forbid_unknown_fields=True):
    """What the field `options` holds, as a JSON object."""

    prompt: str | None = None
    track: Annotated[int, msgspec.Meta(ge=1, le=MAX_TRACKS)] | None = None
    words: bool = False
    hotwords: str | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    mode: Literal["sequential", "batched"] = "sequential"
    vad: Vad | None = None


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
            channels=channels,
            words=further.words,
            hotwords=further.hotwords or None,
            temperature=further.temperature,
            mode=further.mode,
            vad=_vad(further),
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
    if is_too_deep(text.encode()):
        raise InvalidRequest(problem=f"The field 'options' is nested more than {MAX_DEPTH} levels deep.")
    try:
        further = msgspec.json.decode(text, type=FurtherOptions)
    except msgspec.DecodeError as error:
        raise InvalidRequest(problem=f"The field 'options' is a JSON object: {error}.") from error
    for name in ("prompt", "hotwords"):
        if len(getattr(further, name) or "") > MAX_PROMPT:
            raise InvalidRequest(problem=f"The option {name!r} has at most {MAX_PROMPT} characters.")
    return further


def _vad(further: FurtherOptions) -> SpeechDetection | None:
    """Raises InvalidRequest where no speech is detected, so that it is not ignored."""
    if further.vad is None:
        return None
    if further.mode != "batched":
        raise InvalidRequest(problem="The option 'vad' needs the option 'mode' to be 'batched'.")
    return SpeechDetection(further.vad.threshold, further.vad.min_silence_ms, further.vad.padding_ms)


def _priority(name: str) -> Priority:
    try:
        return Priority[name.upper()]
    except KeyError:
        names = ", ".join(priority.name.lower() for priority in Priority)
        raise InvalidRequest(problem=f"The priority is one of: {names}.") from None
