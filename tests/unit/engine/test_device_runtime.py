"""The runtime's way on CUDA, followed on the CPU: fp16 graphs, and log-mel and choices made by graphs.

A machine with an NVIDIA GPU runs the same Python over the same graphs. Here onnxruntime's CPU provider stands
in for CUDA's: it computes them in float32 between casts, slowly, and for certain.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.engine.peers import PROMPT, ours
from listening import ENGLISH, Say
from making_checkpoints import hugging_face_folder
from parity.bundle_weights import bundle_weights
from whisper_onnx import Batcher, OutOfMemory, Task, TranscribeOptions, Transcription, WhisperModel, providers
from whisper_onnx import runtime as runtime_module
from whisper_onnx.build import build
from whisper_onnx.errors import AudioError, ContextFullError, SlotError
from whisper_onnx.features import LogMel
from whisper_onnx.needs import Prompt
from whisper_onnx.rules import Allowed
from whisper_onnx.runs import _alike
from whisper_onnx.session import warn_of_strays

Samples = NDArray[np.float32]
SLOTS = 4


@pytest.fixture(scope="module")
def standing_in() -> Iterator[None]:
    """The CPU provider stands in for CUDA's, and its memory for the device's."""
    with pytest.MonkeyPatch.context() as patch:
        stand_in = MappingProxyType({"cpu": "CPUExecutionProvider", "cuda": "CPUExecutionProvider"})
        for module in (providers, runtime_module):
            patch.setattr(module, "PROVIDERS", stand_in)
        patch.setattr(runtime_module, "DEVICES", MappingProxyType({"cpu": "cpu", "cuda": "cpu"}))
        patch.setattr(runtime_module, "OPTIONS", MappingProxyType({"cpu": {}, "cuda": {}}))
        patch.setattr(runtime_module.ort, "preload_dlls", lambda: None)
        yield


@pytest.fixture(scope="module")
def device(standing_in: None, demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> WhisperModel:
    """The demo model's weights, built for CUDA."""
    folder = tmp_path_factory.mktemp("device")
    checkpoint = hugging_face_folder(folder / "hf", *bundle_weights(demo_bundle))
    build(checkpoint, folder / "model", target="cuda-fp16")
    return WhisperModel(folder / "model", provider="cuda", threads=1, slots=SLOTS)


@pytest.fixture(scope="module")
def host(demo_bundle: Path) -> WhisperModel:
    return WhisperModel(demo_bundle, threads=1, slots=SLOTS)


def heard(transcription: Transcription) -> list[tuple[Any, ...]]:
    return [(s.start, s.end, s.text, s.tokens) for s in transcription.segments]


def test_a_recording_of_several_windows_gives_what_the_cpu_gives(
    device: WhisperModel, host: WhisperModel, long: Samples
) -> None:
    assert heard(device.transcribe(long, ENGLISH)) == heard(host.transcribe(long, ENGLISH))


@pytest.mark.parametrize(
    "options",
    [
        replace(ENGLISH, mode="batched"),
        replace(ENGLISH, beam_size=3),
        replace(ENGLISH, without_timestamps=True),
        TranscribeOptions(temperature=(0.0,)),  # the language is detected too
    ],
    ids=["batched", "beam", "no timestamps", "detected"],
)
def test_every_mode_gives_what_the_cpu_gives(
    device: WhisperModel, host: WhisperModel, say: Say, options: TranscribeOptions
) -> None:
    audio = say("computer", 1.0, "digits", 3.0, "table")
    ours, theirs = device.transcribe(audio, options), host.transcribe(audio, options)
    assert ours.language == theirs.language
    assert heard(ours) == heard(theirs)


def test_words_have_the_times_and_probabilities_that_the_cpu_gives(
    device: WhisperModel, host: WhisperModel, say: Say
) -> None:
    options = replace(ENGLISH, word_timestamps=True)
    audio = say("computer", 1.0, "digits")
    ours, theirs = (
        [word for segment in model.transcribe(audio, options).segments for word in segment.words or ()]
        for model in (device, host)
    )
    assert [word.word for word in ours] == [word.word for word in theirs]
    assert len(ours) > 5
    for one, other in zip(ours, theirs, strict=True):
        assert one.start == pytest.approx(other.start, abs=0.021)
        assert one.end == pytest.approx(other.end, abs=0.021)
        assert one.probability == pytest.approx(other.probability, abs=0.01)


def test_recordings_side_by_side_give_what_each_gives_alone(
    device: WhisperModel, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths: list[int] = []
    real = device.runtime.prompt_together

    def noted(slots: Any, tokens: Any, *, rows: Any) -> Any:
        widths.append(len(slots))
        return real(slots, tokens, rows=rows)

    audios = [say("digits"), say("table"), say("table", 0.5, "digits"), say("digits", 1.0, "digits")] * 2
    expected = [heard(device.transcribe(audio, ENGLISH)) for audio in audios[:4]] * 2
    monkeypatch.setattr(device.runtime, "prompt_together", noted)
    assert together(device, audios) == expected
    assert max(widths) == SLOTS  # and prompts did run together


def test_a_device_too_small_for_the_slots_is_told_as_such_and_leaves_nothing_loaded(
    device: WhisperModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        @staticmethod
        def ortvalue_from_numpy(*_: object) -> None:
            raise RuntimeError("CUDA failure 2: out of memory ; GPU=0 ; expr=cudaMalloc((void**)&p, size)")

    monkeypatch.setattr(runtime_module.ort, "OrtValue", Full)
    with pytest.raises(OutOfMemory, match=r"room for the slots.*fewer slots"):
        runtime_module.Runtime(device.bundle, provider="cuda", slots=SLOTS, threads=1)


@pytest.mark.parametrize("operation", ["listen", "prompt_together", "choose"])
def test_a_run_short_of_memory_is_done_again_over_fewer_slots(
    device: WhisperModel, say: Say, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    audios = [say("digits"), say("table"), say("table", 0.5, "digits"), say("digits", 1.0, "digits")]
    expected = [heard(device.transcribe(audio, ENGLISH)) for audio in audios]
    real, failed = getattr(device.runtime, operation), []

    def scarce(slots: Any, *arguments: Any, **named: Any) -> Any:
        if len(slots) > 1:
            failed.append(len(slots))
            raise OutOfMemory("the memory ran out during a run of the model")
        return real(slots, *arguments, **named)

    monkeypatch.setattr(device.runtime, operation, scarce)
    assert together(device, audios) == expected
    assert failed


def together(model: WhisperModel, audios: list[Samples]) -> list[Any]:
    ends: dict[int, Any] = {}
    batcher = Batcher(model, slots=SLOTS)
    for index, audio in enumerate(audios):

        def done(result: Transcription, index: int = index) -> None:
            ends[index] = heard(result)

        batcher.add(Task(audio, ENGLISH, on_done=done))
    batcher.run()
    return [ends[index] for index in range(len(audios))]


# The runtime's operations


@pytest.fixture
def prompted(device: WhisperModel, say: Say) -> list[int]:
    """Three tokens; windows of three recordings are in slots 0 to 2."""
    log_mels = [LogMel(say(name), device.dims.n_mels) for name in ("digits", "table", "computer")]
    device.runtime.listen([0, 1, 2], [log_mel.at(0) for log_mel in log_mels])
    return list(device.tokenizer("en").sot_sequence)


def test_windows_heard_on_the_device_decode_as_features_of_the_host(
    device: WhisperModel, prompted: list[int], say: Say
) -> None:
    runtime = device.runtime
    listened = runtime.prompt(1, prompted).copy()
    runtime.encode([1], LogMel(say("table"), device.dims.n_mels).window(0)[np.newaxis])
    encoded = runtime.prompt(1, prompted)
    # Features that differ by 1e-4 move logits by 0.02 through float16; another window moves them by far more.
    assert listened == pytest.approx(encoded, abs=0.05)
    assert listened.argmax() == encoded.argmax()
    assert np.abs(runtime.prompt(0, prompted) - encoded).max() > 1


def test_prompts_together_are_the_prompts_of_each(device: WhisperModel, prompted: list[int]) -> None:
    runtime = device.runtime
    texts = [prompted, prompted[::-1], [prompted[0]] * 3]
    alone = np.stack([runtime.prompt(slot, text, rows=[2, 0]) for slot, text in enumerate(texts)])
    assert runtime.prompt_together([0, 1, 2], texts, rows=[2, 0]) == pytest.approx(alone, abs=2e-3)
    with pytest.raises(SlotError, match="count up by one"):
        runtime.prompt_together([0, 2], texts[:2], rows=[0])
    with pytest.raises(ValueError, match="as many as"):
        runtime.prompt_together([0, 1], [prompted, prompted[:2]], rows=[0])
    with pytest.raises(ValueError, match="rows"):
        runtime.prompt_together([0, 1], texts[:2], rows=[3])
    with pytest.raises(ContextFullError):
        runtime.prompt_together([0, 1], [[1] * 449] * 2, rows=[0])


def test_a_choice_is_the_best_of_the_steps_logits(device: WhisperModel, prompted: list[int]) -> None:
    runtime, n_vocab = device.runtime, device.dims.n_vocab
    everything = Allowed((), 0, n_vocab, n_vocab, n_vocab)
    tokens = [50, 60, 70]
    for slot in range(3):
        runtime.prompt(slot, prompted)
    rows = runtime.step([2, 0, 1], tokens)
    for slot in range(3):
        runtime.prompt(slot, prompted)
    choices = runtime.choose([2, 0, 1], tokens, [everything] * 3)
    assert [choice.token for choice in choices] == rows.argmax(axis=1).tolist()
    exact = rows.astype(np.float64)
    logprobs = exact.max(axis=1) - np.log(np.exp(exact).sum(axis=1))
    assert [choice.logprob for choice in choices] == pytest.approx(logprobs, abs=1e-3)
    with pytest.raises(ValueError, match="as many sets"):
        runtime.choose([0, 1], tokens[:2], [everything])


def test_what_cannot_be_heard_leaves_no_audio_behind(
    device: WhisperModel, prompted: list[int], say: Say
) -> None:
    broken = say("digits").copy()
    broken[500] = np.nan
    with pytest.raises(AudioError):
        device.runtime.listen([0], [LogMel(broken, device.dims.n_mels).at(0)])
    with pytest.raises(SlotError, match="call encode first"):
        device.runtime.prompt(0, prompted)
    with pytest.raises(ValueError, match="as many windows"):
        device.runtime.listen([0, 1], [LogMel(broken, device.dims.n_mels).at(0)])


def test_the_benchmark_decodes_the_same_on_the_device_as_on_the_host(
    device: WhisperModel, host: WhisperModel, say: Say
) -> None:
    texts = []
    for model in (device, host):
        peer = ours._Ours(model.bundle.folder, model.runtime.provider, 1, SLOTS)
        window = LogMel(say("digits"), model.dims.n_mels).window(0)
        peer.encode(window, SLOTS)
        assert peer.decode(SLOTS, 9) == 9
        texts.append(peer._runtime._held._texts)
    assert texts[0] == texts[1]
    assert {len(text) for text in texts[0]} == {len(PROMPT) + 8}


@pytest.mark.parametrize(
    ("slots", "sizes", "most", "expected"),
    [
        ([0, 1, 2, 3], [3, 3, 3, 3], 16, [[0, 1, 2, 3]]),
        ([0, 1, 2, 3], [3, 3, 3, 3], 2, [[0, 1], [2, 3]]),
        ([0, 1, 3], [3, 3, 3], 16, [[0, 1], [2]]),
        ([0, 1, 2], [3, 4, 4], 16, [[0], [1, 2]]),
        ([2, 0, 1], [3, 3, 3], 16, [[1, 2, 0]]),
        ([5], [1], 1, [[0]]),
    ],
)
def test_neighbouring_slots_with_prompts_of_one_size_are_prompted_together(
    slots: list[int], sizes: list[int], most: int, expected: list[list[int]]
) -> None:
    prompts = [Prompt([1] * size, [size - 1]) for size in sizes]
    assert list(_alike(slots, prompts, range(len(slots)), most)) == expected


def test_prompts_that_ask_for_other_rows_are_not_prompted_together() -> None:
    prompts = [Prompt([1, 2], [1]), Prompt([1, 2], [0, 1])]
    assert list(_alike([0, 1], prompts, range(2), 16)) == [[0], [1]]
    assert list(_alike([], [], [], 16)) == []


def test_operators_that_run_on_another_provider_are_told() -> None:
    ran = [placed("CUDAExecutionProvider", "MatMul"), placed("CPUExecutionProvider", "Range", "Mod")]
    with pytest.warns(RuntimeWarning, match="of a graph of base, Mod, Range have no place on CUDAExecution"):
        warn_of_strays(ran, "CUDAExecutionProvider", "base")


def test_operators_that_all_run_on_the_device_are_no_news() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_strays([placed("CUDAExecutionProvider", "MatMul")], "CUDAExecutionProvider", "base")


def placed(provider: str, *operators: str) -> SimpleNamespace:
    """As onnxruntime records which provider took which operators."""
    nodes = [SimpleNamespace(op_type=operator) for operator in operators]
    return SimpleNamespace(ep_name=provider, get_nodes=lambda: nodes)
