"""Whisper's tokenizer: byte-pair encoding, special tokens, splitting into words.

Ids and behaviour are those of openai-whisper's `tokenizer.py` on top of tiktoken. The vocabularies are the
published rank files (vocab/README.md); the special tokens follow the ordinary ones in this order: end of
text, start of transcript, the languages, translate, transcribe, start of LM, start of previous text, no
speech, no timestamps, and the 1,501 timestamps from <|0.00|> to <|30.00|>.
"""

from __future__ import annotations

import base64
import heapq
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Final, Literal

import regex

from .dims import LANGUAGE_CODES, LANGUAGES, N_TIMESTAMPS, TOKENS_PER_SECOND
from .errors import OptionsError

# GPT-2's rule for cutting text into the pieces within which byte pairs are merged.
_PIECES: Final = regex.compile(r"'(?:[stmd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
# Languages written without spaces between words.
_UNSPACED: Final = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
# Symbols that annotate rather than speak: brackets, rules, quotation corners, music.
_SYMBOLS: Final = (
    *'"#()*+/:;<=>@[\\]^_`{|}~「」『』',
    *("<<", ">>", "<<<", ">>>", "--", "---", "-(", "-[", "('", '("', "((", "))", "(((", ")))"),
    *("[[", "]]", "{{", "}}", "♪♪", "♪♪♪"),
)
_MUSIC: Final = "♩♪♫♬♭♮♯"


@dataclass(frozen=True)
class Vocabulary:
    """A rank file with its special tokens: `pieces[id]` are a token's bytes, `ranks` and `special` ids."""

    pieces: tuple[bytes, ...]
    ranks: Mapping[bytes, int]
    special: Mapping[str, int]

    @cached_property
    def special_pattern(self) -> regex.Pattern[str]:
        return regex.compile("|".join(map(regex.escape, self.special)))


@lru_cache(maxsize=4)
def load_vocabulary(name: Literal["multilingual", "gpt2"], num_languages: int) -> Vocabulary:
    """Reads a rank file from the package (about 30 ms; immutable, hence shared)."""
    text = (resources.files(__package__) / "vocab" / f"{name}.tiktoken").read_text("ascii")
    ranks = {
        base64.b64decode(token): int(rank) for token, rank in (line.split() for line in text.splitlines())
    }
    names = [
        "<|endoftext|>",
        "<|startoftranscript|>",
        *(f"<|{code}|>" for code in list(LANGUAGES)[:num_languages]),
        "<|translate|>",
        "<|transcribe|>",
        "<|startoflm|>",
        "<|startofprev|>",
        "<|nospeech|>",
        "<|notimestamps|>",
        *(f"<|{i / TOKENS_PER_SECOND:.2f}|>" for i in range(N_TIMESTAMPS)),
    ]
    special = {name: len(ranks) + i for i, name in enumerate(names)}
    ordinary = sorted(ranks, key=ranks.__getitem__)
    return Vocabulary(
        pieces=(*ordinary, *(name.encode() for name in names)),
        ranks=MappingProxyType(ranks),
        special=MappingProxyType(special),
    )


def _merge(piece: bytes, ranks: Mapping[bytes, int]) -> list[int]:
    """Byte-pair encoding of one piece: always merges the pair of the lowest rank, the leftmost of equals.

    A heap over a linked list of parts: n log n, so that a long run of letters in a prompt costs no more than
    its length.
    """
    if (whole := ranks.get(piece)) is not None:
        return [whole]
    n = len(piece)
    end = list(range(1, n + 1))  # part i is piece[i:end[i]]; 0 once it is merged into the part before it
    before = list(range(-1, n - 1))  # start of the part that precedes part i
    heap: list[tuple[int, int, int]] = []

    def offer(i: int) -> None:
        """Puts the pair of part i and the one after it on the heap, if the vocabulary has it."""
        if i >= 0 and end[i] < n and (rank := ranks.get(piece[i : end[end[i]]])) is not None:
            heapq.heappush(heap, (rank, i, end[end[i]]))

    for i in range(n):
        offer(i)
    while heap:
        _, i, stop = heapq.heappop(heap)
        middle = end[i]
        # Both parts must still be what they were when the pair was offered.
        if not middle or middle >= n or end[middle] != stop:
            continue
        end[i], end[middle] = stop, 0
        if stop < n:
            before[stop] = i
        offer(i)
        offer(before[i])

    tokens, i = [], 0
    while i < n:
        tokens.append(ranks[piece[i : end[i]]])
        i = end[i]
    return tokens


class Tokenizer:
    """Encodes and decodes one model's tokens, with its special ids.

    `language` is a code of `dims.LANGUAGES` or an English name; with a multilingual vocabulary it defaults to
    "en" and `task` to "transcribe". An English-only vocabulary has neither.
    Raises OptionsError for a language that the vocabulary does not have.
    """

    def __init__(
        self,
        multilingual: bool,
        num_languages: int = 99,
        language: str | None = None,
        task: str | None = None,
    ) -> None:
        codes = tuple(LANGUAGES)[:num_languages]
        if language is not None:
            language = LANGUAGE_CODES.get(language.lower(), language.lower())
            if language not in codes:
                raise OptionsError("language", f"this model has no language {language!r}")
        if task not in (None, "transcribe", "translate"):
            raise OptionsError("task", f"expected 'transcribe' or 'translate', got {task!r}")

        self.multilingual = multilingual
        self.num_languages = num_languages
        self.language = (language or "en") if multilingual else None
        self.task = (task or "transcribe") if multilingual else None
        self.vocabulary = load_vocabulary("multilingual" if multilingual else "gpt2", num_languages)
        self.n_vocab = len(self.vocabulary.pieces)

        special = self.vocabulary.special
        self.eot = special["<|endoftext|>"]
        self.sot = special["<|startoftranscript|>"]
        self.translate = special["<|translate|>"]
        self.transcribe = special["<|transcribe|>"]
        self.sot_lm = special["<|startoflm|>"]
        self.sot_prev = special["<|startofprev|>"]
        self.no_speech = special["<|nospeech|>"]
        self.no_timestamps = special["<|notimestamps|>"]
        self.timestamp_begin = special["<|0.00|>"]
        self.all_language_codes = codes
        self.all_language_tokens = tuple(special[f"<|{code}|>"] for code in codes)

        sequence = [self.sot]
        if self.language is not None:
            sequence.append(special[f"<|{self.language}|>"])
        if self.task is not None:
            sequence.append(self.transcribe if self.task == "transcribe" else self.translate)
        self.sot_sequence = tuple(sequence)
        self.sot_sequence_including_notimestamps = (*sequence, self.no_timestamps)

    def encode(self, text: str) -> list[int]:
        """Ids of ordinary text. Raises ValueError when the text spells a special token, as tiktoken does."""
        if found := self.vocabulary.special_pattern.search(text):
            raise ValueError(f"the text holds the special token {found.group()}")
        # Lone surrogates, which Python strings may hold and UTF-8 may not, become the replacement character.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        tokens: list[int] = []
        for piece in _PIECES.findall(text):
            tokens += _merge(piece.encode(), self.vocabulary.ranks)
        return tokens

    def decode(self, tokens: Iterable[int]) -> str:
        """Text of the tokens without timestamps; other special tokens by name, broken UTF-8 as U+FFFD."""
        return self.decode_with_timestamps(token for token in tokens if token < self.timestamp_begin)

    def decode_with_timestamps(self, tokens: Iterable[int]) -> str:
        """Text of the tokens with each timestamp in its place, e.g. "<|1.08|>"."""
        pieces = self.vocabulary.pieces
        return b"".join(pieces[token] for token in tokens).decode("utf-8", errors="replace")

    @cached_property
    def non_speech_tokens(self) -> tuple[int, ...]:
        """Ids that open annotations such as "[MUSIC]" or "(applause)" or speaker tags, sorted.

        Common punctuation stays out of it; a hyphen and an apostrophe are kept out only at a word's
        beginning.
        """
        result = {self.encode(" -")[0], self.encode(" '")[0]}
        for symbol in (*_SYMBOLS, *_MUSIC):
            for tokens in (self.encode(symbol), self.encode(" " + symbol)):
                # A note's first token is shared only by U+2640 to U+267F, all of which may go.
                if len(tokens) == 1 or symbol in _MUSIC:
                    result.add(tokens[0])
        return tuple(sorted(result))

    def split_to_word_tokens(self, tokens: Sequence[int]) -> tuple[list[str], list[list[int]]]:
        """Cuts the tokens into words: (texts, tokens of each), whose concatenations are the whole.

        At spaces and punctuation, or, in languages written without spaces, wherever a character is complete.
        """
        if self.language in _UNSPACED:
            return self.split_tokens_on_unicode(tokens)
        return self.split_tokens_on_spaces(tokens)

    def split_tokens_on_unicode(self, tokens: Sequence[int]) -> tuple[list[str], list[list[int]]]:
        """Cuts the tokens into the smallest groups that decode to whole characters."""
        whole = self.decode_with_timestamps(tokens)
        words: list[str] = []
        groups: list[list[int]] = []
        group: list[int] = []
        offset = 0  # characters of `whole` that are in `words`
        for token in tokens:
            group.append(token)
            text = self.decode_with_timestamps(group)
            broken = text.find(_REPLACEMENT)
            # A replacement character that stands in the whole text too will not be completed by later tokens.
            if broken < 0 or whole[offset + broken : offset + broken + 1] == _REPLACEMENT:
                words.append(text)
                groups.append(group)
                group = []
                offset += len(text)
        return words, groups

    def split_tokens_on_spaces(self, tokens: Sequence[int]) -> tuple[list[str], list[list[int]]]:
        """Cuts the tokens before each space, punctuation mark and special token."""
        words: list[str] = []
        groups: list[list[int]] = []
        for text, group in zip(*self.split_tokens_on_unicode(tokens), strict=True):
            starts_word = group[0] >= self.eot or text.startswith(" ") or text.strip() in string.punctuation
            if starts_word or not words:
                words.append(text)
                groups.append(group)
            else:
                words[-1] += text
                groups[-1] += group
        return words, groups
