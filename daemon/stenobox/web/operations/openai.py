"""The audio routes of OpenAI's API."""

from __future__ import annotations

from typing import Any, Final

from stenobox import errors as e
from stenobox.web.described import Answer, Body, Operation
from stenobox.web.openai import shapes
from stenobox.web.openai.fields import FORMATS, GRANULARITIES
from stenobox.web.operations import shared

_WAITING: Final = (e.JobFailed, e.JobCancelled, e.EngineFailed, e.ShuttingDown, e.InvalidField)
_TEXTS: Final = ("text/plain", "text/event-stream")

_SAID: Final[dict[str, Any]] = {
    "file": {"description": "The recording", "type": "string", "format": "binary"},
    "model": {
        "description": "`whisper-1`: the default one; or a name of `/v1/models`",
        "type": "string",
    },
    "prompt": {"description": "Text that could have come before", "type": "string"},
    "temperature": {"type": "number", "minimum": 0, "maximum": 1},
}

_TRANSCRIPTION: Final = _SAID | {
    "response_format": {"enum": list(FORMATS), "default": "json"},
    "language": {"description": "Code or English name; found out otherwise", "type": "string"},
    "stream": {"description": "Final text as server-sent events while the box works", "type": "boolean"},
    "timestamp_granularities[]": {"type": "array", "items": {"enum": list(GRANULARITIES)}},
    "chunking_strategy": {"description": "`auto` cuts at pauses, which is faster", "type": "string"},
    "keywords[]": {"description": "Words to expect", "type": "array", "items": {"type": "string"}},
}

_TRANSLATION: Final = _SAID | {
    "response_format": {"enum": [name for name in FORMATS if name != "diarized_json"], "default": "json"},
}


def _body(properties: dict[str, Any]) -> Body:
    schema = {"type": "object", "required": ["file"], "properties": properties}
    return Body("multipart/form-data", schema=schema)


OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("POST", "/v1/audio/transcriptions"): Operation(
        "openai",
        "Transcribe a recording and wait for the text; going away cancels the job",
        {
            200: Answer(
                "In the form asked for.", shapes.Text, (shapes.Verbose, shapes.Diarized), media_types=_TEXTS
            )
        },
        body=_body(_TRANSCRIPTION),
        refusals=(*shared.ORDER, *shared.FILE, *shared.AUDIO, *_WAITING),
    ),
    ("POST", "/v1/audio/translations"): Operation(
        "openai",
        "Translate a recording into English and wait for the text",
        {200: Answer("In the form asked for.", shapes.Text, shapes.Verbose, media_types=("text/plain",))},
        body=_body(_TRANSLATION),
        refusals=(*shared.ORDER, *shared.FILE, *shared.AUDIO, *_WAITING),
    ),
    ("GET", "/v1/models"): Operation(
        "openai", "Models that a request may name", {200: Answer("All of them.", shapes.TheirModels)}
    ),
    ("GET", "/v1/models/{id}"): Operation(
        "openai",
        "One model",
        {200: Answer("The model.", shapes.TheirModel)},
        refusals=(e.ModelError,),
    ),
}
