"""The fields of a request as OpenAI's clients send them, checked, and what they mean to the box.

Clients send a list as `key[]`, over and over, and an object as `key[part]`; names without brackets are taken
as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from stenobox.errors import InvalidField
from stenobox.joboptions import MAX_PROMPT
from stenobox.web.forms import Fields

FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
GRANULARITIES: Final = ("segment", "word")

# What programs that were written for OpenAI ask for: here it is the box's default model.
THEIR_MODELS: Final = frozenset(
    {"whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize"}
)

_SCALARS: Final = ("model", "prompt", "temperature", "response_format")
_OF_TRANSCRIPTION: Final = ("language", "stream")
_LISTS: Final = (
    "timestamp_granularities",
    "include",
    "languages",
    "keywords",
    "known_speaker_names",
    "known_speaker_references",
)
_STRATEGY: Final = "chunking_strategy"
_DETECTION: Final = ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")
_SWITCH: Final = {"true": True, "1": True, "false": False, "0": False}
_BRACKETS: Final = re.compile(r"([a-z_]+)\[([a-z_]*)\]")

# Fields of the wire format for which the box has no means, each with the reason.
_NOT_HERE: Final = {
    "include": "The box does not tell the probabilities of tokens. Leave 'include' out.",
    "known_speaker_names": "The box does not know voices. Leave 'known_speaker_names' out.",
    "known_speaker_references": "The box does not know voices. Leave 'known_speaker_references' out.",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """`order` is for `joboptions.order_of`; the rest says what the answer looks like."""

    order: dict[str, str]
    response_format: str = "json"
    stream: bool = False
    granularities: tuple[str, ...] = ("segment",)


@dataclass(slots=True)
class _Sent:
    """Values by name, as they came."""

    scalars: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    detection: dict[str, str] = field(default_factory=dict)


def wish_of(fields: Fields, task: Literal["transcribe", "translate"], *, complete: bool = True) -> Wish:
    """What a form asks for. Not `complete`: more of it is to come, so what is missing is no fault.

    Raises InvalidField, which names the field.
    """
    sent = _sorted(fields, task)
    for name, reason in _NOT_HERE.items():
        if sent.lists.get(name):
            raise InvalidField(param=name, problem=reason)
    shape = _choice(sent.scalars, "response_format", FORMATS, "json")
    if task == "translate" and shape == "diarized_json":
        raise InvalidField(param="response_format", problem="A translation has no 'diarized_json'.")
    stream = _switch(sent.scalars, "stream")
    granularities = _granularities(sent.lists)
    if complete:
        if stream and shape not in ("json", "text", "diarized_json"):
            problem = f"'stream' goes with json, text and diarized_json, not with {shape}."
            raise InvalidField(param="stream", problem=problem)
        if sent.lists.get("timestamp_granularities") and shape != "verbose_json":
            problem = "'timestamp_granularities' needs response_format=verbose_json."
            raise InvalidField(param="timestamp_granularities", problem=problem)
    further: dict[str, Any] = {"words": "word" in granularities}
    further |= _texts(sent) | _speech_detection(sent.detection)
    if (temperature := _number(sent.scalars, "temperature", 0.0, 1.0)) is not None:
        further["temperature"] = temperature
    order = {"task": task, "priority": "interactive", "options": msgspec.json.encode(further).decode()}
    if (model := sent.scalars.get("model")) and model not in THEIR_MODELS:
        order["model"] = model
    if language := _language(sent):
        order["language"] = language
    if shape == "diarized_json":
        order["channels"] = "split"
    return Wish(order, shape, stream, granularities)


def _sorted(fields: Fields, task: str) -> _Sent:
    sent = _Sent()
    transcribes = task == "transcribe"
    for raw, value in fields:
        matched = _BRACKETS.fullmatch(raw)
        name, part = (matched[1], matched[2]) if matched else (raw, "")
        if transcribes and name == _STRATEGY:
            _note_strategy(sent.detection, part if matched else "type", value)
        elif transcribes and name in _LISTS and not part:
            sent.lists.setdefault(name, []).append(value)
        elif not matched and (name in _SCALARS or (transcribes and name in _OF_TRANSCRIPTION)):
            if name in sent.scalars:
                raise InvalidField(param=name, problem=f"The field '{name}' is there twice.")
            sent.scalars[name] = value
        else:
            raise InvalidField(param=raw[:60], problem=f"There is no field {raw[:60]!r} here.")
    return sent


def _note_strategy(detection: dict[str, str], part: str, value: str) -> None:
    if part == "type" and value.lstrip().startswith("{"):
        try:
            parts = msgspec.json.decode(value, type=dict[str, str | float])
        except msgspec.DecodeError:
            raise InvalidField(param=_STRATEGY, problem=f"'{_STRATEGY}' is no JSON object.") from None
    else:
        parts = {part: value}
    for key, given in parts.items():
        if key not in _DETECTION:
            raise InvalidField(param=_STRATEGY, problem=f"'{_STRATEGY}' has no part {key[:40]!r}.")
        detection[key] = str(given)


def _speech_detection(detection: dict[str, str]) -> dict[str, Any]:
    """`auto` cuts at pauses by the engine's own measure, `server_vad` by the given one."""
    if not detection:
        return {}
    kind = detection.get("type", "server_vad")
    if kind == "auto" and len(detection) == 1:
        return {"mode": "batched"}
    if kind != "server_vad":
        problem = f"'{_STRATEGY}' is 'auto', or an object of the type 'server_vad'."
        raise InvalidField(param=_STRATEGY, problem=problem)
    vad: dict[str, Any] = {}
    # Their defaults, where a part is left out.
    for name, ours, limits, default in (
        ("threshold", "threshold", (0.0, 1.0), 0.5),
        ("prefix_padding_ms", "padding_ms", (0, 5_000), 300),
        ("silence_duration_ms", "min_silence_ms", (0, 10_000), 200),
    ):
        value = _number(detection, name, *limits, param=_STRATEGY)
        value = default if value is None else value
        vad[ours] = value if name == "threshold" else round(value)
    return {"mode": "batched", "vad": vad}


def _texts(sent: _Sent) -> dict[str, str]:
    found: dict[str, str] = {}
    texts = {"prompt": sent.scalars.get("prompt", ""), "keywords": ", ".join(sent.lists.get("keywords", ()))}
    for name, text in texts.items():
        if len(text) > MAX_PROMPT:
            raise InvalidField(param=name, problem=f"'{name}' has at most {MAX_PROMPT} characters.")
        if text:
            found["hotwords" if name == "keywords" else name] = text
    return found


def _language(sent: _Sent) -> str | None:
    """Of several languages the box cannot be told to choose one."""
    several = sent.lists.get("languages", [])
    one = sent.scalars.get("language")
    if len(several) > 1 or (several and one):
        problem = "The box takes one language, or finds it out by itself. Send one in 'language', or none."
        raise InvalidField(param="languages", problem=problem)
    return one or (several[0] if several else None)


def _granularities(lists: dict[str, list[str]]) -> tuple[str, ...]:
    given = lists.get("timestamp_granularities", [])
    for value in given:
        if value not in GRANULARITIES:
            problem = f"'timestamp_granularities' holds 'segment', 'word' or both, not {value[:40]!r}."
            raise InvalidField(param="timestamp_granularities", problem=problem)
    return tuple(dict.fromkeys(given)) or ("segment",)


def _choice(scalars: dict[str, str], name: str, known: tuple[str, ...], default: str) -> str:
    value = scalars.get(name) or default
    if value not in known:
        raise InvalidField(param=name, problem=f"'{name}' is one of: {', '.join(known)}.")
    return value


def _switch(scalars: dict[str, str], name: str) -> bool:
    value = (scalars.get(name) or "false").lower()
    if value not in _SWITCH:
        raise InvalidField(param=name, problem=f"'{name}' is true or false.")
    return _SWITCH[value]


def _number(
    values: dict[str, str], name: str, low: float, high: float, *, param: str | None = None
) -> float | None:
    if not (text := values.get(name)):
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise InvalidField(param=param or name, problem=f"'{name}' is a number from {low:g} to {high:g}.")
    return value
