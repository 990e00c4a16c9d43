"""Log-mel spectrogram, equal to openai-whisper's `log_mel_spectrogram` within 1e-4.

The transform: frames of 400 samples every 160, periodic Hann window, squared magnitude of the real FFT,
Slaney mel filters, log10 with a floor of 1e-10, then everything more than 8 below the recording's own maximum
is cut off and the range is scaled to about -1..1. That maximum is a property of the whole recording, so a
window's features depend on all of it: `LogMel` finds it in a first pass over blocks, keeps only that one
number, and computes each window again when it is asked for (about 4 ms of one core for 30 s of audio).
Nothing it holds grows with the recording, so a memory-mapped file of ten hours costs no memory.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .dims import HOP_LENGTH, N_FFT, N_FRAMES, N_SAMPLES, SAMPLE_RATE
from .errors import AudioError

Float32Array = NDArray[np.float32]

_HALF: Final = N_FFT // 2  # samples on either side of a frame's centre
_BLOCK: Final = 128  # frames per FFT call: the block's arrays stay in the core's cache
_FLOOR: Final = 1e-10  # smallest power told apart from silence
_RANGE: Final = 8.0  # decades kept below the maximum (80 dB)
_SILENCE: Final = -10.0  # log10 of the floor: every frame of digital silence


@lru_cache(maxsize=4)
def mel_filters(n_mels: int) -> Float32Array:
    """Slaney mel filter bank, (n_mels, 201): linear below 1 kHz, logarithmic above, all of equal area.

    The formula is that of M. Slaney's Auditory Toolbox (1998), which `librosa.filters.mel` follows and from
    which openai-whisper's `mel_filters.npz` was saved. The array is read-only and shared between calls.
    """
    hz_per_mel = 200.0 / 3.0
    knee_hz, knee_mel = 1000.0, 1000.0 / hz_per_mel
    log_step = np.log(6.4) / 27.0
    top_mel = knee_mel + np.log((SAMPLE_RATE / 2) / knee_hz) / log_step

    mels = np.linspace(0.0, top_mel, n_mels + 2)
    edges = np.where(mels < knee_mel, mels * hz_per_mel, knee_hz * np.exp(log_step * (mels - knee_mel)))
    bins = np.linspace(0.0, SAMPLE_RATE / 2, N_FFT // 2 + 1)

    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre))
    filters = np.maximum(triangles, 0.0) * (2.0 / (upper - lower))
    result: Float32Array = filters.astype(np.float32)
    result.setflags(write=False)
    return result


@lru_cache(maxsize=1)
def _hann() -> Float32Array:
    """Periodic Hann window, shape (400,), read-only."""
    window = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)
    window.setflags(write=False)
    return window


def _log_power(samples: Float32Array, n_mels: int) -> Float32Array:
    """log10 of the mel power of every whole frame in `samples`: (n,) -> (1 + (n - 400) // 160, n_mels)."""
    filters = mel_filters(n_mels).T
    frames = np.lib.stride_tricks.sliding_window_view(samples, N_FFT)[::HOP_LENGTH]
    result = np.empty((len(frames), n_mels), dtype=np.float32)
    # Samples that are not finite, or overflow when squared, show in the maximum, which is checked.
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, len(frames), _BLOCK):
            spectrum = np.fft.rfft(frames[first : first + _BLOCK] * _hann(), axis=1)
            power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
            np.log10(np.maximum(power @ filters, _FLOOR), out=result[first : first + _BLOCK])
    return result


def _scale(log_power: Float32Array, peak: float) -> Float32Array:
    """(frames, n_mels) of log10 power -> (n_mels, frames) as the encoder takes it."""
    floor = np.float32(peak) - np.float32(_RANGE)
    return (np.maximum(log_power, floor).T + np.float32(4.0)) / np.float32(4.0)


def checked(audio: NDArray[np.floating]) -> NDArray[np.floating]:
    if not isinstance(audio, np.ndarray) or audio.ndim != 1:
        shape = getattr(audio, "shape", type(audio).__name__)
        raise AudioError(f"audio has to be a one-dimensional array of samples, got {shape}")
    if not np.issubdtype(audio.dtype, np.floating):
        raise AudioError(
            f"audio has to be float32 in the range -1..1, got {audio.dtype} "
            "(divide 16-bit samples by 32768 first)"
        )
    return audio


def _finite(peak: float) -> float:
    if not np.isfinite(peak):
        raise AudioError("audio holds samples that are not finite or are far outside the range -1..1")
    return peak


def log_mel(audio: NDArray[np.floating], n_mels: int, *, padding: int = 0) -> Float32Array:
    """Log-mel of a whole short recording, (n_samples,) at 16 kHz -> (n_mels, (n_samples + padding) // 160).

    Same values as openai-whisper's `log_mel_spectrogram(audio, n_mels, padding)`; `padding` is a number of
    zero samples put at the end. Memory grows with the recording: `LogMel` is for long ones.
    Raises AudioError when there is no sample, or the samples are not finite floats.
    """
    samples = np.concatenate([checked(audio).astype(np.float32), np.zeros(padding, dtype=np.float32)])
    if len(samples) == 0:
        raise AudioError("audio holds no samples")
    frames = len(samples) // HOP_LENGTH
    log_power = _log_power(np.pad(samples, _HALF, mode="reflect"), n_mels)[:frames]
    return _scale(log_power, _finite(float(log_power.max(initial=_SILENCE))))


class LogMel:
    """Log-mel windows of one recording, computed when asked for, in memory that its length does not change.

    `audio` is (n_samples,), 16 kHz mono float32 in -1..1, and may be a `numpy.memmap`; it is read in blocks.
    The values are those of openai-whisper's `transcribe`: the recording is followed by 30 s of digital
    silence, and the maximum that sets the floor is taken over all of it.

    Raises AudioError here for a wrong shape or type, and while scanning for samples that are not finite.
    """

    def __init__(self, audio: NDArray[np.floating], n_mels: int) -> None:
        self._audio = checked(audio)
        self._n_mels = n_mels
        self._peak = _SILENCE
        self._scanned = 0  # frames whose maximum is in _peak
        # Frames that touch at least one sample; every later one is silence, whose value is known.
        self._sounding = 0 if len(audio) == 0 else -(-(len(audio) + _HALF) // HOP_LENGTH)

    @property
    def n_frames(self) -> int:
        """Frames of content, 10 ms each: the padding is not counted (openai-whisper's `content_frames`)."""
        return len(self._audio) // HOP_LENGTH

    @property
    def duration(self) -> float:
        """Length of the recording in seconds."""
        return len(self._audio) / SAMPLE_RATE

    def scan(self, frames: int | None = None) -> bool:
        """Carries the search for the maximum on by about `frames` frames (all that is left if None).

        Returns True once it is complete. A driver calls this with a small number between decoding steps, so
        that a ten-hour recording does not keep the others waiting.
        """
        stop = self._sounding if frames is None else min(self._sounding, self._scanned + frames)
        while self._scanned < stop:
            last = min(stop, self._scanned + _BLOCK)
            self._peak = max(self._peak, _finite(float(self._frames(self._scanned, last).max())))
            self._scanned = last
        return self._scanned == self._sounding

    def window(self, seek: int, size: int = N_FRAMES) -> Float32Array:
        """Frames `seek` to `seek + size` (at most 3,000) as (n_mels, 3000), zeros after them.

        `size` up to the content's end gives openai-whisper's decoding window (`pad_or_trim` of the slice);
        with the full 3,000 the padding's own frames are in it, as its language detection sees them.
        """
        if seek < 0 or not 0 <= size <= N_FRAMES:
            raise ValueError(f"no window of {size} frames at {seek}")
        self.scan()
        # The spectrogram ends with the padding's last frame.
        size = min(size, max(0, (len(self._audio) + N_SAMPLES) // HOP_LENGTH - seek))
        result = np.zeros((self._n_mels, N_FRAMES), dtype=np.float32)
        if size:
            result[:, :size] = _scale(self._frames(seek, seek + size), self._peak)
        return result

    def _frames(self, first: int, last: int) -> Float32Array:
        """log10 mel power of these frames, (last - first, n_mels), reading only the samples they touch."""
        begin, end = first * HOP_LENGTH - _HALF, (last - 1) * HOP_LENGTH + _HALF
        samples = np.zeros(end - begin, dtype=np.float32)
        held = self._audio[max(begin, 0) : end]
        offset = max(-begin, 0)
        samples[offset : offset + len(held)] = held
        if begin < 0:  # torch.stft(center=True) mirrors the signal at its start
            mirrored = self._audio[1 : 1 - begin]
            samples[-begin - len(mirrored) : -begin] = mirrored[::-1]
        return _log_power(samples, self._n_mels)
