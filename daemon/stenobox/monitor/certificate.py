"""When the certificate expires, for the alert that comes before."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from stenobox.tls import ServedCertificate


class CertificateCollector:
    """Of what new connections get."""

    subject = "certificate"

    def __init__(self, registry: CollectorRegistry, served: ServedCertificate) -> None:
        self._served = served
        self._not_after = Gauge(
            "stenobox_certificate_not_after_timestamp_seconds",
            "When the certificate expires, in Unix time; 0 without one",
            registry=registry,
        )

    async def collect(self) -> None:
        pair = self._served.pair
        self._not_after.set(0.0 if pair is None else pair.not_after.timestamp())
