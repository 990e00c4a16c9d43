"""How many requests and uploads one side may begin, whatever it asks for."""

from __future__ import annotations

from stenobox.access.ratelimit import AttemptLimiter
from stenobox.config import LimitsSettings
from stenobox.errors import TooManyRequests


class RequestLimits:
    """Two kinds of buckets: for every request, and for those that begin an upload."""

    def __init__(self, settings: LimitsSettings) -> None:
        self._requests = _limiter(settings.requests_per_second, settings.requests_at_once)
        self._uploads = _limiter(settings.uploads_per_second, settings.uploads_at_once)

    def count(self, side: str, *, upload: bool) -> None:
        """Raises TooManyRequests."""
        for limiter, counts in ((self._requests, True), (self._uploads, upload)):
            if limiter is not None and counts:
                limiter.take(side)


def _limiter(per_second: float, at_once: int) -> AttemptLimiter | None:
    return AttemptLimiter(at_once, 1 / per_second, error=TooManyRequests) if per_second else None
