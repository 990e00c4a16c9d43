"""Is this vocabulary Whisper's? Looks into Hugging Face's `tokenizer.json` and `generation_config.json`.

The engine brings its own tokenizer, so a model that was trained with added or renumbered tokens would speak
nonsense; it is refused here. Formats: Hugging Face `tokenizers` (a byte-level BPE model) and transformers'
`GenerationConfig`.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any, Final

from .dims import Dims
from .errors import CheckpointError
from .published import Heads
from .tokenizer import Vocabulary, load_vocabulary

__all__ = ["alignment_heads", "check_generation_config", "check_tokenizer"]

_ADVICE: Final = "a model with a vocabulary of its own is not read"
_ALIASES: Final = {"<|nocaptions|>": "<|nospeech|>"}  # as the first releases called it
_MAX_HEADS: Final = 4_096


def alignment_heads(generation: Mapping[str, Any]) -> Heads | None:
    """(layer, head) pairs of generation_config.json, None without any. Raises CheckpointError."""
    pairs = generation.get("alignment_heads")
    if pairs is None:
        return None
    if not isinstance(pairs, list) or len(pairs) > _MAX_HEADS or not all(map(_is_pair, pairs)):
        raise CheckpointError("generation_config.json: alignment_heads is not a list of layers and heads")
    return tuple(sorted({(layer, head) for layer, head in pairs}))


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(n) is int and n >= 0 for n in value)


def check_generation_config(generation: Mapping[str, Any], dims: Dims) -> None:
    """Raises CheckpointError when it numbers a special token otherwise than Whisper does."""
    special = _vocabulary(dims).special
    said: dict[str, object] = {}
    languages, tasks = generation.get("lang_to_id"), generation.get("task_to_id")
    if isinstance(languages, dict):
        said |= languages
    if isinstance(tasks, dict):
        said |= {f"<|{task}|>": number for task, number in tasks.items()}
    for key, token in (
        ("decoder_start_token_id", "<|startoftranscript|>"),
        ("no_timestamps_token_id", "<|notimestamps|>"),
        ("prev_sot_token_id", "<|startofprev|>"),
    ):
        if generation.get(key) is not None:
            said[token] = generation[key]
    for token, number in said.items():
        if special.get(token) != number:
            raise CheckpointError(
                f"generation_config.json says that {token[:40]!r} is token {reprlib.repr(number)}, in "
                f"Whisper's vocabulary it is {special.get(token)}; {_ADVICE}"
            )


def check_tokenizer(tokenizer: Mapping[str, Any], dims: Dims) -> None:
    """Raises CheckpointError when a token of tokenizer.json is not Whisper's, or has another number there."""
    vocabulary = _vocabulary(dims)
    model, added = tokenizer.get("model"), tokenizer.get("added_tokens")
    texts = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(texts, dict) or not isinstance(added, list):
        raise CheckpointError("tokenizer.json has no vocabulary; download it again")
    numbers: dict[str, object] = dict(texts)
    for token in added:
        content = token.get("content") if isinstance(token, dict) else None
        if not isinstance(content, str):
            raise CheckpointError("tokenizer.json has an added token without text; download it again")
        numbers[content] = token.get("id")
    ours = _names(vocabulary)
    for name, number in numbers.items():
        known = ours.get(_ALIASES.get(name, name))
        if known is None or type(number) is not int or number != known:
            raise CheckpointError(
                f"tokenizer.json says that {name[:40]!r} is token {reprlib.repr(number)}, in Whisper's "
                f"vocabulary it is {known}; {_ADVICE}"
            )
    for name, number in ours.items():  # special tokens may be left out, and so may the empty one
        if name and number < len(vocabulary.ranks) and name not in numbers:
            raise CheckpointError(f"tokenizer.json lacks the token {name[:40]!r}; {_ADVICE}")


def _vocabulary(dims: Dims) -> Vocabulary:
    return load_vocabulary("multilingual" if dims.is_multilingual else "gpt2", dims.num_languages)


def _names(vocabulary: Vocabulary) -> dict[str, int]:
    """Hugging Face's spelling of every token -> its number."""
    letters = _byte_letters()
    names = {"".join(letters[byte] for byte in piece): rank for piece, rank in vocabulary.ranks.items()}
    return {**names, **vocabulary.special}


def _byte_letters() -> dict[int, str]:
    """The printable character that stands for each byte in byte-level BPE (GPT-2's `bytes_to_unicode`)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
