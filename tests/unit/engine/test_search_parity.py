"""Greedy, beam and best-of search find what openai-whisper's `decode` found when it was recorded.

The demo model is sure of itself, so the noisy window and the model with scrambled weights are where beams
part and cross.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from golden import record, search_cases
from golden.scrambled import TINY
from golden.search_cases import WINDOWS, cases, mel_of_scrambled, options_of, samples_of
from making_checkpoints import hugging_face_folder, tensors
from whisper_onnx import TranscribeOptions, WhisperModel
from whisper_onnx.build import build
from whisper_onnx.dims import HOP_LENGTH, N_FRAMES, Dims
from whisper_onnx.features import LogMel
from whisper_onnx.longform import WindowRequest
from whisper_onnx.needs import Feed, Fork, Prompt, Report
from whisper_onnx.prompting import initial_tokens
from whisper_onnx.recording import decode_window
from whisper_onnx.rules import rules_for
from whisper_onnx.search import WindowResult

GOLDEN: dict[str, Any] = json.loads((Path(record.__file__).parent / "search.json").read_text())
SPEECH = Path(record.__file__).parent.parent / "data" / "speech"
SLOTS = 5


@pytest.fixture(scope="module")
def models(demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, WhisperModel]:
    demo = WhisperModel(demo_bundle, threads=1, slots=SLOTS)
    assert demo.bundle.manifest.checkpoint_sha256 == GOLDEN["checkpoint_sha256"], (
        "the golden file is of another checkpoint; run tests/golden/record_search.py again"
    )
    folder, dims = tmp_path_factory.mktemp("tiny"), Dims.from_mapping(TINY)
    bundle = build(hugging_face_folder(folder / "hf", dims, tensors(dims)), folder / "bundle")
    return {"demo": demo, "tiny": WhisperModel(bundle, threads=1, slots=SLOTS)}


def mel_of(window: str, n_mels: int) -> NDArray[np.float32]:
    if window == "scrambled":
        return mel_of_scrambled(n_mels)
    samples = samples_of(window, SPEECH)
    return LogMel(samples, n_mels).window(0, min(N_FRAMES, len(samples) // HOP_LENGTH))


def decoded(
    model: WhisperModel, mel: NDArray[np.float32], options: TranscribeOptions, prompt: tuple[int, ...]
) -> WindowResult:
    """The window decoded by the generator that recordings are decoded by, alone on the runtime."""
    runtime = model.runtime
    tokenizer = model.tokenizer("en", options.task)
    rules = rules_for(tokenizer, options, model.dims.n_audio_ctx)
    needs = decode_window(model, tokenizer, rules, options, WindowRequest(0, N_FRAMES, prompt))
    runtime.encode([0], mel[np.newaxis])
    answer = None
    while True:
        try:
            need = needs.send(answer)
        except StopIteration as stop:
            result: WindowResult = stop.value
            return result
        answer = None
        match need:
            case Prompt(tokens, rows):
                answer = runtime.prompt(0, tokens, rows=rows)
            case Fork(count):
                runtime.fork(0, range(1, count))
            case Feed(tokens, sources):
                if sources is not None:
                    runtime.reorder(range(len(tokens)), sources)
                answer = runtime.step(range(len(tokens)), tokens)
            case Report():
                pass
            case _:
                raise AssertionError(need)


def test_every_case_is_recorded_and_beams_find_other_texts_than_greedy_decoding_somewhere() -> None:
    recorded = GOLDEN["cases"]
    assert sorted(recorded) == sorted(f"{window} {name}" for window, name in cases())
    for window in ("passage", "scrambled"):
        assert recorded[f"{window} beam"]["tokens"] != recorded[f"{window} greedy"]["tokens"]


@pytest.mark.parametrize("window", WINDOWS)
def test_tokens_and_probabilities_equal_openai_whisper(models: dict[str, WhisperModel], window: str) -> None:
    model = models[WINDOWS[window]]
    mel = mel_of(window, model.dims.n_mels)
    for name in search_cases.OPTIONS:
        options = options_of(window, name)
        prompt = tuple(model.tokenizer().encode(" " + options.pop("prompt"))) if "prompt" in options else ()
        options["temperature"] = (options.get("temperature", 0.0),)
        ours = decoded(model, mel, TranscribeOptions(**options), prompt)
        theirs = GOLDEN["cases"][f"{window} {name}"]
        assert list(ours.tokens) == theirs["tokens"], name
        assert ours.avg_logprob == pytest.approx(theirs["avg_logprob"], abs=1e-4), name
        assert ours.no_speech_prob == pytest.approx(theirs["no_speech_prob"], abs=1e-5), name
        assert ours.compression_ratio == theirs["compression_ratio"], name


@pytest.mark.parametrize("case", GOLDEN["prompts"], ids=lambda case: str(case["hotwords"])[:12])
def test_prompts_with_hot_words_equal_faster_whisper(
    models: dict[str, WhisperModel], case: dict[str, Any]
) -> None:
    options = TranscribeOptions(
        hotwords=case["hotwords"], without_timestamps=case.get("without_timestamps", False)
    )
    tokenizer = models["demo"].tokenizer("en", "transcribe")
    assert list(initial_tokens(tokenizer, case["previous"], options, 448)) == case["tokens"]
