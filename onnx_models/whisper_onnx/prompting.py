"""What a window's decoder is given before it samples: earlier text, hot words, the start sequence, a prefix.

    <|startofprev|> hot words, earlier text <|startoftranscript|><|en|><|transcribe|> prefix

The part up to the start sequence is there when anything precedes it. It is openai-whisper's
(`DecodingTask._get_initial_tokens`, `transcribe`), and the hot words are faster-whisper's (`get_prompt`).
"""

from __future__ import annotations

from collections.abc import Sequence

from .errors import OptionsError
from .options import TranscribeOptions
from .tokenizer import Tokenizer


def prompt_limit(n_text_ctx: int) -> int:
    """Most tokens of preceding text in a prompt: half the text context, less one for <|startofprev|>."""
    return n_text_ctx // 2 - 1


def sample_limit(options: TranscribeOptions, n_text_ctx: int, given: int) -> int:
    """Most tokens sampled in a window whose decoder is given `given` tokens; the last one is never fed."""
    return min(options.sample_len or n_text_ctx // 2, n_text_ctx + 1 - given)


def option_tokens(tokenizer: Tokenizer, options: TranscribeOptions, field: str) -> tuple[int, ...]:
    """The tokens of a text among the options, or the ids it was given as; none for None.

    Raises OptionsError when the text spells a special token, or the vocabulary does not have an id.
    """
    value: str | tuple[int, ...] | None = getattr(options, field)
    if isinstance(value, tuple):
        if max(value, default=0) >= tokenizer.n_vocab:
            raise OptionsError(field, f"the vocabulary has no id {max(value)}")
        return value
    if value is None or not value.strip():
        return ()
    try:
        return tuple(tokenizer.encode(" " + value.strip()))
    except ValueError as error:
        raise OptionsError(field, str(error)) from None


def earlier_text(
    tokens: Sequence[int], initial: Sequence[int], reset_since: int, options: TranscribeOptions, limit: int
) -> tuple[int, ...]:
    """The text before a window, as its prompt has it, of which `initial_tokens` takes the end.

    `tokens` are those of the initial prompt, `initial`, and of all segments; what is before index
    `reset_since` is no prompt any more, unless `carry_initial_prompt` keeps the initial prompt in front.
    """
    if not options.carry_initial_prompt:
        return tuple(tokens[reset_since:][-limit:])
    recent = tokens[max(len(initial), reset_since) :]
    # As openai-whisper slices it: an initial prompt that takes the whole limit is pushed out by any text.
    return (*initial, *recent[-(limit - len(initial)) :])


def initial_tokens(
    tokenizer: Tokenizer, previous: Sequence[int], options: TranscribeOptions, n_text_ctx: int
) -> tuple[int, ...]:
    """What the decoder is given before it samples, `previous` being the text before the window.

    Of the hot words the beginning is taken where they are too many, of the earlier text the end, as much as
    the limit leaves. Hot words give way to a prefix. Raises OptionsError for a prefix or hot words that spell
    a special token, or a prefix that leaves no room to sample.
    """
    limit = prompt_limit(n_text_ctx)
    start = tokenizer.sot_sequence
    if options.without_timestamps:
        start = tokenizer.sot_sequence_including_notimestamps
    if prefix := option_tokens(tokenizer, options, "prefix"):
        # openai-whisper's slice: a prefix and what is sampled share half the context, unless `sample_len`
        # takes it all, when the prefix is kept whole.
        start += prefix[-(n_text_ctx // 2 - (options.sample_len or n_text_ctx // 2)) :]
    hot = () if prefix else option_tokens(tokenizer, options, "hotwords")[:limit]
    before = (*hot, *_last(previous, limit - len(hot)))
    initial = (tokenizer.sot_prev, *before, *start) if before else start
    if len(initial) > n_text_ctx:
        raise OptionsError(
            "prefix", f"with the text before it takes {len(initial)} tokens, the model's context {n_text_ctx}"
        )
    return initial


def _last(tokens: Sequence[int], count: int) -> Sequence[int]:
    return tokens[-count:] if count else ()
