"""`WhisperModel`: what it promises to a program that uses the engine alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from whisper_onnx import Bundle, TranscribeOptions, Transcription, WhisperModel
from whisper_onnx.errors import AudioError, BundleError, OptionsError, ProviderError

Samples = NDArray[np.float32]
Say = Callable[..., Samples]


def test_speech_becomes_segments_within_the_recording(model: WhisperModel, say: Say) -> None:
    audio = say(0.5, "digits", 1.0, "table", 1.0)
    transcription = model.transcribe(audio, language="en")
    assert transcription.language == "en"
    assert transcription.duration == len(audio) / 16_000
    assert transcription.text.split()
    assert "".join(segment.text for segment in transcription.segments) == transcription.text
    for segment in transcription.segments:
        assert 0 <= segment.start < segment.end <= 30
    ends = [time for segment in transcription.segments for time in (segment.start, segment.end)]
    assert ends == sorted(ends)


def test_several_recordings_come_back_in_the_order_given(model: WhisperModel, say: Say) -> None:
    audios = [
        say("digits", 31.0, "table"),
        say("computer"),
        say("table"),
        say("digits"),
        say("computer", 1.0),
    ]
    together = model.transcribe_many(audios, TranscribeOptions(language="en", temperature=(0.0,)))
    assert [round(t.duration, 3) for t in together] == [round(len(audio) / 16_000, 3) for audio in audios]
    assert [t.text for t in together] == [
        model.transcribe(audio, language="en", temperature=0.0).text for audio in audios
    ]


def test_the_same_call_gives_the_same_samples_twice(model: WhisperModel, say: Say) -> None:
    def call(seed: int) -> Transcription:
        return model.transcribe(say("digits", 1.0, "table"), language="en", temperature=2.0, seed=seed)

    assert call(5) == call(5)
    assert call(5).segments != call(6).segments


def endless(model: WhisperModel, **changes: object) -> TranscribeOptions:
    """Options by which every window is text until the context is full: neither end nor timestamp may come."""
    tokenizer = model.tokenizer()
    forbidden = (tokenizer.eot, *range(tokenizer.timestamp_begin, tokenizer.n_vocab))
    none = dict.fromkeys(("compression_ratio_threshold", "logprob_threshold", "no_speech_threshold"))
    values = {"language": "en", "without_timestamps": True, "suppress_tokens": forbidden, **none, **changes}
    return TranscribeOptions(**values)  # type: ignore[arg-type]


def test_a_full_prompt_before_a_window_that_never_ends_fills_the_context_and_no_more(
    model: WhisperModel, say: Say
) -> None:
    options = endless(model, temperature=1.0, initial_prompt="seven " * 300)
    (segment,) = model.transcribe(say("digits"), options).segments
    prompt = 1 + 223 + 4  # <|startofprev|>, half the context, the start sequence
    assert len(segment.tokens) == model.dims.n_text_ctx + 1 - prompt


def test_every_window_draws_random_numbers_of_its_own(model: WhisperModel, say: Say) -> None:
    options = endless(model, temperature=2.0, condition_on_previous_text=False)
    first, second = model.transcribe(say("digits", 25.99, "digits", 25.99), options).segments
    assert (first.seek, second.seek) == (0, 3000)
    assert first.tokens[:5] != second.tokens[:5]


@pytest.mark.parametrize("samples", [0, 1, 159])
def test_less_than_a_frame_of_audio_is_an_empty_transcription(model: WhisperModel, samples: int) -> None:
    transcription = model.transcribe(np.zeros(samples, np.float32), language="en")
    assert transcription == Transcription("en", "", (), samples / 16_000)


def test_detection_names_the_language_that_transcribe_uses(model: WhisperModel, say: Say) -> None:
    for audio in (say("digits"), say("table", 35.0)):
        language, probabilities = model.detect_language(audio)
        assert len(probabilities) == model.dims.num_languages
        assert sum(probabilities.values()) == pytest.approx(1.0, abs=1e-5)
        assert language == max(probabilities, key=probabilities.__getitem__)
        assert model.transcribe(audio, temperature=0.0).language == language


def test_an_explicit_language_gives_what_its_detection_gives(model: WhisperModel, say: Say) -> None:
    for audio in (say("digits"), say("computer", 20.0, "table", 10.0)):
        language, _ = model.detect_language(audio)
        found, given = (
            model.transcribe(audio, TranscribeOptions(language=choice, temperature=(0.0,)))
            for choice in (None, language)
        )
        assert (found.text, found.language) == (given.text, given.language)
        assert [s.tokens for s in found.segments] == [s.tokens for s in given.segments]


def test_an_unknown_option_is_named(model: WhisperModel, say: Say) -> None:
    with pytest.raises(OptionsError) as caught:
        model.transcribe(say("digits"), beam=5)
    assert caught.value.field == "beam"


def test_unusable_audio_is_refused_after_the_other_recordings_are_done(model: WhisperModel, say: Say) -> None:
    with pytest.raises(AudioError):
        model.transcribe_many([say("digits"), np.full(16_000, np.nan, np.float32)], language="en")
    assert model.transcribe(say("digits"), language="en").text  # and the model is as good as before


def test_a_bundle_loaded_already_is_taken_as_it_is(model: WhisperModel) -> None:
    again = WhisperModel(model.bundle, threads=1, slots=1)
    assert again.bundle is model.bundle
    assert (again.provider, again.runtime.slots, again.dims) == ("cpu", 1, model.dims)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        WhisperModel(tmp_path)


def test_a_provider_that_the_model_was_not_built_for_is_refused(demo_bundle: Path) -> None:
    with pytest.raises(ProviderError, match="built for cpu-fp32"):
        WhisperModel(demo_bundle, provider="cuda")
    with pytest.raises(ProviderError, match="unknown provider"):
        WhisperModel(Bundle.load(demo_bundle), provider="tpu")  # type: ignore[arg-type]


def test_importing_the_package_loads_neither_numpy_nor_onnxruntime() -> None:
    code = (
        "import sys, whisper_onnx, whisper_onnx.dims, whisper_onnx.errors;"
        "print([name for name in ('numpy', 'onnxruntime', 'onnx') if name in sys.modules])"
    )
    path = str(Path(__file__).parents[3] / "onnx_models")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("language", "klingon"),
        ("language", 3),
        ("task", "summarise"),
        ("temperature", ()),
        ("temperature", (0.0, -0.1)),
        ("temperature", (0.0, float("nan"))),
        ("temperature", "hot"),
        ("compression_ratio_threshold", "2.4"),
        ("logprob_threshold", float("nan")),
        ("no_speech_threshold", True),
        ("condition_on_previous_text", 1),
        ("suppress_blank", None),
        ("without_timestamps", "yes"),
        ("initial_prompt", 5),
        ("suppress_tokens", "1,two"),
        ("suppress_tokens", (-2,)),
        ("max_initial_timestamp", -1.0),
        ("max_initial_timestamp", 31.0),
        ("seed", -1),
        ("seed", 1.5),
    ],
)
def test_a_wrong_option_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(OptionsError) as caught:
        TranscribeOptions(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field
    assert field in str(caught.value)


def test_options_are_brought_into_one_form() -> None:
    options = TranscribeOptions(language=" German ", temperature=0)  # type: ignore[arg-type]
    assert (options.language, options.temperature) == ("de", (0.0,))
    assert TranscribeOptions(temperature=[0, 0.5]).temperature == (0.0, 0.5)  # type: ignore[arg-type]
