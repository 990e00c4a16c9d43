"""What waits in the outbox, and what came of what was sent."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from stenobox.notices import Outbox

OUTCOMES = ("delivered", "failed", "given_up")
ROADS = ("webhook", "mail")


class NoticeCollector:
    """`counts` of attempts by (road, outcome), which only grow."""

    subject = "notices"

    def __init__(
        self, registry: CollectorRegistry, outbox: Outbox, counts: Mapping[tuple[str, str], int]
    ) -> None:
        self._outbox = outbox
        self._counts = counts
        self._waiting = Gauge(
            "stenobox_notices_waiting", "Notices that wait to be delivered", ("road",), registry=registry
        )
        self._oldest = Gauge(
            "stenobox_notices_oldest_seconds",
            "Age of the oldest notice that waits; 0 when none does",
            registry=registry,
        )
        self._disabled = Gauge(
            "stenobox_webhooks_disabled",
            "Webhooks that were switched off because they failed",
            registry=registry,
        )
        self._attempts = Counter(
            "stenobox_notice_attempts",
            "Attempts to deliver a notice, by outcome: delivered, failed, given_up",
            ("road", "outcome"),
            registry=registry,
        )
        self._told: dict[tuple[str, str], int] = {}

    async def collect(self) -> None:
        depth = await self._outbox.depth()
        self._waiting.labels("webhook").set(depth.webhooks)
        self._waiting.labels("mail").set(depth.mail)
        self._oldest.set(depth.oldest or 0.0)
        self._disabled.set(depth.disabled)
        for key in ((road, outcome) for road in ROADS for outcome in OUTCOMES):
            count = self._counts.get(key, 0)
            self._attempts.labels(*key).inc(count - self._told.get(key, 0))
            self._told[key] = count
