"""Refusals in the form that OpenAI's clients read."""

from __future__ import annotations

from typing import Final, Literal

from aiohttp import web

from stenobox.errors import (
    AudioError,
    EmptyFile,
    FileTooLarge,
    InvalidField,
    NotAudio,
    QuotaExceeded,
    StenoboxError,
    UnknownLanguage,
    UnknownModel,
)
from stenobox.web.bodies import json_response
from stenobox.web.openai.shapes import TheirError, TheirProblem
from stenobox.web.problems import Problem

PREFIX: Final = "/v1/"

_PARAMS: Final[tuple[tuple[type[StenoboxError], str], ...]] = (
    (UnknownModel, "model"),
    (UnknownLanguage, "language"),
    (NotAudio, "file"),
    (EmptyFile, "file"),
    (FileTooLarge, "file"),
    (QuotaExceeded, "file"),
    (AudioError, "file"),
)


def render(problem: Problem, error: StenoboxError | None = None) -> web.Response:
    """The answer for a problem; `error` is what it was made from, if it was one of ours."""
    response = json_response(TheirProblem(error_of(problem, error)), problem.status)
    response.headers.update(problem.headers)
    # Their client sends a request again after any 5xx; only what may pass by itself is worth that.
    if problem.status >= 500:
        response.headers["x-should-retry"] = "true" if problem.status in (502, 503, 504) else "false"
    return response


def error_of(problem: Problem, error: StenoboxError | None) -> TheirError:
    kind: Literal["invalid_request_error", "rate_limit_error", "server_error"] = "invalid_request_error"
    if problem.status == 429:
        kind = "rate_limit_error"
    elif problem.status >= 500:
        kind = "server_error"
    return TheirError(problem.detail, kind, _param(error), problem.code)


def _param(error: StenoboxError | None) -> str | None:
    if isinstance(error, InvalidField):
        return str(error.fields["param"])
    return next((name for kind, name in _PARAMS if isinstance(error, kind)), None)
