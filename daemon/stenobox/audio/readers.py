"""Two readers of recordings: libsndfile for what it knows, FFmpeg's demuxers and decoders for the rest.

Both take the open descriptor of the recording and nothing else. Neither can be made to open another file or
an address that a playlist or a reference inside the recording names: libsndfile is only tried on containers
that have no references, FFmpeg gets a list of demuxers without playlists, image sequences and session
descriptions, no protocol, and a callback that refuses every further open.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import av
import numpy as np
import soundfile

from stenobox.audio.resample import Samples
from stenobox.audio.tags import Tags, tags_of

BLOCK_FRAMES = 65_536  # samples per channel handed on at once
MAX_CHANNELS = 32
CUT_SECONDS = 0.5  # less than this is the padding of a codec, not a missing end
MIN_RATE, MAX_RATE = 1_000, 768_000  # Hz

# Demuxers by FFmpeg's names. A name that is missing here is a format that is refused, whatever it is.
DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,loas,"
    "matroska,mov,mp3,mpeg,mpegts,ogg,tta,w64,wav,wv"
)
# Decoders by FFmpeg's names: sound only, so that a film's pictures are never looked at.
_DECODER_NAMES = """
    aac aac_latm ac3 adpcm_ima_qt adpcm_ima_wav adpcm_ms adpcm_swf adpcm_yamaha alac amrnb amrwb ape dca
    eac3 flac g722 g723_1 g726 g729 gsm gsm_ms ilbc libopencore_amrnb libopencore_amrwb libopus mp1 mp1float
    mp2 mp2float mp3 mp3float nellymoser opus pcm_alaw pcm_bluray pcm_dvd pcm_f32be pcm_f32le pcm_f64be
    pcm_f64le pcm_mulaw pcm_s16be pcm_s16be_planar pcm_s16le pcm_s16le_planar pcm_s24be pcm_s24le
    pcm_s24le_planar pcm_s32be pcm_s32le pcm_s32le_planar pcm_s64be pcm_s64le pcm_s8 pcm_u16be pcm_u16le
    pcm_u24be pcm_u24le pcm_u32be pcm_u32le pcm_u8 speex tta vorbis wavpack wmalossless wmapro wmav1 wmav2
    wmavoice
"""
DECODERS = frozenset(_DECODER_NAMES.split())
# Full scale of the sample formats that decoders give.
_FULL_SCALE = {"u8": 128.0, "s16": 32768.0, "s32": 2147483648.0, "flt": 1.0, "dbl": 1.0}


class Unreadable(Exception):
    """This reader cannot read the recording; `problem` is a key of `protocol.PROBLEMS`."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Header:
    """What the recording says about itself; `duration` in seconds where it says it, `tracks` of sound."""

    format: str
    codec: str
    duration: float | None
    sample_rate: int
    channels: int
    tracks: int = 1


@dataclass(frozen=True, slots=True)
class Block:
    """`samples` (n, channels) float32 at `rate` Hz; values may be out of range or no numbers."""

    samples: Samples
    rate: int


class SoundFileReader:
    """WAV, RF64, Wave64, AIFF, AU, CAF, FLAC, OGG (Vorbis, Opus) and MP3, through libsndfile: their first
    track.
    """

    def __init__(self, descriptor: int, head: bytes, track: int = 0) -> None:
        if track > 1:
            raise Unreadable("no_such_track")
        os.lseek(descriptor, 0, os.SEEK_SET)
        self.damaged = False
        self.truncated = _riff_is_cut(head, os.fstat(descriptor).st_size)
        try:
            self._file = soundfile.SoundFile(descriptor, closefd=False)
        except soundfile.LibsndfileError as error:
            raise Unreadable("damaged") from error
        rate, channels = self._file.samplerate, self._file.channels
        _check_shape(rate, channels)
        frames = self._file.frames
        # libsndfile gives a huge number where the length cannot be known.
        duration = frames / rate if 0 <= frames < 1 << 48 else None
        self._announced = frames if duration is not None else 0
        self.header = Header(self._file.format, self._file.subtype, duration, rate, channels)

    @staticmethod
    def recognises(head: bytes) -> bool:
        """Whether the first bytes are those of a container that libsndfile reads well."""
        return (
            head[:4] in (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"caff", b".snd")
            or (head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"))
            or head[:12] == b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb"
            or _is_mp3(head)
        )

    def blocks(self) -> Iterator[Block]:
        got = 0
        while True:
            try:
                samples = self._file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                self.damaged = True
                return
            if len(samples) == 0:
                break
            got += len(samples)
            yield Block(samples, self._file.samplerate)
        self.truncated |= got < self._announced


class FFmpegReader:
    """Every container of `DEMUXERS` with a sound track of `DECODERS`, through PyAV.

    `track` counts the tracks of sound from 1, in the order of the file; 0 takes the one that FFmpeg takes for
    the main one.
    """

    def __init__(self, descriptor: int, head: bytes, track: int = 0) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        self.damaged = self.truncated = False
        self._input = _Input(descriptor)
        try:
            container: Any = av.open(
                self._input,
                container_options={
                    "format_whitelist": DEMUXERS,
                    "codec_whitelist": ",".join(sorted(DECODERS)),
                    "protocol_whitelist": "none",
                },
                metadata_errors="replace",
                io_open=_refuse_open,
            )
        except (av.FFmpegError, ValueError, OverflowError) as error:
            _raise_memory(error)
            raise Unreadable("damaged") from error
        self._container = container
        tracks = container.streams.audio
        if not tracks:
            raise Unreadable("no_audio_track")
        if track > len(tracks):
            raise Unreadable("no_such_track")
        # The main one is unknown where the file says little about any; then it is the first.
        stream = tracks[track - 1] if track else container.streams.best("audio") or tracks[0]
        self._stream = stream
        try:
            codec = stream.codec_context.codec.name
        except (av.FFmpegError, ValueError, AttributeError) as error:
            raise Unreadable("codec") from error
        if codec not in DECODERS:
            raise Unreadable("codec")
        # The child may start no thread, and FFmpeg's WavPack decoder drops blocks when it cannot.
        stream.codec_context.thread_count = 1
        rate, channels = stream.codec_context.sample_rate or 0, stream.codec_context.channels or 0
        # Some headers (MPEG-TS, damaged MP4) tell nothing before the first packet; the blocks are checked
        # again.
        if rate or channels:
            _check_shape(rate, channels)
        self.header = Header(container.format.name, codec, self._duration(), rate, channels, len(tracks))

    def tags(self) -> Tags:
        return tags_of((self._container.metadata, self._stream.metadata))

    def _duration(self) -> float | None:
        stream, container = self._stream, self._container
        if stream.duration and stream.time_base:
            seconds = float(stream.duration * stream.time_base)
        elif container.duration:
            seconds = container.duration / av.time_base
        else:
            return None
        return seconds if 0 < seconds < 1e9 else None

    def _announced(self) -> float:
        """Seconds that the file surely promises; elsewhere FFmpeg guesses, or counts the pictures too."""
        sure = self._container.format.name.startswith("mov") and self._stream.duration
        return float(self._stream.duration * self._stream.time_base) if sure else 0.0

    def blocks(self) -> Iterator[Block]:
        """Frames are joined to blocks of a useful size: a frame of AAC is 1,024 samples."""
        waiting: list[Samples] = []
        rate = shape = held = 0
        seconds = 0.0
        for frame in self._frames():
            samples = _to_float(frame)
            if waiting and (frame.sample_rate, samples.shape[1]) != (rate, shape):
                yield Block(np.concatenate(waiting), rate)
                waiting, held = [], 0
            rate, shape = frame.sample_rate, samples.shape[1]
            _check_shape(rate, shape)
            waiting.append(samples)
            held += len(samples)
            seconds += len(samples) / rate
            if held >= BLOCK_FRAMES:
                yield Block(np.concatenate(waiting), rate)
                waiting, held = [], 0
        if waiting:
            yield Block(np.concatenate(waiting), rate)
        self.truncated |= seconds < self._announced() - CUT_SECONDS

    def _frames(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                _raise_memory(error)
                self.truncated = True
                return
            if packet is None:
                return
            if packet.is_corrupt:
                self.damaged = True
            try:
                yield from packet.decode()
            except av.error.EOFError:
                return
            except av.FFmpegError as error:
                _raise_memory(error)
                self.damaged = True  # one packet is lost; the next may be whole


class _Input:
    """The recording as PyAV reads it.

    A damaged table sends FFmpeg to places before the beginning; told so by a number, FFmpeg gives up on the
    table, while PyAV would make an OSError of ours out of the one that a file raises.
    """

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(os.dup(descriptor), "rb")
        self.read = self._file.read
        self.tell = self._file.tell
        self.close = self._file.close

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return -errno.EINVAL


def looks_like_media(head: bytes) -> bool:
    """Whether the first bytes are those of a known container, so that a failure is damage and not a wrong
    file.
    """
    return (
        SoundFileReader.recognises(head)
        or head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide")
        or head[:4]
        in (b"\x1aE\xdf\xa3", b"FLV\x01", b"MAC ", b"wvpk", b"TTA1", b"0&\xb2u", b"\x00\x00\x01\xba")
        or head[:5] == b"#!AMR"
        or head[:2] in (b"\xff\xf1", b"\xff\xf9", b"\x0b\x77")
        or (len(head) > 188 and head[0] == 0x47 and head[188] == 0x47)
    )


def _is_mp3(head: bytes) -> bool:
    """An ID3v2 tag, or the sync word of an MPEG audio frame of layer II or III."""
    return head[:3] == b"ID3" or (
        len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 in (0x02, 0x04)
    )


def _riff_is_cut(head: bytes, size: int) -> bool:
    """RIFF announces its size in bytes 4 to 8; libsndfile quietly takes what is there. Streams announce 0 or
    -1.
    """
    if head[:4] != b"RIFF":
        return False
    announced = int.from_bytes(head[4:8], "little")
    return 0 < announced < 0xFFFFFFF0 and announced + 8 > size


def _check_shape(rate: int, channels: int) -> None:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise Unreadable("sample_rate")
    if not 1 <= channels <= MAX_CHANNELS:
        raise Unreadable("channels")


def _to_float(frame: Any) -> Samples:
    """A decoded frame -> (n, channels) float32, full scale 1."""
    name = frame.format.name
    planar = frame.format.is_planar
    scale = _FULL_SCALE.get(name.removesuffix("p") if planar else name)
    if scale is None:
        raise Unreadable("codec")
    values = frame.to_ndarray()
    channels = len(frame.layout.channels)
    values = values.T if planar else values.reshape(-1, channels)
    if name.startswith("u8"):
        values = values.astype(np.float32) - 128.0
    with np.errstate(over="ignore", invalid="ignore"):
        floats = values.astype(np.float32)
    scaled: Samples = floats if scale == 1.0 else floats / np.float32(scale)
    return scaled


def _raise_memory(error: BaseException) -> None:
    if isinstance(error, MemoryError):
        raise error


def _refuse_open(url: str, flags: int, options: object) -> NoReturn:
    raise PermissionError("a recording may not name other files")


def read_head(descriptor: int) -> bytes:
    """The first 512 bytes, without moving the position."""
    with contextlib.suppress(OSError):
        return os.pread(descriptor, 512, 0)
    return b""
