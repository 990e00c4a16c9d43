"""Where a recording's transcription stands between two windows: saved as JSON, and gone on from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from .errors import OptionsError
from .options import TranscribeOptions
from .tokenizer import Tokenizer
from .transcription import Segment

__all__ = ["STATE_VERSION", "LongformState"]

STATE_VERSION: Final = 2


@dataclass(slots=True)
class LongformState:
    """Where a recording's transcription stands between two windows.

    `seek` is the next window's first frame, in the clip of index `clip`; `all_tokens` are those of the
    initial prompt and of all segments, and the next prompt begins at index `prompt_reset_since` of them.
    `last_speech` is when the last word ended, in seconds; 0 where words have no times.
    """

    language: str
    seek: int = 0
    clip: int = 0
    last_speech: float = 0.0
    initial_prompt_tokens: tuple[int, ...] = ()
    all_tokens: list[int] = field(default_factory=list)
    prompt_reset_since: int = 0
    segments: list[Segment] = field(default_factory=list)
    # The segments as `to_dict` gives them out, so that saving after each window does not write all anew.
    _saved: list[dict[str, Any]] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def start(cls, tokenizer: Tokenizer, options: TranscribeOptions, language: str) -> Self:
        """State before the first window. OptionsError if the initial prompt spells a special token."""
        prompt: tuple[int, ...] = ()
        if options.initial_prompt is not None:
            try:
                prompt = tuple(tokenizer.encode(" " + options.initial_prompt.strip()))
            except ValueError as error:
                raise OptionsError("initial_prompt", str(error)) from None
        return cls(language=language, initial_prompt_tokens=prompt, all_tokens=list(prompt))

    def to_dict(self) -> dict[str, Any]:
        """The state as plain JSON values, independent of later windows; not to be changed."""
        self._saved += [segment.to_dict() for segment in self.segments[len(self._saved) :]]
        return {
            "version": STATE_VERSION,
            "language": self.language,
            "seek": self.seek,
            "clip": self.clip,
            "last_speech": self.last_speech,
            "initial_prompt_tokens": list(self.initial_prompt_tokens),
            "prompt_reset_since": self.prompt_reset_since,
            "segments": list(self._saved),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reverse of `to_dict`. Raises OptionsError("resume") for anything that it did not write."""
        try:
            if values["version"] != STATE_VERSION:
                raise OptionsError("resume", f"written by another version ({values['version']!r})")
            state = cls(
                language=str(values["language"]),
                seek=int(values["seek"]),
                clip=int(values["clip"]),
                last_speech=float(values["last_speech"]),
                initial_prompt_tokens=tuple(map(int, values["initial_prompt_tokens"])),
                prompt_reset_since=int(values["prompt_reset_since"]),
                segments=[Segment.from_dict(segment) for segment in values["segments"]],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise OptionsError("resume", f"not a saved state: {type(error).__name__}") from error
        state.all_tokens = [*state.initial_prompt_tokens]
        for segment in state.segments:
            state.all_tokens += segment.tokens
        positive = state.seek >= 0 and state.clip >= 0 and math.isfinite(state.last_speech)
        if not positive or not 0 <= state.prompt_reset_since <= len(state.all_tokens):
            raise OptionsError("resume", "not a saved state: a position is out of range")
        return state
