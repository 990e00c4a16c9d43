"""Log-mel windows made on the device, by `mel_graph.py`, where the encoder reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bundle import GraphBytes
from .dims import N_FRAMES
from .features import TOUCHED, MelWindow
from .session import Session

__all__ = ["MelMaker"]


class MelMaker:
    """Makes up to `most` windows at a time, in memory on the device that the next ones overwrite."""

    def __init__(
        self,
        n_mels: int,
        most: int,
        device: str,
        *,
        load: Callable[[GraphBytes], Session],
        place: Callable[[NDArray[Any], str], Any],
    ) -> None:
        """`load`: starts a session on the device; `place`: gives an array's value on it."""
        from .mel_graph import mel_graph  # noqa: PLC0415  # imports onnx, which running models does without

        self._device = device
        self._session = load(GraphBytes(mel_graph(n_mels)))
        self._samples = np.empty((most, TOUCHED), np.float32)
        self._size, self._peak = np.empty((most, 1), np.int32), np.empty((most, 1, 1), np.float32)
        self._shape = (n_mels, N_FRAMES)
        self._mel = place(np.zeros((most, *self._shape), np.float32), device)

    def bind(self, binding: Any, name: str, windows: Sequence[MelWindow]) -> None:
        """Makes these windows, and binds them, (len(windows), n_mels, 3000), as the input `name` of a run.

        Raises AudioError for samples that are not finite, OutOfMemory when that runs out.
        """
        count = len(windows)
        for row, window in enumerate(windows):
            self._samples[row], self._size[row, 0], self._peak[row, 0, 0] = window.touched()
        making = self._session.io_binding()
        for input_name, values in (("samples", self._samples), ("size", self._size), ("peak", self._peak)):
            making.bind_cpu_input(input_name, values[:count])
        place = (self._device, 0, np.float32, (count, *self._shape), self._mel.data_ptr())
        making.bind_output("mel", *place)
        self._session.run_with_iobinding(making)
        binding.bind_input(name, *place)
