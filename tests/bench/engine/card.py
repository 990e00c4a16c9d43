"""On CUDA: what the card itself can do, and how much of it the engine uses. Not run yet, for want of a card.

An encoder is bound by multiplications, a step by the bytes it must read: the decoder's weights once, and each
window's cross-attention cache.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from whisper_onnx.dims import Dims

from .figures import spread
from .shapes import dims_of

_HALF: Final = 2  # bytes
_COPIED: Final = 1 << 30  # bytes
_SIZE: Final = 8192  # rows of the matrices
_ENGINE: Final = "ours cuda fp16"


def limits() -> dict[str, float] | None:
    """GB/s of a copy (read and written), TFLOP/s of an fp16 matrix product; None without torch and a card."""
    try:
        import torch
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    source = torch.empty(_COPIED, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    square = torch.randn(_SIZE, _SIZE, dtype=torch.float16, device="cuda")
    copied = _seconds(torch, lambda: target.copy_(source))
    multiplied = _seconds(torch, lambda: square @ square)
    return {"copy_gb_s": 2 * _COPIED / copied / 1e9, "matmul_tflop_s": 2 * _SIZE**3 / multiplied / 1e12}


def _seconds(torch: Any, work: Any, times: int = 20) -> float:
    work()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(times):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / times


def shares(cells: Sequence[Mapping[str, Any]], limit: Mapping[str, float]) -> dict[str, float]:
    """What part of the card's measured rates our encoder and steps reach."""
    found = {}
    for cell in cells:
        turns = cell["turns"].get(_ENGINE)
        if not turns or cell["measure"] not in ("encoder", "step"):
            continue
        seconds = spread([turn["seconds"] for turn in turns]).median
        dims, batch = dims_of(cell["shape"]), cell["batch"]
        if cell["measure"] == "encoder":
            rate = batch * encoder_flop(dims) / seconds / 1e12 / limit["matmul_tflop_s"]
            found[f"encoder {cell['shape']} batch {batch}: matrix rate"] = rate
        else:
            rate = step_bytes(dims, batch) / seconds / 1e9 / limit["copy_gb_s"]
            found[f"step {cell['shape']} batch {batch}: bandwidth"] = rate
    return found


def encoder_flop(dims: Dims) -> float:
    """Of one window, with the decoder's cross-attention projections; a multiply-add counts two."""
    d, n = dims.n_audio_state, dims.n_audio_ctx
    convolutions = 2 * (2 * n) * 3 * dims.n_mels * d + 2 * n * 3 * d * d
    block = 2 * n * (4 * d * d + 8 * d * d) + 2 * 2 * n * n * d
    cross = dims.n_text_layer * 2 * 2 * n * d * d
    return float(convolutions + dims.n_audio_layer * block + cross)


def step_bytes(dims: Dims, batch: int) -> float:
    """Read by one step in fp16: the decoder's weights, and the cross-attention cache of each window."""
    d = dims.n_text_state
    block = (
        (4 + 2 + 8) * d * d
    )  # self-attention, cross-attention's query and output, the two layers of the MLP
    weights = dims.n_text_layer * block + dims.n_vocab * d
    cache = dims.n_text_layer * 2 * dims.n_audio_ctx * d
    return float(_HALF * (weights + batch * cache))
