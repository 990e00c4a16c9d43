"""The slots' caches: one static array over all slots for each kind and layer, and copying between slots.

A slot holds one window being decoded: the cross-attention keys and values of its audio, and a self-attention
cache of `n_text_ctx` positions. A slot's part of an array is contiguous, so neighbouring slots are one
stretch of memory, which a run binds by its address.

The runtime passes in how an array comes to a device and how a graph is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .bundle import GraphBytes
from .dims import Dims
from .held import Copy
from .manifest import Compute
from .session import Session

__all__ = ["Cache", "DeviceCopier", "HostCopier", "cache_shapes", "stretches"]


class _Value(Protocol):
    """What is asked of an OrtValue."""

    def data_ptr(self) -> int: ...


def cache_shapes(dims: Dims, slots: int, compute: Compute) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every cache, [slots, H, length, d] unless graph.py says otherwise.

    `compute`: of the bundle's target; for int8 the audio's cache has bytes, and scales.
    """
    heads, size = dims.n_text_head, dims.text_head_dim
    audio = (heads, dims.n_audio_ctx, size) if compute != "fp16" else (dims.n_audio_ctx, dims.n_text_state)
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(dims.n_text_layer):
        for kind in ("k", "v"):
            shapes[f"self_{kind}_{layer}"] = (slots, heads, dims.n_text_ctx, size)
            shapes[f"cross_{kind}_{layer}"] = (slots, *audio)
            if compute == "int8":
                shapes[f"cross_{kind}_scale_{layer}"] = (slots, 1, dims.n_text_state)
    return shapes


def stretches(slots: Sequence[int], longest: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the stretches of `slots` that count up by one, none longer than `longest`."""
    start = 0
    for index in range(1, len(slots) + 1):
        ends = index == len(slots) or slots[index] != slots[index - 1] + 1
        if ends or index - start == longest:
            yield start, index
            start = index


class Cache:
    """One static array over all slots, on the provider's device, addressed by stretches of slots."""

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: type[np.generic],
        provider: str,
        place: Callable[[NDArray[Any], str], _Value],
    ) -> None:
        """`place`: gives an array's value on the provider's device; on the CPU the array's own memory."""
        self._shape = shape
        self._dtype = dtype
        self._device = provider
        # Zeros, not garbage: an idle slot computes on its cache before it was ever filled. On the CPU the
        # system hands out the array's memory page by page, as slots are first used.
        zeros = np.zeros(shape, dtype)
        self.array = zeros if provider == "cpu" else None
        self._value = place(zeros, provider)
        self._slot_bytes = int(np.prod(shape[1:])) * np.dtype(dtype).itemsize

    @property
    def slot(self) -> tuple[type[np.generic], tuple[int, ...]]:
        """Type and shape of one slot's part."""
        return self._dtype, (1, *self._shape[1:])

    def bind_input(self, binding: Any, name: str, lo: int, hi: int) -> None:
        """Binds slots lo..hi-1 as this input of a run."""
        binding.bind_input(name, *self._stretch(lo, hi))

    def bind_output(self, binding: Any, name: str, lo: int, hi: int) -> None:
        """Binds slots lo..hi-1 as this output of a run."""
        binding.bind_output(name, *self._stretch(lo, hi))

    def _stretch(self, lo: int, hi: int) -> tuple[str, int, type[np.generic], tuple[int, ...], int]:
        address = self._value.data_ptr() + lo * self._slot_bytes
        return self._device, 0, self._dtype, (hi - lo, *self._shape[1:]), address


class HostCopier:
    """Copies between slots of caches that numpy sees."""

    def __init__(self, caches: Mapping[str, Cache]) -> None:
        # Positions are the third axis of a self-attention cache; audio is copied whole.
        self._arrays = [
            (cache.array, name.startswith("self_"))
            for name, cache in caches.items()
            if cache.array is not None
        ]

    def copy(self, copy: Copy) -> None:
        """Makes this copy in every cache."""
        for array, by_position in self._arrays:
            part = (slice(None), slice(copy.start, copy.stop)) if by_position else ()
            array[(copy.target, *part)] = array[(copy.source, *part)]


class DeviceCopier:
    """Copies between slots without leaving the device, and whole slots: there a slot takes microseconds."""

    def __init__(self, caches: Mapping[str, Cache], load: Callable[[GraphBytes], Session]) -> None:
        """`load`: starts a session on the device that the caches are on."""
        self._caches = caches
        self._load = load
        self._session: Session | None = None  # made at the first copy: most recordings are decoded greedily

    def copy(self, copy: Copy) -> None:
        """Makes this copy in every cache. Raises OutOfMemory when that runs out."""
        if self._session is None:
            from .copy_graph import copy_graph  # noqa: PLC0415  # imports onnx, which running models does without

            graph = copy_graph({name: cache.slot for name, cache in self._caches.items()})
            self._session = self._load(GraphBytes(graph))
        binding = self._session.io_binding()
        for name, cache in self._caches.items():
            cache.bind_input(binding, name, copy.source, copy.source + 1)
            cache.bind_output(binding, f"{name}_copy", copy.target, copy.target + 1)
        self._session.run_with_iobinding(binding)
