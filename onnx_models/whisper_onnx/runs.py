"""Runs of the model over several slots at a time, and over fewer where the memory does not suffice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import OutOfMemory
from .features import MelWindow
from .narrowing import Narrowing
from .needs import Chosen, Prompt
from .rules import Allowed

if TYPE_CHECKING:
    from .runtime import Runtime

__all__ = ["Outcome", "Runs"]

# Answers by slot, and the errors of slots for which the memory did not suffice.
Outcome = tuple[dict[int, Any], dict[int, OutOfMemory]]


class Runs:
    """The runs of a runtime over `slots` slots. Each kind remembers how wide it can be.

    Every method raises what concerns all of its slots, and tells OutOfMemory of those alone that it concerns.
    """

    def __init__(self, runtime: Runtime, slots: int) -> None:
        self._runtime = runtime
        self._encodes, self._prompts, self._steps = (Narrowing(slots) for _ in range(3))

    def encode(self, slots: list[int], windows: list[MelWindow]) -> Outcome:
        """Windows into slots; there is nothing to answer."""

        def encode(some: list[int]) -> None:
            self._runtime.listen([slots[index] for index in some], [windows[index] for index in some])

        return {}, self._encodes.run(slots, encode)

    def prompt(self, slots: list[int], prompts: list[Prompt]) -> Outcome:
        """The logits that each prompt asks for; neighbours whose prompts are alike in size go together."""
        answers: dict[int, Any] = {}

        def prompt(some: list[int]) -> None:
            for piece in _alike(slots, prompts, some, self._runtime.together):
                rows = prompts[piece[0]].rows
                tokens = [prompts[index].tokens for index in piece]
                found = self._runtime.prompt_together([slots[i] for i in piece], tokens, rows=rows)
                answers.update(zip((slots[index] for index in piece), found, strict=True))

        return answers, self._prompts.run(slots, prompt)

    def choose(
        self, slots: list[int], tokens: list[int], allowed: list[Allowed]
    ) -> tuple[list[Chosen | None], dict[int, OutOfMemory]]:
        """A token into each slot: what the device chose, and the error of each slot short of memory."""
        chosen: list[Chosen | None] = [None] * len(slots)

        def choose(some: list[int]) -> None:
            found = self._runtime.choose(
                [slots[i] for i in some], [tokens[i] for i in some], [allowed[i] for i in some]
            )
            for index, choice in zip(some, found, strict=True):
                chosen[index] = choice

        return chosen, self._steps.run(slots, choose)

    def step(self, slots: list[int], tokens: list[int]) -> tuple[NDArray[np.float32], dict[int, OutOfMemory]]:
        """A token into each slot: the logits, (len(slots), n_vocab), and the errors for want of memory."""
        rows = np.empty((0, 0), np.float32)

        def step(some: list[int]) -> None:
            nonlocal rows
            found = self._runtime.step([slots[index] for index in some], [tokens[index] for index in some])
            if len(some) == len(slots):
                rows = found
                return
            if not len(rows):
                rows = np.zeros((len(slots), found.shape[1]), np.float32)
            rows[some] = found

        failed = self._steps.run(slots, step)
        return rows, failed


def _alike(
    slots: Sequence[int], prompts: Sequence[Prompt], some: Iterable[int], most: int
) -> Iterator[list[int]]:
    """The indices `some` in pieces of at most `most` that one run can prompt: neighbours of equal size."""
    piece: list[int] = []
    for index in sorted(some, key=slots.__getitem__):
        if piece:
            one, last = prompts[piece[0]], slots[piece[-1]]
            together = (
                len(piece) < most
                and slots[index] == last + 1
                and len(one.tokens) == len(prompts[index].tokens)
                and tuple(one.rows) == tuple(prompts[index].rows)
            )
            if not together:
                yield piece
                piece = []
        piece.append(index)
    if piece:
        yield piece
