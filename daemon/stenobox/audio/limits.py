"""What decoding one recording may cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self


class AudioSettings(Protocol):
    """The part of the settings that this module reads."""

    @property
    def max_hours(self) -> float: ...
    @property
    def memory_bytes(self) -> int: ...
    @property
    def cpu_seconds(self) -> int: ...


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
