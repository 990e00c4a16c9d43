"""Log-mel spectrogram, equal to openai-whisper's `log_mel_spectrogram` within 1e-4.

The transform: frames of 400 samples every 160, periodic Hann window, squared magnitude of the real FFT,
Slaney mel filters, log10 with a floor of 1e-10, then everything more than 8 below the recording's own maximum
is cut off and the range is scaled to about -1..1. That maximum is a property of the whole recording, so a
window's features depend on all of it: `LogMel` finds it in a first pass, keeps only that one number, and
computes a window when it is asked for. Nothing it holds grows with the recording, so a memory-mapped file of
ten hours costs no memory.

The first pass is cheap because a frame's energy bounds its mel power (Parseval's theorem): only frames whose
bound is above the maximum so far are transformed, the loudest first. In speech those are few, so that each
frame is transformed about once; in noise of one level, where no bound tells frames apart, it is twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .dims import HOP_LENGTH, N_FFT, N_FRAMES, N_SAMPLES, SAMPLE_RATE
from .errors import AudioError

Float32Array = NDArray[np.float32]

TOUCHED: Final = (N_FRAMES - 1) * HOP_LENGTH + N_FFT  # samples that a window's frames touch
_HALF: Final = N_FFT // 2  # samples on either side of a frame's centre
# Frames transformed at a time. The FFT's result (103 kB) stays in the core's cache, and below the size from
# which malloc maps fresh pages for every array: with twice the frames, most of the time is page faults.
_BLOCK: Final = 64
_BAND: Final = 16  # neighbouring filters applied at a time, to the bins that one of them weighs
# Frames whose bounds are compared at a time, always the same ones: a value's last bit may depend on its place
# in a matrix product, and the maximum must not depend on the pieces in which a driver scans.
_SCANNED: Final = 128
_MARGIN: Final = 1.001  # on the bounds, for the rounding of float32
FLOOR: Final = 1e-10  # smallest power told apart from silence
RANGE: Final = 1e-8  # power kept below the maximum, as a ratio (80 dB)


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
def hann() -> Float32Array:
    """Periodic Hann window, shape (400,), read-only."""
    window = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)
    window.setflags(write=False)
    return window


@lru_cache(maxsize=4)
def _energy_weights(n_mels: int) -> Float32Array:
    """(160, 3), read-only: what a squared sample adds to the bound of the three frames that touch its hop.

    Column i is for the frame whose i-th hop it is. By Parseval's theorem the bins between 0 Hz and 8 kHz, on
    which alone the filters stand, hold at most half of 400 times the windowed frame's energy; a filter weighs
    none of them by more than the largest weight.
    """
    weights = np.zeros(3 * HOP_LENGTH, dtype=np.float64)
    weights[:N_FFT] = np.square(hann(), dtype=np.float64)
    weights *= _MARGIN * _HALF * float(mel_filters(n_mels).max())
    result = np.ascontiguousarray(weights.reshape(3, HOP_LENGTH).T, dtype=np.float32)
    result.setflags(write=False)
    return result


@lru_cache(maxsize=4)
def _bands(n_mels: int) -> tuple[tuple[slice, slice, Float32Array], ...]:
    """The filter bank in blocks: which filters, the bins they stand on, and their weights there (read-only).

    Three quarters of the whole matrix are zeros. And products this small are computed by the calling thread:
    OpenBLAS shares larger ones out, then waits for a core that an inference runtime is busy on.
    """
    filters = mel_filters(n_mels)
    bands = []
    for first in range(0, n_mels, _BAND):
        rows = slice(first, min(first + _BAND, n_mels))
        weighed = np.flatnonzero(filters[rows].any(axis=0))
        bins = slice(int(weighed[0]), int(weighed[-1]) + 1)
        weights = np.ascontiguousarray(filters[rows, bins])
        weights.setflags(write=False)
        bands.append((rows, bins, weights))
    return tuple(bands)


class _Transform:
    """Mel power of up to 64 frames at a time, in arrays that are made once."""

    def __init__(self, n_mels: int) -> None:
        self._bands = _bands(n_mels)
        self._windowed = np.zeros((_BLOCK, N_FFT), dtype=np.float32)
        self._power = np.empty((_BLOCK, N_FFT // 2 + 1), dtype=np.float32)
        self._mel = np.empty((n_mels, _BLOCK), dtype=np.float32)

    def block(self, frames: Float32Array) -> Float32Array:
        """(n <= 64, 400) samples -> (n_mels, n) power, valid until the next call."""
        # Samples that overflow when squared show in the maximum, which is checked.
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            np.multiply(frames, hann(), out=self._windowed[: len(frames)])
            spectrum = np.fft.rfft(self._windowed, axis=1)  # complex128 before NumPy 2
            parts = spectrum.view(spectrum.real.dtype)  # real and imaginary parts by turns
            np.square(parts, out=parts)
            np.add(parts[:, 0::2], parts[:, 1::2], out=self._power)
            for rows, bins, weights in self._bands:
                np.matmul(weights, self._power[:, bins].T, out=self._mel[rows])
        return self._mel[:, : len(frames)]

    def run(self, samples: Float32Array, out: Float32Array) -> None:
        """Fills `out`, (n_mels, n), with the power of the first n frames of `samples`."""
        count = out.shape[1]
        frames = _framed(samples)[:count]
        for first in range(0, count, _BLOCK):
            out[:, first : first + _BLOCK] = self.block(frames[first : first + _BLOCK])


def _framed(samples: Float32Array) -> Float32Array:
    """(n,) samples -> its whole frames as a view, (1 + (n - 400) // 160, 400)."""
    return np.lib.stride_tricks.sliding_window_view(samples, N_FFT)[::HOP_LENGTH]


def _scale(power: Float32Array, peak: float) -> None:
    """Makes mel power what the encoder takes, in place: (log10 + 4) / 4, cut off 80 dB below the peak."""
    np.maximum(power, np.float32(max(FLOOR, peak * RANGE)), out=power)
    np.log(power, out=power)  # unlike log10, in vector instructions on every processor
    power *= np.float32(np.log10(np.e) / 4.0)
    power += np.float32(1.0)


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
    result = np.empty((n_mels, len(samples) // HOP_LENGTH), dtype=np.float32)
    _Transform(n_mels).run(np.pad(samples, _HALF, mode="reflect"), result)
    _scale(result, _finite(float(result.max(initial=FLOOR))))
    return result


@dataclass(frozen=True, slots=True, eq=False)
class MelWindow:
    """A window of a recording, named but not computed: the features may be made here or on a device."""

    log_mel: LogMel
    seek: int
    size: int

    def values(self) -> Float32Array:
        """The window, (n_mels, 3000); see `LogMel.window`."""
        return self.log_mel.window(self.seek, self.size)

    def touched(self) -> tuple[Float32Array, int, float]:
        """What a device makes it of; see `LogMel.touched`."""
        return self.log_mel.touched(self.seek, self.size)


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
        self._peak = FLOOR  # largest mel power
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
        if self._scanned < stop:
            transform = _Transform(self._n_mels)
            squares = np.zeros((_SCANNED + 2, HOP_LENGTH), dtype=np.float32)
            while self._scanned < stop:
                last = min(self._sounding, self._scanned + _SCANNED)
                self._peak = self._peak_of(self._samples(self._scanned, last), transform, squares)
                self._scanned = last
        return self._scanned == self._sounding

    def _peak_of(self, samples: Float32Array, transform: _Transform, squares: Float32Array) -> float:
        """The maximum so far, or that of these samples' frames if larger; `squares` is scratch space."""
        frames = _framed(samples)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            np.square(samples, out=squares.reshape(-1)[: len(samples)])
            # What is left in `squares` beyond these samples meets weights of zero only.
            by_hop = squares[: len(frames) + 2] @ _energy_weights(self._n_mels)
            bounds = by_hop[:-2, 0] + by_hop[1:-1, 1] + by_hop[2:, 2]
        _finite(float(bounds.max()))
        loudest_first = np.argsort(-bounds, kind="stable")
        peak = self._peak
        for first in range(0, len(frames), _BLOCK):
            block = loudest_first[first : first + _BLOCK]
            if bounds[block[0]] <= peak:
                break
            peak = max(peak, _finite(float(transform.block(frames[block]).max())))
        return peak

    def at(self, seek: int, size: int = N_FRAMES) -> MelWindow:
        """The window that `window` gives, to be computed by whoever needs it. Raises ValueError as that."""
        if seek < 0 or not 0 <= size <= N_FRAMES:
            raise ValueError(f"no window of {size} frames at {seek}")
        return MelWindow(self, seek, size)

    def touched(self, seek: int, size: int) -> tuple[Float32Array, int, float]:
        """What a device makes the window of (`mel_graph.py`): samples, frames that count, peak.

        Samples are (480240,), the peak is 0 where this window holds all of the recording, so that the device
        finds it by itself. Raises AudioError for samples that are not finite.
        """
        alone = seek == 0 and self._sounding <= size
        if not alone:
            self.scan()
        size = self._counted(seek, size)
        samples = np.zeros(TOUCHED, dtype=np.float32)
        if sounding := min(size, max(0, self._sounding - seek)):
            held = self._samples(seek, seek + sounding)
            with np.errstate(over="ignore", invalid="ignore"):
                _finite(float(np.dot(held, held)))
            samples[: len(held)] = held
        return samples, size, 0.0 if alone else self._peak

    def _counted(self, seek: int, size: int) -> int:
        """How many of `size` frames there are: the spectrogram ends with the padding's last frame."""
        return min(size, max(0, (len(self._audio) + N_SAMPLES) // HOP_LENGTH - seek))

    def window(self, seek: int, size: int = N_FRAMES) -> Float32Array:
        """Frames `seek` to `seek + size` (at most 3,000) as (n_mels, 3000), zeros after them.

        `size` up to the content's end gives openai-whisper's decoding window (`pad_or_trim` of the slice);
        with the full 3,000 the padding's own frames are in it, as its language detection sees them.
        """
        if seek < 0 or not 0 <= size <= N_FRAMES:
            raise ValueError(f"no window of {size} frames at {seek}")
        self.scan()
        size = self._counted(seek, size)
        result = np.zeros((self._n_mels, N_FRAMES), dtype=np.float32)
        sounding = min(size, max(0, self._sounding - seek))  # the others are silence: power 0, as it stands
        if sounding:
            _Transform(self._n_mels).run(self._samples(seek, seek + sounding), result[:, :sounding])
        _scale(result[:, :size], self._peak)
        return result

    def _samples(self, first: int, last: int) -> Float32Array:
        """The samples that these frames touch, with what stands for those before and after the recording."""
        begin, end = first * HOP_LENGTH - _HALF, (last - 1) * HOP_LENGTH + _HALF
        held = np.asarray(self._audio[max(begin, 0) : end], dtype=np.float32)
        if len(held) == end - begin:
            return held
        samples = np.zeros(end - begin, dtype=np.float32)
        offset = max(-begin, 0)
        samples[offset : offset + len(held)] = held
        if begin < 0:  # torch.stft(center=True) mirrors the signal at its start
            mirrored = self._audio[1 : 1 - begin]
            samples[-begin - len(mirrored) : -begin] = mirrored[::-1]
        return samples
