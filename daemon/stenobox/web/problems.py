"""The one place that turns an error into an answer: RFC 9457 `application/problem+json`.

Fields: `type`, `title`, `status`, `detail`, `instance`, and two of ours: `code`, which is stable and meant
for scripts, and `request_id`, which finds the request in the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from aiohttp import hdrs, web

from stenobox.errors import NotSignedIn, RateLimited, StenoboxError, Unavailable

CONTENT_TYPE = "application/problem+json"

RETRY_AFTER_S = 30
"""What an answer that says "not now" suggests (RFC 9110, section 10.2.3)."""

# What aiohttp refuses by itself, in words for people; the rest keeps the standard's phrase.
HTTP_DETAILS = {
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method."),
    413: ("body_too_large", "The body of the request is larger than this address takes."),
    417: ("expectation_failed", "Of the header Expect only '100-continue' is supported."),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What an answer says; `headers` go beside it."""

    status: int
    code: str
    title: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)


def problem_of(error: StenoboxError) -> Problem:
    """The refusal as its class describes it, with the headers that HTTP wants for its status."""
    headers: dict[str, str] = {}
    if isinstance(error, RateLimited):
        headers[hdrs.RETRY_AFTER] = str(error.fields["retry_after"])
    elif isinstance(error, Unavailable) and error.status == 503:
        headers[hdrs.RETRY_AFTER] = str(RETRY_AFTER_S)
    elif isinstance(error, NotSignedIn):
        # RFC 9110, section 15.5.2: a 401 names a scheme. Bearer makes no browser ask for a password.
        headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="stenobox"'
    return Problem(error.status, error.code, error.title, error.detail, headers)


def problem_of_http(error: web.HTTPException) -> Problem:
    """The same for what the framework itself raises (unknown address, wrong method, body too large)."""
    code, detail = HTTP_DETAILS.get(error.status, (f"http_{error.status}", f"{error.reason}."))
    # Allow (405) and Location (3xx) belong to the meaning of the answer; the framework's body does not.
    kept = {name: value for name, value in error.headers.items() if name in {hdrs.ALLOW, hdrs.LOCATION}}
    return Problem(error.status, code, error.reason, detail, kept)


def render(problem: Problem, request_id: str) -> web.Response:
    """The answer for a problem."""
    body = {
        "type": f"urn:stenobox:problem:{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"urn:stenobox:request:{request_id}",
        "code": problem.code,
        "request_id": request_id,
    }
    return web.Response(
        status=problem.status,
        body=msgspec.json.encode(body),
        content_type=CONTENT_TYPE,
        headers=problem.headers,
    )
