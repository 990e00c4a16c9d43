"""When a notice that could not be delivered is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 5.0
FACTOR = 3.0
LONGEST_S = 3 * 3_600.0
GIVE_UP_S = 24 * 3_600.0
"""After so long a notice is given up, and a webhook that failed all the while is disabled."""

JITTER = 0.2
"""Up to this share later: what failed together does not come back together."""


def delay(attempts: int, asked: float | None = None, chance: Callable[[], float] = random.random) -> float:
    """Seconds until the next attempt after `attempts` of them: 5, 15, 45, ... up to three hours. `asked` is
    the receiver's Retry-After, which can only put it off.
    """
    wait: float = min(LONGEST_S, FIRST_S * FACTOR ** min(attempts - 1, 20))
    return max(wait, min(asked or 0.0, LONGEST_S)) * (1 + JITTER * chance())
