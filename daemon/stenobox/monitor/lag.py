"""How late the event loop is: the invariant is that nothing blocks it for more than 50 ms."""

from __future__ import annotations

import asyncio
import time

from prometheus_client import CollectorRegistry, Histogram

SAMPLE_SECONDS = 0.05
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0)


class LoopLag:
    """`await run()` beside the other parts: it asks for a wake-up, and notes how much later that comes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "stenobox_event_loop_lag_seconds",
            "Delay of a wake-up that was asked for, sampled 20 times a second",
            buckets=_BUCKETS,
            registry=registry,
        )

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(SAMPLE_SECONDS)
            self._seconds.observe(max(0.0, time.perf_counter() - asked - SAMPLE_SECONDS))
