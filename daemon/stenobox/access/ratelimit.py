"""Limits by token buckets: on guessing passwords, one bucket per name and one per address, and on requests.

Both are needed: one address that tries many names, and many addresses that try one name. Every attempt
takes from both; a right password gives back what it took, so that who mistypes is not kept out for long.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from stenobox.errors import RateLimited
from stenobox.tokenbucket import TokenBucket

MAX_BUCKETS = 10_000
"""Memory stays bounded under an attack from many addresses: the bucket used longest ago is forgotten."""


class AttemptLimiter:
    """`burst` attempts at once, then one every `seconds_per_token`, for each key."""

    def __init__(
        self,
        burst: int = 10,
        seconds_per_token: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        error: type[RateLimited] = RateLimited,
    ) -> None:
        self._burst = burst
        self._interval = seconds_per_token
        self._clock = clock
        self._error = error
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, *keys: str) -> None:
        """Count an attempt against all keys, or raise RateLimited (seconds to wait) and count nothing."""
        buckets = [self._bucket(key) for key in keys]
        wait = max(bucket.seconds_until_token() for bucket in buckets)
        if wait > 0:
            raise self._error(retry_after=max(1, math.ceil(wait)))
        for bucket in buckets:
            bucket.take()

    def give_back(self, *keys: str) -> None:
        """The attempt was rightful: undo `take`."""
        for key in keys:
            self._bucket(key).give_back()

    def _bucket(self, key: str) -> TokenBucket:
        bucket = self._buckets.pop(key, None) or TokenBucket(self._burst, self._interval, self._clock)
        self._buckets[key] = bucket
        while len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return bucket
