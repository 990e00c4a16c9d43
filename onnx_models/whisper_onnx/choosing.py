"""Choosing tokens where the logits are, on the device: `choice_graph.py`, fed by what `rules.py` allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .bundle import GraphBytes
from .needs import Chosen
from .rules import Allowed, Banned
from .session import Session

__all__ = ["DeviceChooser"]

_MOST: Final = 16  # sets of banned tokens in the table: 3 MB. Recordings with the same options share one.


class DeviceChooser:
    """Takes the likeliest token allowed in each row of logits, without bringing the logits to the host."""

    def __init__(
        self,
        logits: Any,
        device: str,
        *,
        load: Callable[[GraphBytes], Session],
        place: Callable[[NDArray[Any], str], Any],
    ) -> None:
        """`logits`: OrtValue of (most rows, n_vocab) float32 on the device.

        `load`: starts a session on the device; `place`: gives an array's value on it.
        """
        from .choice_graph import BOUNDS, NOTHING, choice_graph  # noqa: PLC0415  # imports onnx

        self._logits = logits
        self._n_vocab = n_vocab = int(logits.shape()[1])
        self._device = device
        self._place = place
        self._session = load(GraphBytes(choice_graph(n_vocab)))
        self._columns, self._nothing = BOUNDS, np.float32(NOTHING)
        self._rows: dict[Banned, int] = {}  # sets of banned tokens by their row in the table
        self._table: Any = None  # [_MOST, n_vocab] on the device

    @property
    def logits(self) -> tuple[str, int]:
        """Where it looks for them: device and address."""
        return self._device, self._logits.data_ptr()

    def choose(self, allowed: Sequence[Allowed]) -> list[Chosen]:
        """The choice for each of the first len(allowed) rows of the logits.

        Raises OutOfMemory when that runs out.
        """
        self._know({one.banned for one in allowed})
        count = len(allowed)
        bounds = np.array(
            [
                (self._rows[a.banned], a.first_text, a.timestamps, a.first_timestamp, a.last_timestamp)
                for a in allowed
            ],
            dtype=np.int32,
        )
        binding = self._session.io_binding()
        device, address = self.logits
        binding.bind_input("logits", device, 0, np.float32, (count, self._n_vocab), address)
        binding.bind_ortvalue_input("banned", self._table)
        binding.bind_cpu_input("bounds", bounds)
        tokens, logprobs = np.empty(count, np.int64), np.empty(count, np.float32)
        for name, values in (("token", tokens), ("logprob", logprobs)):
            binding.bind_output(name, "cpu", 0, values.dtype.type, values.shape, values.ctypes.data)
        self._session.run_with_iobinding(binding)
        return [
            Chosen(token, logprob) for token, logprob in zip(tokens.tolist(), logprobs.tolist(), strict=True)
        ]

    def _know(self, wanted: Iterable[Banned]) -> None:
        """Puts these sets into the table. There are few, and each serves every window of its recordings."""
        new = [banned for banned in wanted if banned not in self._rows]
        if not new:
            return
        if len(self._rows) + len(new) > _MOST:
            self._rows.clear()
            new = list(wanted)
        for banned in new:
            self._rows[banned] = len(self._rows)
        table = np.zeros((max(_MOST, len(self._rows)), self._n_vocab), np.float32)
        for banned, row in self._rows.items():
            for ids in banned:
                table[row, list(ids)] = self._nothing
        self._table = self._place(table, self._device)
