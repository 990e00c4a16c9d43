"""The tokenizer: equal to openai-whisper's with tiktoken, for both vocabularies."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whisper_onnx.dims import LANGUAGES
from whisper_onnx.errors import OptionsError
from whisper_onnx.tokenizer import Tokenizer

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "tokenizer.json").read_text())
MULTILINGUAL = Tokenizer(True, 99)
ENGLISH = Tokenizer(False, 99)
SHA256 = {
    "gpt2": "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
    "multilingual": "b34b360dbb493e781e479794586d661700670d65564001f23024971d1f2fa126",
}

vocabularies = pytest.mark.parametrize(
    "golden",
    GOLDEN,
    ids=lambda g: f"{'multilingual' if g['multilingual'] else 'english'}-{g['num_languages']}",
)
plain_text = st.text().filter(lambda text: "<|" not in text)


def of(golden: dict[str, Any], language: str | None = None, task: str | None = None) -> Tokenizer:
    return Tokenizer(golden["multilingual"], golden["num_languages"], language, task)


@vocabularies
def test_texts_have_the_ids_that_tiktoken_gives_them(golden: dict[str, Any]) -> None:
    tokenizer = of(golden)
    assert [(text, tokenizer.encode(text)) for text, _ in golden["encoded"]] == [
        (text, ids) for text, ids in golden["encoded"]
    ]


@vocabularies
def test_ids_have_the_texts_that_tiktoken_gives_them(golden: dict[str, Any]) -> None:
    tokenizer = of(golden)
    for ids, text, with_timestamps in golden["decoded"]:
        assert tokenizer.decode(ids) == text
        assert tokenizer.decode_with_timestamps(ids) == with_timestamps


@vocabularies
def test_special_ids_are_those_of_openai_whisper(golden: dict[str, Any]) -> None:
    tokenizer = of(golden)
    assert tokenizer.n_vocab == golden["n_vocab"]
    assert {name: getattr(tokenizer, name) for name in golden["special"]} == golden["special"]
    assert tokenizer.non_speech_tokens == tuple(golden["non_speech_tokens"])
    languages = dict(zip(tokenizer.all_language_codes, tokenizer.all_language_tokens, strict=True))
    assert languages == golden["languages"]


@vocabularies
def test_start_sequences_are_those_of_openai_whisper(golden: dict[str, Any]) -> None:
    for language, task, expected in golden["sot_sequences"]:
        tokenizer = of(golden, language, task)
        assert tokenizer.sot_sequence_including_notimestamps == tuple(expected)
        assert tokenizer.sot_sequence == tuple(expected[:-1])


@vocabularies
def test_words_are_cut_where_openai_whisper_cuts_them(golden: dict[str, Any]) -> None:
    for language, ids, words, groups in golden["words"]:
        assert of(golden, language).split_to_word_tokens(ids) == (words, groups)


@pytest.mark.parametrize("name", SHA256)
def test_vocabulary_files_are_the_published_ones(name: str) -> None:
    data = (resources.files("whisper_onnx") / "vocab" / f"{name}.tiktoken").read_bytes()
    assert hashlib.sha256(data).hexdigest() == SHA256[name]


@given(text=plain_text)
def test_any_text_comes_back_from_its_ids(text: str) -> None:
    for tokenizer in (MULTILINGUAL, ENGLISH):
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert all(0 <= token < tokenizer.eot for token in ids)


@given(
    ids=st.lists(st.integers(0, MULTILINGUAL.n_vocab - 1), max_size=20),
    language=st.sampled_from(["en", "ja"]),
)
@example(ids=[156, 94, 124], language="en")
def test_words_put_together_are_the_whole(ids: list[int], language: str) -> None:
    tokenizer = Tokenizer(True, 99, language)
    words, groups = tokenizer.split_to_word_tokens(ids)
    together = [token for group in groups for token in group]
    assert together == ids[: len(together)]  # bytes that make up no character may be left at the end
    # Bytes cut off in the middle of a character are one U+FFFD, but one for each part where a word ends among
    # them, as in the example (at which openai-whisper raises IndexError): what counts is that no character is
    # lost or made up.
    joined, whole = "".join(words), tokenizer.decode_with_timestamps(together)
    assert joined.replace("\ufffd", "") == whole.replace("\ufffd", "")
    assert ("\ufffd" in joined) == ("\ufffd" in whole)
    assert len(words) == len(groups)


@pytest.mark.parametrize("text", ["<|endoftext|>", "a <|0.00|> b", "<|de|>", "<|startofprev|>"])
def test_text_cannot_smuggle_in_a_special_token(text: str) -> None:
    with pytest.raises(ValueError, match="special token"):
        MULTILINGUAL.encode(text)


def test_lone_surrogates_become_the_replacement_character() -> None:
    assert MULTILINGUAL.decode(MULTILINGUAL.encode("a\ud800b")) == "a\ufffdb"


def test_a_long_run_of_letters_is_encoded_without_quadratic_work() -> None:
    text = "abcdefghij" * 20_000
    assert MULTILINGUAL.decode(MULTILINGUAL.encode(text)) == text


def test_languages_are_known_by_code_name_and_alias() -> None:
    for code, name in LANGUAGES.items():
        assert Tokenizer(True, 100, code).language == Tokenizer(True, 100, name.title()).language == code
    assert Tokenizer(True, 99, "Castilian").language == "es"


@pytest.mark.parametrize("language", ["klingon", "", "yue"])
def test_a_language_outside_the_vocabulary_is_refused(language: str) -> None:
    with pytest.raises(OptionsError, match="language"):
        Tokenizer(True, 99, language)


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(OptionsError, match="task"):
        Tokenizer(True, 99, "en", "summarise")


def test_an_english_vocabulary_has_neither_language_nor_task() -> None:
    tokenizer = Tokenizer(False, 99, "en", "transcribe")
    assert (tokenizer.language, tokenizer.task, tokenizer.sot_sequence) == (None, None, (tokenizer.sot,))


@given(ids=st.lists(st.integers(0, MULTILINGUAL.n_vocab - 1), max_size=20))
def test_decoding_leaves_out_timestamps_and_nothing_else(ids: list[int]) -> None:
    spoken = [token for token in ids if token < MULTILINGUAL.timestamp_begin]
    assert MULTILINGUAL.decode(ids) == MULTILINGUAL.decode_with_timestamps(spoken)
