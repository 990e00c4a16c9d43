"""How much memory a model needs, how much there is, and whether an exception says that it ran out.

The plan is a formula, not a trial: it is asked before anything is loaded. In bytes, with D the state, T the
text context, A = 1500 audio positions, V the vocabulary, H heads, L decoder layers and I bytes of a cached or
computed number (4, on CUDA 2):

    weights   on the CPU in float32 1.2 x (4 for each parameter, and the token table once more as it is
              stored, since the look-up and the packed projection each hold one); in int8 twice the files,
              for what is packed anew; on CUDA 1.2 x the files
    loading   the files of the largest graph, which are in memory while its session starts
    caches    2 L x slots x D x (T x I + A x J), J being I, or 1 where the target is int8
    encoder   1.5 x windows x 24 A x D x I, `providers.TOGETHER` windows at a time; on CUDA, where the log-mel
              is made too, 12,000 (400 + 1206 + 6 mel bins) bytes more for each, 3000 frames of 400 samples
    decoder   1.5 x (T x (24 D + H (A + T)) x I for a prompt, 8 slots V for logits); on CUDA, where prompts
              run together without a matrix of scores and tokens are chosen, windows x T x 24 D x I and
              (40 slots + 64) V
    overhead  the runtime itself: 40 MiB, on CUDA 768 MiB

1.2 and 1.5 are what onnxruntime's allocators hold beyond what is in use. A process holds overhead + weights +
the larger of loading and caches + encoder + decoder. A test holds the CPU's figures to the measured peak;
those of CUDA follow the same reasoning and have not been measured. Times of words take 8 x alignment heads x
T x A more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from .bundle import Bundle
from .dims import N_FFT, N_FRAMES
from .errors import MemoryPlanError
from .manifest import TARGETS
from .providers import TOGETHER

__all__ = ["MemoryPlan", "available", "check_fits", "is_out_of_memory", "plan", "planned"]

_MIB: Final = 1 << 20
_OVERHEAD: Final = {"cpu": 40 * _MIB, "cuda": 768 * _MIB}
_HELD: Final = 1.2
_ARENA: Final = 1.5
_FRAME_BYTES: Final = 4  # of a number of the log-mel's, float32
_BANNED_BYTES: Final = 64  # for each token: choosing.py's table has 16 rows of float32

# What onnxruntime 1.32 and CUDA say when memory runs out: bfc_arena.cc, the C++ library, cudaMalloc, cuBLAS
# and cuDNN. onnxruntime has no exception type or code of its own for it.
_TEXTS: Final = (
    "Failed to allocate memory",
    "std::bad_alloc",
    "bad allocation",
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes by what they are for; see the module's docstring. On CUDA it is the GPU's memory."""

    overhead: int
    weights: int
    loading: int
    caches: int
    encoder: int
    decoder: int

    @property
    def total(self) -> int:
        return self.overhead + self.weights + max(self.loading, self.caches + self.encoder + self.decoder)


def plan(bundle: Bundle, slots: int) -> int:
    """Bytes of memory that `Runtime(bundle, slots=slots)` needs at most, on the provider of its target."""
    return planned(bundle, slots).total


def planned(bundle: Bundle, slots: int) -> MemoryPlan:
    """What `plan` adds up."""
    if slots < 1:
        raise ValueError(f"slots is {slots}, at least one is needed")
    d, target = bundle.dims, TARGETS[bundle.target]
    files = {role: bundle.size(role) for role in bundle.graphs}
    number = 4 if target.provider == "cpu" else 2
    on_gpu = target.provider == "cuda"
    windows = min(slots, TOGETHER[target.provider])
    audio_number = 1 if target.compute == "int8" else number
    position = d.n_text_ctx * number + d.n_audio_ctx * audio_number
    weights, held = sum(files.values()), _HELD
    if target.compute == "fp32":
        stored = 2 if weights < 3 * d.parameters else 4  # bytes of a number in the files
        weights = 4 * d.parameters + stored * d.n_vocab * d.n_text_state
    elif target.compute == "int8":
        held = 2.0
    scores = 0 if on_gpu else d.n_text_head * (d.n_audio_ctx + d.n_text_ctx)
    prompt = (windows if on_gpu else 1) * d.n_text_ctx * (24 * d.n_text_state + scores) * number
    logits = (40 * slots + _BANNED_BYTES if on_gpu else 8 * slots) * d.n_vocab
    mel = _FRAME_BYTES * N_FRAMES * (N_FFT + 3 * (N_FFT + 2) + 6 * d.n_mels) if on_gpu else 0
    return MemoryPlan(
        overhead=_OVERHEAD[target.provider],
        weights=round(held * weights),
        loading=max(files.values()),
        caches=2 * d.n_text_layer * slots * d.n_text_state * position,
        encoder=round(_ARENA * windows * (24 * d.n_audio_ctx * d.n_audio_state * number + mel)),
        decoder=round(_ARENA * (prompt + logits)),
    )


def check_fits(bundle: Bundle, provider: Literal["cpu", "cuda"], slots: int) -> None:
    """Raises MemoryPlanError when the plan exceeds what is free; nothing where that cannot be told."""
    need, free = plan(bundle, slots), available(provider)
    if free is None or need <= free:
        return
    fitting = next((fewer for fewer in range(slots - 1, 0, -1) if plan(bundle, fewer) <= free), 0)
    where = "this machine" if provider == "cpu" else "the GPU"
    advice = f"use at most {fitting} slots" if fitting else "use a smaller model, or free some memory"
    raise MemoryPlanError(
        f"{bundle.name} with {slots} slots needs up to {need // _MIB} MiB of memory, {where} has "
        f"{free // _MIB} MiB free, so it is not loaded; {advice}",
        need=need,
        available=free,
    )


def available(provider: Literal["cpu", "cuda"]) -> int | None:
    """Bytes that this process could still take, or None where that cannot be told.

    On the CPU the smallest of what the system could give without swapping (MemAvailable) and what is left of
    the limits of the control groups it runs in. On CUDA what NVML says is free on the first visible GPU; None
    without the package nvidia-ml-py.
    """
    if provider == "cuda":
        return _free_on_gpu()
    return min(_free_in_system(), default=None)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this exception, of onnxruntime's or Python's, says that memory ran out."""
    return isinstance(error, MemoryError) or any(text in str(error) for text in _TEXTS)


def _free_in_system() -> Iterator[int]:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024
    for line in _lines(Path("/proc/self/cgroup")):
        number, controllers, path = line.split(":", 2)
        if number == "0":
            yield from _left_in_group(Path("/sys/fs/cgroup"), path, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            yield from _left_in_group(Path("/sys/fs/cgroup/memory"), path, *names)


def _left_in_group(root: Path, path: str, limit: str, usage: str) -> Iterator[int]:
    """What is left in a control group and in each one around it; the page cache can be had back."""
    group = root / path.lstrip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(root):
            return
        most, used = (_number(folder / name) for name in (limit, usage))
        if most is not None and used is not None:
            stat = dict(line.split(" ", 1) for line in _lines(folder / "memory.stat"))
            yield max(0, most - used + int(stat.get("inactive_file", 0)))


def _number(file: Path) -> int | None:
    text = next(iter(_lines(file)), "max").strip()
    return int(text) if text.isdecimal() else None  # "max": no limit


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:  # not Linux, no such controller, or hidden from us
        return []


def _free_on_gpu() -> int | None:
    try:
        import pynvml  # noqa: PLC0415  # a convenience: the engine does without it
    except ImportError:
        return None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    try:
        pynvml.nvmlInit()
        try:
            by_name = visible.startswith(("GPU-", "MIG-"))
            device = (
                pynvml.nvmlDeviceGetHandleByUUID(visible)
                if by_name
                else pynvml.nvmlDeviceGetHandleByIndex(int(visible))
            )
            return int(pynvml.nvmlDeviceGetMemoryInfo(device).free)
        finally:
            pynvml.nvmlShutdown()
    except (pynvml.NVMLError, ValueError):
        return None
