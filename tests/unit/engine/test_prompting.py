"""What the decoder is given before it samples: how texts are put together, and which part of them is kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisper_onnx.errors import OptionsError
from whisper_onnx.options import TranscribeOptions
from whisper_onnx.prompting import earlier_text, initial_tokens, prompt_limit, sample_limit
from whisper_onnx.tokenizer import Tokenizer

TOKENIZER = Tokenizer(True, 99, "en")
START = TOKENIZER.sot_sequence
PREV = TOKENIZER.sot_prev
CONTEXT = 448
LIMIT = prompt_limit(CONTEXT)


def given_tokens(previous: list[int], **options: Any) -> tuple[int, ...]:
    return initial_tokens(TOKENIZER, previous, TranscribeOptions(**options), CONTEXT)


def test_the_prompt_is_the_end_of_the_text_before() -> None:
    previous = list(range(300))
    assert given_tokens(previous) == (PREV, *previous[-223:], *START)
    assert given_tokens([]) == START


def test_a_prefix_follows_the_start_sequence_as_text_or_ids() -> None:
    ids = TOKENIZER.encode(" Good morning")
    assert given_tokens([7, 8], prefix=" Good morning ") == (PREV, 7, 8, *START, *ids)
    assert given_tokens([], prefix=tuple(ids)) == (*START, *ids)
    silent = given_tokens([], prefix="Good morning", without_timestamps=True)
    assert silent == (*TOKENIZER.sot_sequence_including_notimestamps, *ids)
    assert given_tokens([7], prefix="  ") == given_tokens([7])


@pytest.mark.parametrize(("sample_len", "kept"), [(None, 100), (200, 24), (223, 1), (224, 100), (234, 90)])
def test_of_a_prefix_the_end_is_kept_that_openai_whispers_slice_keeps(
    sample_len: int | None, kept: int
) -> None:
    prefix = tuple(range(1000, 1100))
    assert given_tokens([], prefix=prefix, sample_len=sample_len) == (*START, *prefix[-kept:])


def test_hot_words_come_before_the_text_before_and_give_way_to_a_prefix() -> None:
    hot = TOKENIZER.encode(" Stenobox Ada")
    assert given_tokens([7, 8], hotwords="Stenobox Ada") == (PREV, *hot, 7, 8, *START)
    assert given_tokens([], hotwords=" Stenobox Ada ") == (PREV, *hot, *START)
    assert given_tokens([7, 8], hotwords="Stenobox", prefix="x") == given_tokens([7, 8], prefix="x")


@given(words=st.integers(0, 400), before=st.integers(0, 400))
def test_hot_words_and_text_together_never_take_more_than_the_limit(words: int, before: int) -> None:
    previous = list(range(before))
    hot = TOKENIZER.encode(" " + " ".join(["one"] * words)) if words else []
    initial = given_tokens(previous, hotwords=" ".join(["one"] * words))
    kept_hot = min(len(hot), LIMIT)
    kept_text = min(before, LIMIT - kept_hot)
    if not kept_hot + kept_text:
        assert initial == START
        return
    text = previous[before - kept_text :]
    assert initial == (PREV, *hot[:kept_hot], *text, *START)


@pytest.mark.parametrize("field", ["prefix", "hotwords"])
def test_a_text_that_spells_a_special_token_is_refused(field: str) -> None:
    with pytest.raises(OptionsError) as caught:
        given_tokens([], **{field: "hello <|endoftext|>"})
    assert caught.value.field == field


def test_a_prefix_with_an_id_that_the_vocabulary_lacks_or_too_long_to_sample_after_is_refused() -> None:
    with pytest.raises(OptionsError, match="prefix: the vocabulary has no id 51865"):
        given_tokens([], prefix=(51865,))
    with pytest.raises(OptionsError, match="prefix: with the text before it takes 449 tokens"):
        given_tokens([], prefix=(5,) * 446)
    assert sample_limit(TranscribeOptions(), CONTEXT, len(given_tokens([], prefix=(5,) * 445))) == 1


@pytest.mark.parametrize(("sample_len", "given", "limit"), [(None, 3, 224), (10, 3, 10), (None, 440, 9)])
def test_a_window_is_as_long_as_asked_for_or_as_the_context_has_room(
    sample_len: int | None, given: int, limit: int
) -> None:
    assert sample_limit(TranscribeOptions(sample_len=sample_len), CONTEXT, given) == limit


def test_an_initial_prompt_is_carried_before_what_there_is_room_for() -> None:
    carried = TranscribeOptions(carry_initial_prompt=True)
    initial, text = list(range(10)), list(range(100, 500))
    tokens = [*initial, *text]
    assert earlier_text(tokens, initial, 0, carried, LIMIT) == (*initial, *text[-213:])
    assert earlier_text(tokens, initial, 300, carried, LIMIT) == (*initial, *tokens[300:])
    assert earlier_text(tokens, initial, 300, TranscribeOptions(), LIMIT) == tuple(tokens[300:])
    assert earlier_text(tokens, initial, 0, TranscribeOptions(), LIMIT) == tuple(text[-223:])
