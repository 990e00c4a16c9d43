"""Silero's speech detector: a small recurrent network over 32 ms chunks, read from its own package.

The file is `silero_vad_16k_sequence.onnx` of the PyPI package silero-vad (MIT licence, Silero Team), which
takes any number of chunks in one run and gives the same probabilities as chunk by chunk; `vad_graph.py` makes
a faster graph of its weights. The package names torch among its dependencies, which only its own Python code
needs: it is installed with `--no-deps` (see requirements/vad.lock), none of its code is imported, and its
file is loaded only if it has the SHA-256 below.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from .errors import BundleError, BundleHashError
from .features import Float32Array
from .vad_graph import HIDDEN

PACKAGE: Final = "silero-vad"
CHUNK: Final = 512  # samples to a probability: 32 ms at 16 kHz

_FILE: Final = "silero_vad/data/silero_vad_16k_sequence.onnx"
_SHA256: Final = "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"  # silero-vad 6.2.3
_MAX_BYTES: Final = 8 << 20
_CONTEXT: Final = 64  # samples of the chunk before that the network sees in front of each chunk
_STATE: Final = (1, 1, HIDDEN)


class Graph(Protocol):
    """A loaded graph, as `runtime.load_graph` answers."""

    def run(self, outputs: list[str], inputs: dict[str, Float32Array]) -> list[Float32Array]: ...


def installed_file() -> Path | None:
    """Where the installed package holds the network; None when there is no such package or file."""
    try:
        path = Path(str(distribution(PACKAGE).locate_file(_FILE)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def read_network() -> bytes:
    """The network's bytes, checked.

    Raises BundleError when the package is not installed, BundleHashError when its file is another one.
    """
    path = installed_file()
    if path is None:
        raise BundleError(
            f"Silero's speech detector is not installed: pip install --no-deps {PACKAGE}==6.2.3, or detect "
            "speech by energy (VadOptions(method='energy'))"
        )
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise BundleHashError(
            f"{path.name} of the installed {PACKAGE} is not the file this version knows: "
            f"pip install --no-deps {PACKAGE}==6.2.3",
            file=path.name,
        )
    return data


class Silero:
    """Probability of speech, chunk after chunk of one recording.

    `graph` is shared; what the network remembers of the recording is here, so each recording has its own.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._hidden = np.zeros(_STATE, dtype=np.float32)
        self._cell = np.zeros(_STATE, dtype=np.float32)
        self._context = np.zeros(_CONTEXT, dtype=np.float32)

    def feed(self, samples: Float32Array) -> Float32Array:
        """The next samples, (n * 512,) at 16 kHz -> (n,) probabilities.

        The answer does not depend on how a recording is cut into calls.
        """
        chunks = samples.reshape(-1, CHUNK)
        inputs = np.empty((len(chunks), _CONTEXT + CHUNK), dtype=np.float32)
        inputs[:, _CONTEXT:] = chunks
        inputs[0, :_CONTEXT] = self._context
        inputs[1:, :_CONTEXT] = chunks[:-1, -_CONTEXT:]
        self._context = chunks[-1, -_CONTEXT:].copy()
        probabilities, self._hidden, self._cell = self._graph.run(
            ["speech_probs", "hn", "cn"], {"input": inputs, "h": self._hidden, "c": self._cell}
        )
        return probabilities.reshape(-1)

    def probabilities(self, fed: Float32Array) -> Float32Array:
        """The recording's probabilities, from all that `feed` answered: those themselves."""
        return fed
