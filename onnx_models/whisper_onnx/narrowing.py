"""Runs over fewer slots at a time when the memory does not suffice for all of them.

The caches of all slots are taken when a runtime starts; what a run takes besides grows with the slots that it
runs over. So when one runs out of memory, the same work is done again in two halves, and then in halves of
those. Nothing is lost and no answer changes by it: a run that failed left its slots as they were, and a
slot's answer does not depend on which others run along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from .errors import OutOfMemory

__all__ = ["Narrowing"]

_TRY_AGAIN_AFTER: Final = 256  # runs, seconds to a minute: others may have had the memory for a while


class Narrowing:
    """Remembers how many neighbouring slots one kind of run has memory for; `widest` is all there are.

    After a while at a smaller width it tries twice as many again, which costs one failed run at worst.
    """

    def __init__(self, widest: int) -> None:
        self.width = widest
        self._widest = widest
        self._runs = 0  # at this width

    def run(self, slots: Sequence[int], run: Callable[[list[int]], None]) -> dict[int, OutOfMemory]:
        """Calls `run` with indices of `slots`, in rising order, until each was part of a run that succeeded.

        Returns the error of every slot for which the memory did not suffice even alone. Anything but
        OutOfMemory and MemoryError from `run` comes out as it is.
        """
        failed: dict[int, OutOfMemory] = {}
        waiting = [sorted(range(len(slots)), key=slots.__getitem__)]
        while waiting:
            piece = waiting.pop()
            first = slots[piece[0]]
            now = [index for index in piece if slots[index] < first + self.width]
            if later := piece[len(now) :]:
                waiting.append(later)
            try:
                run(sorted(now))
            except (OutOfMemory, MemoryError) as error:
                if len(now) == 1:
                    failed[first] = _lasting(error)
                    continue
                self.width = max(1, (slots[now[-1]] - first + 1) // 2)
                self._runs = 0
                waiting.append(now)
            else:
                self._ran()
        return failed

    def _ran(self) -> None:
        if self.width < self._widest:
            self._runs += 1
            if self._runs >= _TRY_AGAIN_AFTER:
                self.width, self._runs = min(self._widest, 2 * self.width), 0


def _lasting(error: OutOfMemory | MemoryError) -> OutOfMemory:
    if isinstance(error, OutOfMemory):
        return error
    found = OutOfMemory("the memory ran out even for one window alone; free some, or use a smaller model")
    found.__cause__ = error
    return found
