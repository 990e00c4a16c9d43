"""Runs of the alignment graph: where the alignment heads look while the decoder reads a finished text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .caches import Cache
from .session import Session

__all__ = ["Aligner"]


class Aligner:
    """An alignment graph's session, which reads the decoder's queries and the audio's keys in their place."""

    def __init__(
        self,
        session: Session,
        caches: Mapping[str, Cache],
        heads: int,
        n_text_state: int,
        allocate: Callable[[tuple[int, ...], type[np.generic]], Any],
    ) -> None:
        """`heads`: alignment heads of the graph; `allocate`: gives a value of this shape on the device."""
        self._session = session
        self._caches = caches
        self._heads = heads
        self._n_text_state = n_text_state
        self._allocate = allocate

    def bind(self, decoding: Any, slot: int, length: int) -> Any:
        """A binding for `attention` over what the run bound as `decoding`, of `length` tokens, will leave."""
        aligning = self._session.io_binding()
        for name in (value.name for value in self._session.get_inputs()):
            if name.startswith("cross_query_"):
                query = self._allocate((1, length, self._n_text_state), self._session.dtype(name))
                decoding.bind_ortvalue_output(name, query)
                aligning.bind_ortvalue_input(name, query)
            elif name in self._caches:
                self._caches[name].bind_input(aligning, name, slot, slot + 1)
        return aligning

    def attention(self, aligning: Any, length: int, positions: int) -> NDArray[np.float32]:
        """The weights over the first `positions`, (heads, length, positions), once the decoder has run."""
        attention = np.zeros((self._heads, length, positions), dtype=np.float32)
        if positions:
            aligning.bind_cpu_input("positions", np.array([positions]))
            aligning.bind_output("attention", "cpu", 0, np.float32, attention.shape, attention.ctypes.data)
            self._session.run_with_iobinding(aligning)
        return attention
