"""What decoding one recording may cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, Self


class AudioSettings(Protocol):
    """The part of the settings that this module reads."""

    @property
    def max_hours(self) -> float: ...
    @property
    def memory_bytes(self) -> int: ...
    @property
    def cpu_seconds(self) -> int: ...


PROBE_CPU_SECONDS = 120
PROBE_WALL_SECONDS = 600.0
"""A look takes a fraction of a second; on a machine that is very busy with other things, perhaps more."""


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """Limits of one decoding child.

    `max_seconds`: length of the recording; `memory_bytes`: address space; `cpu_seconds`: processor time;
    `wall_seconds`: time until the parent kills it, whatever it is doing.
    """

    max_seconds: float = 10 * 3600.0
    memory_bytes: int = 1 << 30
    cpu_seconds: int = 1800
    wall_seconds: float = 3660.0

    def for_a_look(self) -> AudioLimits:
        """The limits for reading a header, while somebody who sent the file waits for the answer."""
        return replace(
            self,
            cpu_seconds=min(self.cpu_seconds, PROBE_CPU_SECONDS),
            wall_seconds=min(self.wall_seconds, PROBE_WALL_SECONDS),
        )

    @classmethod
    def of(cls, settings: AudioSettings) -> Self:
        """The limits that the settings ask for.

        The wall limit follows from the processor limit: the child waits for nothing but the disk, so on a
        machine that is busy with speech recognition it gets at least half a core.
        """
        return cls(
            max_seconds=settings.max_hours * 3600.0,
            memory_bytes=settings.memory_bytes,
            cpu_seconds=settings.cpu_seconds,
            wall_seconds=60.0 + 2.0 * settings.cpu_seconds,
        )
