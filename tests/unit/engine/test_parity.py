"""The engine gives what openai-whisper gave when `tests/golden/record.py` recorded it.

In the demo model's tests every number is of the shipped model; the scrambled tiny model is of OpenAI's own
shape and needs no file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from golden import record, scrambled
from golden.scrambled import TINY, scrambled_mel, scrambled_tokens
from making_checkpoints import hugging_face_folder, tensors
from whisper_onnx import Bundle, Transcription, WhisperModel
from whisper_onnx.build import build
from whisper_onnx.dims import HOP_LENGTH, N_FRAMES, N_SAMPLES, Dims
from whisper_onnx.features import LogMel, log_mel
from whisper_onnx.runtime import Runtime

GOLDEN = Path(record.__file__).parent
SPEECH = GOLDEN.parent / "data" / "speech"
INDEX: dict[str, Any] = json.loads((GOLDEN / "demo" / "index.json").read_text())
RECORDINGS = sorted(INDEX["recordings"])
TOLERANCE = 1e-4  # absolute, for log-mel, encoder output and logits


@pytest.fixture(scope="module")
def model(demo_bundle: Path) -> WhisperModel:
    bundle = Bundle.load(demo_bundle)
    assert bundle.manifest.checkpoint_sha256 == INDEX["checkpoint_sha256"], (
        "the golden files are of another checkpoint; run tests/golden/record.py again"
    )
    return WhisperModel(bundle, threads=1, slots=4)


@lru_cache(maxsize=1)
def arrays(name: str) -> dict[str, NDArray[Any]]:
    with np.load(GOLDEN / name) as stored:
        return dict(stored)


def audio(name: str) -> NDArray[np.float32]:
    path = SPEECH / INDEX["recordings"][name]["file"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == INDEX["recordings"][name]["audio_sha256"], (
        f"{path.name} has changed; run tests/golden/record.py again"
    )
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == 16_000
    return np.asarray(samples)


def furthest(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max())


def forced(runtime: Runtime, slot: int, tokens: list[int], first: int) -> Iterator[NDArray[np.float32]]:
    """Logits of every position: `first` tokens as a prompt, the others as steps."""
    yield from runtime.prompt(slot, tokens[:first])
    for token in tokens[first:]:
        yield from runtime.step([slot], [token])


def test_the_golden_files_hold_several_recordings_with_text_and_one_of_several_windows() -> None:
    segments = [recording["segments"] for recording in INDEX["recordings"].values()]
    assert sum(any(segment["text"].strip() for segment in each) for each in segments) >= 3
    assert any(len({segment["seek"] for segment in each}) >= 2 for each in segments)


@pytest.mark.parametrize("name", RECORDINGS)
def test_log_mel_equals_openai_whisper(model: WhisperModel, name: str) -> None:
    ours = log_mel(audio(name), model.dims.n_mels, padding=N_SAMPLES)
    assert furthest(ours[:, :: record.MEL_STEP], arrays(f"demo/{name}.npz")["mel"]) < TOLERANCE


@pytest.mark.parametrize("name", RECORDINGS)
def test_encoder_and_logits_of_the_demo_model_equal_openai_whisper_at_every_position(
    model: WhisperModel, name: str
) -> None:
    golden = arrays(f"demo/{name}.npz")
    samples = audio(name)
    mel = LogMel(samples, model.dims.n_mels).window(0, min(N_FRAMES, len(samples) // HOP_LENGTH))[np.newaxis]
    encoded = model.runtime.encoder_output(mel)[0, :: record.ENCODER_STEP]
    assert furthest(encoded, golden["encoder"]) < TOLERANCE

    tokens = golden["tokens"].tolist()
    model.runtime.encode([2], mel)
    for first in (len(tokens), 3):
        logits = np.stack(list(forced(model.runtime, 2, tokens, first)))
        assert furthest(logits[:, golden["columns"]], golden["logits"]) < TOLERANCE
        assert logits.argmax(axis=1).tolist() == golden["argmax"].tolist()


@pytest.fixture(scope="module")
def together(model: WhisperModel) -> dict[str, Transcription]:
    """All recordings, transcribed in one batch."""
    results = model.transcribe_many([audio(name) for name in RECORDINGS], language="en", temperature=(0.0,))
    return dict(zip(RECORDINGS, results, strict=True))


@pytest.mark.parametrize("name", RECORDINGS)
def test_token_ids_times_and_text_of_a_transcript_equal_openai_whisper(
    together: dict[str, Transcription], name: str
) -> None:
    # openai-whisper keeps a segment that has neither length nor text, with its text and tokens emptied.
    theirs = [segment for segment in INDEX["recordings"][name]["segments"] if segment["tokens"]]
    ours = together[name].segments
    assert [list(segment.tokens) for segment in ours] == [segment["tokens"] for segment in theirs]
    assert [segment.text for segment in ours] == [segment["text"] for segment in theirs]
    assert [segment.seek for segment in ours] == [segment["seek"] for segment in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.start == pytest.approx(other["start"], abs=1e-6)
        assert mine.end == pytest.approx(other["end"], abs=1e-6)
        assert mine.avg_logprob == pytest.approx(other["avg_logprob"], abs=TOLERANCE)
        assert mine.no_speech_prob == pytest.approx(other["no_speech_prob"], abs=TOLERANCE)
    assert together[name].text == INDEX["recordings"][name]["text"]


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_detected_language_equals_openai_whisper(model: WhisperModel, name: str) -> None:
    assert model.detect_language(audio(name))[0] == INDEX["recordings"][name]["language"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    folder = tmp_path_factory.mktemp("tiny")
    dims = Dims.from_mapping(TINY)
    checkpoint = hugging_face_folder(folder / "hf", dims, tensors(dims))
    return Runtime(build(checkpoint, folder / "bundle"), provider="cpu", slots=3, threads=1)


def test_scrambled_weights_are_the_same_on_every_machine() -> None:
    name, shape = "decoder.ln.weight", (4,)
    assert scrambled.scrambled(name, shape).tolist() == pytest.approx(SCRAMBLED, abs=1e-7)


SCRAMBLED = [1.0482496023, 1.0388829708, 1.0324350595, 1.0860192775]


@pytest.mark.parametrize("first", [60, 1, 30])
def test_encoder_and_logits_of_the_official_tiny_shape_equal_openai_whisper(
    tiny: Runtime, first: int
) -> None:
    golden = arrays("tiny.npz")
    mel = scrambled_mel(tiny.dims.n_mels)[np.newaxis]
    assert furthest(tiny.encoder_output(mel)[0, :: record.ENCODER_STEP], golden["encoder"]) < TOLERANCE
    tokens = scrambled_tokens(tiny.dims.n_vocab, record.TINY_TOKENS)
    assert tokens == golden["tokens"].tolist()
    tiny.encode([1], mel)
    logits = np.stack(list(forced(tiny, 1, tokens, first)))
    assert furthest(logits[:, golden["columns"]], golden["logits"]) < TOLERANCE
    assert logits.argmax(axis=1).tolist() == golden["argmax"].tolist()
