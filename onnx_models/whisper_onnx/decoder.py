"""Runs of the decoder over a stretch of the slots' caches, which it reads and appends to in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .caches import Cache
from .session import Session

__all__ = ["Decoder"]


class Decoder:
    """A decoder's session bound to `caches` by their names in the graph."""

    def __init__(self, session: Session, caches: Mapping[str, Cache], n_vocab: int, *, int8: bool) -> None:
        """`int8`: whether the audio's cache is, and then passes through the graph."""
        self._session = session
        self._caches = caches
        self._n_vocab = n_vocab
        self._int8 = int8
        self._bindings: dict[tuple[int, int], Any] = {}

    def binding(self, lo: int, hi: int) -> Any:
        """The binding with the caches of slots lo..hi-1, made once for each stretch."""
        if (lo, hi) not in self._bindings:
            self._bindings[lo, hi] = self.new_binding(lo, hi)
        return self._bindings[lo, hi]

    def new_binding(self, lo: int, hi: int) -> Any:
        """A binding of one's own with the caches of slots lo..hi-1, to which outputs may be added."""
        binding = self._session.io_binding()
        for name, cache in self._caches.items():
            cache.bind_input(binding, name, lo, hi)
            # The same memory: GroupQueryAttention appends in place. Left unbound, results were NaN.
            if name.startswith("self_"):
                cache.bind_output(binding, name.replace("self_", "present_"), lo, hi)
            elif self._int8 and "scale" not in name:  # appends nothing here, and then it copies nothing
                cache.bind_output(binding, f"present_{name}", lo, hi)
        return binding

    def logits(
        self, binding: Any, tokens: NDArray[np.int64], past: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """The logits of `rows`, (len(rows), n_vocab); see `run`."""
        logits = np.empty((len(rows), self._n_vocab), dtype=np.float32)
        self.run(binding, tokens, past, rows, ("cpu", logits.ctypes.data))
        return logits

    def run(
        self,
        binding: Any,
        tokens: NDArray[np.int64],
        past: NDArray[np.int64],
        rows: NDArray[np.int64],
        logits: tuple[str, int],
    ) -> None:
        """Runs the slots bound.

        `tokens`: (slots, S); `past`: length of each slot; `rows`: of (slots x S) those whose logits go to
        `logits`, a device and an address there with room for (len(rows), n_vocab) float32.
        """
        new = tokens.shape[1]
        binding.bind_cpu_input("tokens", np.ascontiguousarray(tokens))
        binding.bind_cpu_input("positions", past[:, np.newaxis] + np.arange(new))
        binding.bind_cpu_input("rows", np.ascontiguousarray(rows))
        binding.bind_cpu_input("seqlens_k", (past + (new - 1)).astype(np.int32))
        binding.bind_cpu_input("total_len", np.array([past.max() + new], dtype=np.int32))
        device, address = logits
        binding.bind_output("logits", device, 0, np.float32, (len(rows), self._n_vocab), address)
        self._session.run_with_iobinding(binding)
