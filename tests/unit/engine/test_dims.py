"""Dimensions, constants and the error tree: they agree with each other and with the published models."""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest

from golden.scrambled import TINY
from whisper_onnx import dims as d
from whisper_onnx import errors
from whisper_onnx.dims import Dims

# Of openai-whisper's models: n_vocab, multilingual, languages.
VOCABULARIES = [(51_864, False, 99), (51_865, True, 99), (51_866, True, 100)]


@pytest.mark.parametrize(("n_vocab", "multilingual", "languages"), VOCABULARIES)
def test_the_size_of_the_vocabulary_tells_the_languages(
    n_vocab: int, multilingual: bool, languages: int
) -> None:
    dims = Dims.from_mapping(TINY | {"n_vocab": n_vocab})
    assert dims.is_multilingual is multilingual
    assert dims.num_languages == languages
    assert dims.num_languages <= len(d.LANGUAGES)


def test_dims_survive_a_mapping_and_count_the_parameters_of_tiny() -> None:
    dims = Dims.from_mapping(TINY)
    assert dims.to_dict() == TINY
    # openai-whisper's tiny: 37,184,640 trained weights and the encoder's 1500 fixed positions.
    assert dims.parameters == 37_184_640 + 1500 * 384
    assert (dims.audio_head_dim, dims.text_head_dim) == (64, 64)


@pytest.mark.parametrize(
    "wrong", [{"n_mels": 0}, {"n_mels": 80.0}, {"n_text_head": 5}, {"n_audio_state": 768}]
)
def test_dims_that_do_not_fit_each_other_do_not_exist(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(Dims.from_mapping(TINY), **wrong)  # type: ignore[arg-type]


def test_the_audio_constants_are_those_of_a_30_second_window() -> None:
    assert (d.N_SAMPLES, d.N_FRAMES, d.N_AUDIO_CTX, d.N_TIMESTAMPS) == (480_000, 3_000, 1_500, 1_501)
    assert (d.FRAMES_PER_SECOND, d.TOKENS_PER_SECOND) == (100, 50)


def test_every_language_is_found_by_its_name_and_no_alias_hides_one() -> None:
    assert len(d.LANGUAGES) == 100
    assert list(d.LANGUAGES)[:2] == ["en", "zh"]
    assert list(d.LANGUAGES)[-1] == "yue"
    assert all(d.LANGUAGE_CODES[name] == code for code, name in d.LANGUAGES.items())
    assert set(d.LANGUAGE_ALIASES.values()) <= d.LANGUAGES.keys()
    assert not d.LANGUAGE_ALIASES.keys() & set(d.LANGUAGES.values())


def test_every_error_of_the_engine_is_one_of_the_tree_and_drawn_in_its_docstring() -> None:
    classes = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert errors.WhisperError in classes
    for error in classes:
        assert issubclass(error, errors.WhisperError)
        assert error.__name__ in (errors.__doc__ or "")
        assert error.__doc__
