"""The windows and options whose decoding is recorded by record_search.py and repeated by the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    from .scrambled import scrambled, scrambled_mel
except ImportError:  # run as a script's neighbour
    from scrambled import scrambled, scrambled_mel  # type: ignore[import-not-found, no-redef]

RATE = 16_000
# Words that no model has heard, and text before the window.
_PREFIX, _PROMPT = "The table", "One two three four. The message is quiet, and nobody waits."
_BEAM: dict[str, Any] = {"beam_size": 5}

# Window -> name of the model, "demo" or "tiny" (with `scrambled` weights).
WINDOWS = {"digits": "demo", "passage": "demo", "noisy": "demo", "scrambled": "tiny"}
# Case -> options of `DecodingOptions`; `seed` is ours, of samples that the recording draws as we do.
OPTIONS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "greedy-prompt-prefix": {"prompt": _PROMPT, "prefix": _PREFIX, "sample_len": 40},
    "greedy-no-timestamps": {"without_timestamps": True},
    "greedy-nothing-suppressed": {"suppress_tokens": "", "suppress_blank": False},
    "greedy-late-start": {"max_initial_timestamp": None, "suppress_tokens": "-1,11,13"},
    "greedy-short": {"sample_len": 7, "task": "translate"},
    "beam": _BEAM,
    "beam-2-patience-2": {"beam_size": 2, "patience": 2.0},
    "beam-patience-2": {**_BEAM, "patience": 2.0},
    "beam-impatient": {**_BEAM, "patience": 0.4},
    "beam-penalty-0.6": {**_BEAM, "length_penalty": 0.6},
    "beam-penalty-1": {**_BEAM, "patience": 2.0, "length_penalty": 1.0},
    "beam-penalty-0": {**_BEAM, "length_penalty": 0.0},
    "beam-no-timestamps": {**_BEAM, "without_timestamps": True},
    "beam-prompt": {**_BEAM, "prompt": _PROMPT},
    "beam-prefix": {**_BEAM, "prefix": _PREFIX, "sample_len": 220},
    "beam-short": {**_BEAM, "sample_len": 6},
    "beam-one": {"beam_size": 1},
    "best-of-5": {"temperature": 0.6, "best_of": 5, "seed": 3},
    "best-of-5-penalty-0.6": {"temperature": 1.0, "best_of": 5, "length_penalty": 0.6, "seed": 4},
    "best-of-3-short": {"temperature": 0.3, "best_of": 3, "seed": 5, "sample_len": 9},
    "sampled": {"temperature": 0.8, "seed": 6},
}
_SCRAMBLED_LENGTH = 24  # a model of noise never ends by itself


def cases() -> list[tuple[str, str]]:
    """(window, options) of every case."""
    return [(window, name) for window in WINDOWS for name in OPTIONS]


def options_of(window: str, name: str) -> dict[str, Any]:
    """The options of a case, those of a model that does not end with a limit."""
    options = dict(OPTIONS[name])
    if window == "scrambled":
        options["sample_len"] = min(options.get("sample_len", 448), _SCRAMBLED_LENGTH)
    return options


def samples_of(window: str, speech: Path) -> NDArray[np.float32]:
    """(n_samples,) of a window other than "scrambled"; `speech` is the folder of the recordings."""
    import soundfile  # a script that needs only the names does without

    def clip(name: str) -> NDArray[np.float32]:
        return np.asarray(soundfile.read(speech / name, dtype="float32")[0])

    if window == "digits":
        return clip("digits-1.flac")
    if window == "passage":
        return clip("passage-40s.flac")[: 30 * RATE]
    quiet = clip("passage-12s.flac")
    return np.asarray(quiet + 0.06 * _noise(len(quiet)), dtype=np.float32)


def mel_of_scrambled(n_mels: int) -> NDArray[np.float32]:
    """The log-mel of the window "scrambled", (n_mels, 3000)."""
    return scrambled_mel(n_mels)


def _noise(count: int) -> NDArray[np.float32]:
    """Uniform noise from -1 to 1, the same everywhere."""
    return scrambled("noise.weight", (count, 3))[:, 0]
