"""Speech detection: finds sentences whose times are known, and nothing where nobody speaks."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from whisper_onnx import vad_silero
from whisper_onnx.errors import AudioError, BundleError, BundleHashError, OptionsError
from whisper_onnx.runtime import load_graph
from whisper_onnx.vad import Detectors, Span, VadOptions, spans, speech_spans
from whisper_onnx.vad_graph import speech_graph
from whisper_onnx.vad_silero import Silero

Samples = NDArray[np.float32]
SPEECH = Path(__file__).parents[2] / "data" / "speech"
METHODS = ("silero", "energy")
RATE = 16_000
CHUNK = 512


@pytest.fixture(scope="module")
def detectors() -> Detectors:
    return Detectors()


def read(name: str) -> Samples:
    samples: Samples = soundfile.read(SPEECH / name, dtype="float32")[0]
    return samples


def noise(seconds: float, level: float) -> Samples:
    return np.random.default_rng(1).normal(0.0, level, round(seconds * RATE)).astype(np.float32)


def music(seconds: float) -> Samples:
    """Plucked chords, two a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    step = 2.0 ** ((time * 2).astype(int) % 7 / 12)
    chord = sum(np.sin(2 * np.pi * hertz * step * time) for hertz in (220.0, 277.0, 330.0))
    return (0.1 * chord * np.exp(-3 * (time * 2 % 1))).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", sorted(json.loads((SPEECH / "texts.json").read_text())))
def test_each_sentence_is_found_where_it_was_spoken(method: Any, name: str, detectors: Detectors) -> None:
    spoken = [
        (s["start"], s["end"]) for s in json.loads((SPEECH / "texts.json").read_text())[name]["sentences"]
    ]
    options = VadOptions(method=method, speech_pad_ms=0, min_silence_duration_ms=500)
    found = speech_spans(read(name), options, detectors)
    assert len(found) == len(spoken)
    for (start, end), (first, last) in zip(found, spoken, strict=True):
        assert start / RATE == pytest.approx(first, abs=0.15)
        assert end / RATE == pytest.approx(last, abs=0.15)


@pytest.mark.parametrize("chunks", [1, 7, 128])
def test_our_graph_of_sileros_weights_answers_as_the_packages_own_graph(chunks: int) -> None:
    network = vad_silero.read_network()
    sounds = [read(name) for name in sorted(json.loads((SPEECH / "texts.json").read_text()))]
    sound = np.concatenate([*sounds, noise(2, 0.1), np.zeros(RATE, np.float32), music(2)])
    sound = sound[: len(sound) // (chunks * CHUNK) * chunks * CHUNK].reshape(-1, chunks * CHUNK)
    probabilities = []
    for graph in (network, speech_graph(network)):
        detector = Silero(load_graph(graph, "cpu"))
        probabilities.append(np.concatenate([detector.feed(piece) for piece in sound]))
    theirs, ours = probabilities
    assert theirs.max() > 0.9
    assert theirs.min() < 0.1
    assert ours == pytest.approx(theirs, abs=5e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(8 * RATE, np.float32),
        noise(8, 0.001),
        noise(8, 0.1),
        (0.3 * np.sin(2 * np.pi * 50 * np.arange(8 * RATE) / RATE)).astype(np.float32),
        (0.5 * np.sin(2 * np.pi * 440 * np.arange(8 * RATE) / RATE)).astype(np.float32),
        np.zeros(0, np.float32),
        np.zeros(7, np.float32),
    ],
    ids=["silence", "faint noise", "loud noise", "hum", "tone", "nothing", "seven samples"],
)
def test_no_speech_is_found_in_steady_sound(method: Any, sound: Samples, detectors: Detectors) -> None:
    assert speech_spans(sound, VadOptions(method=method), detectors) == ()


def test_silero_tells_music_from_speech_and_energy_does_not(detectors: Detectors) -> None:
    assert speech_spans(music(8), VadOptions(method="silero"), detectors) == ()
    assert speech_spans(music(8), VadOptions(method="energy"), detectors) != ()


@pytest.mark.parametrize("method", METHODS)
def test_speech_is_found_in_noise_15_db_below_it(method: Any, detectors: Detectors) -> None:
    clean = read("passage-12s.flac")
    speaking = clean[np.abs(clean) > 0.01]
    loudness = float(np.sqrt(np.mean(speaking**2)))
    noisy = clean + noise(len(clean) / RATE, loudness * 10 ** (-15 / 20))
    found = speech_spans(noisy, VadOptions(method=method), detectors)
    assert sum(end - start for start, end in found) < 0.9 * len(clean)
    for first, last in ((2.5, 5.4), (8.7, 11.1)):
        assert any(start <= first * RATE and last * RATE <= end for start, end in _joined(found))


def _joined(found: tuple[Span, ...]) -> list[Span]:
    """Touching spans as one."""
    result: list[Span] = []
    for start, end in found:
        if result and result[-1][1] >= start - RATE // 2:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


@pytest.mark.parametrize("method", METHODS)
def test_the_spans_are_the_same_each_time_and_wherever_the_samples_lie(
    method: Any, detectors: Detectors, tmp_path: Path
) -> None:
    audio = np.tile(read("passage-12s.flac"), 3)
    options = VadOptions(method=method)
    path = tmp_path / "samples"
    audio.tofile(path)
    mapped = np.memmap(path, np.float32, "r")
    once = speech_spans(audio, options, detectors)
    assert once
    assert speech_spans(audio, options, Detectors()) == once
    assert speech_spans(mapped, options, detectors) == once
    assert speech_spans(audio.astype(np.float64), options, detectors) == once


@pytest.mark.parametrize("method", METHODS)
def test_hours_of_a_memory_map_take_a_few_megabytes(
    method: Any, detectors: Detectors, tmp_path: Path
) -> None:
    path = tmp_path / "hours"
    with path.open("wb") as file:
        file.truncate(
            2 * 3600 * RATE * 4 // (1 if method == "energy" else 8)
        )  # a hole: 15 minutes for Silero
    audio = np.memmap(path, np.float32, "r")
    audio_bytes = audio.size * 4
    tracemalloc.start()
    try:
        assert speech_spans(audio, VadOptions(method=method), detectors) == ()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < audio_bytes / 10


@pytest.mark.parametrize("method", METHODS)
def test_samples_that_are_not_finite_are_refused(method: Any, detectors: Detectors) -> None:
    with pytest.raises(AudioError):
        speech_spans(np.full(RATE, np.nan, np.float32), VadOptions(method=method), detectors)
    with pytest.raises(AudioError):
        speech_spans(np.zeros((2, RATE), np.float32), VadOptions(method=method), detectors)


probabilities = st.lists(st.sampled_from([0.0, 0.1, 0.36, 0.45, 0.5, 0.9, 1.0]), max_size=400)
parameters = st.builds(
    VadOptions,
    threshold=st.sampled_from([0.3, 0.5, 0.9]),
    min_speech_duration_ms=st.sampled_from([0, 50, 300]),
    max_speech_duration_s=st.sampled_from([1.0, 2.5, 30.0]),
    min_silence_duration_ms=st.sampled_from([0, 33, 160, 1000]),
    speech_pad_ms=st.sampled_from([0, 30, 400]),
)


@given(values=probabilities, options=parameters, short=st.integers(0, CHUNK - 1))
def test_spans_are_in_order_within_the_recording_and_never_too_long(
    values: list[float], options: VadOptions, short: int
) -> None:
    n_samples = max(0, len(values) * CHUNK - short)
    found = spans(np.array(values, np.float32), n_samples, options)
    edges = [edge for span in found for edge in span]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= n_samples for start, end in found)
    assert all(end - start <= options.max_speech_duration_s * RATE for start, end in found)
    if options.min_speech_duration_ms == 0:
        for index, value in enumerate(values):  # all that is certainly speech is kept
            middle = index * CHUNK
            if value >= options.threshold and middle < n_samples:
                assert any(start <= middle < end for start, end in found)


def test_a_span_that_is_too_long_is_cut_at_its_longest_pause() -> None:
    values = np.ones(100, np.float32)
    values[40:43] = 0.0  # 96 ms
    values[25:27] = 0.0
    options = VadOptions(max_speech_duration_s=60 * CHUNK / RATE, speech_pad_ms=0)
    assert spans(values, 100 * CHUNK, options) == ((0, 41 * CHUNK), (41 * CHUNK, 100 * CHUNK))


def test_a_span_without_pauses_is_cut_where_speech_is_least_likely() -> None:
    values = np.ones(100, np.float32)
    values[45] = 0.6
    options = VadOptions(max_speech_duration_s=60 * CHUNK / RATE, speech_pad_ms=0)
    assert spans(values, 100 * CHUNK, options) == ((0, 45 * CHUNK), (45 * CHUNK, 100 * CHUNK))


def test_a_short_pause_is_shared_by_its_neighbours_and_a_long_one_cut_away() -> None:
    values = np.zeros(400, np.float32)
    values[100:150], values[160:200], values[300:350] = 1.0, 1.0, 1.0
    pad = 6400
    assert spans(values, 400 * CHUNK, VadOptions()) == (
        (100 * CHUNK - pad, 155 * CHUNK),
        (155 * CHUNK, 200 * CHUNK + pad),
        (300 * CHUNK - pad, 350 * CHUNK + pad),
    )


def _without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vad_silero, "PACKAGE", "silero-vad-that-nobody-installed")


def test_auto_means_silero_where_it_is_installed_and_energy_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Detectors().method(VadOptions()) == "silero"
    _without_package(monkeypatch)
    assert Detectors().method(VadOptions()) == "energy"
    with pytest.raises(BundleError, match="pip install --no-deps"):
        speech_spans(noise(1, 0.1), VadOptions(method="silero"))


def test_a_network_other_than_the_known_one_is_never_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = vad_silero.read_network()
    path = tmp_path / "silero.onnx"
    monkeypatch.setattr(vad_silero, "installed_file", lambda: path)
    path.write_bytes(known)
    assert vad_silero.read_network() == known
    for other in (known[:-1], known + b"\0", bytes([known[0] ^ 1]) + known[1:]):
        path.write_bytes(other)
        with pytest.raises(BundleHashError):
            vad_silero.read_network()


WRONG: list[tuple[str, object]] = [
    ("method", "webrtc"),
    ("threshold", 1.5),
    ("threshold", "0.5"),
    ("neg_threshold", 0.6),
    ("min_speech_duration_ms", -1),
    ("max_speech_duration_s", 0.0),
    ("max_speech_duration_s", float("nan")),
    ("min_silence_duration_ms", True),
    ("speech_pad_ms", 15_000),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_wrong_parameter_is_refused_by_its_name(field: str, value: Any) -> None:
    with pytest.raises(OptionsError, match=field) as caught:
        VadOptions(**{field: value})
    assert caught.value.field == "vad_parameters"
    assert {name for name, _ in WRONG} == {field.name for field in fields(VadOptions)}


def test_speech_in_a_long_recording_is_cut_into_spans_that_a_window_holds(detectors: Detectors) -> None:
    audio = np.tile(read("passage-12s.flac"), 8)
    for method in METHODS:
        found = speech_spans(audio, VadOptions(method=method), detectors)  # type: ignore[arg-type]
        assert len(found) >= 8
        assert max(end - start for start, end in found) <= 30 * RATE
