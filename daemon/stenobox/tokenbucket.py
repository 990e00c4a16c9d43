"""A token bucket: so many at once, then one every so often."""

from __future__ import annotations

from collections.abc import Callable


class TokenBucket:
    """Full with `burst` tokens, it gets one every `seconds_per_token`. `clock` in seconds; only differences
    count.
    """

    __slots__ = ("_at", "_burst", "_clock", "_interval", "_tokens")

    def __init__(self, burst: float, seconds_per_token: float, clock: Callable[[], float]) -> None:
        self._burst = self._tokens = float(burst)
        self._interval = seconds_per_token
        self._clock = clock
        self._at = clock()

    def seconds_until_token(self) -> float:
        """0 when there is one."""
        self._fill()
        return max(0.0, 1.0 - self._tokens) * self._interval

    def take(self) -> bool:
        """Whether there was a token; it is gone then."""
        self._fill()
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def give_back(self) -> None:
        """Undo `take`."""
        self._fill()
        self._tokens = min(self._burst, self._tokens + 1.0)

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) / self._interval)
        self._at = now
