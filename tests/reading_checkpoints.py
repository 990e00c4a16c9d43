"""Reading a whole checkpoint, for the tests that ask what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from whisper_onnx.checkpoint import read_checkpoint
from whisper_onnx.errors import CheckpointError


def read_values(path: Path) -> dict[str, NDArray[Any]]:
    """Every tensor of the checkpoint."""
    with read_checkpoint(path) as checkpoint:
        return dict(checkpoint.tensors)


def refused(path: Path) -> str:
    """The message with which the checkpoint, or one of its values, is refused."""
    with pytest.raises(CheckpointError) as caught, read_checkpoint(path) as checkpoint:
        for _ in checkpoint.tensors.values():
            pass
    return str(caught.value)
