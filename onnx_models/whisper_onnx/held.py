"""What each slot of the runtime holds, and what has to be copied for a slot to hold what another does.

Keys and values of a position depend on the audio and on the tokens up to that position alone. So two slots
with the same audio hold the same wherever their texts begin alike, and only what differs is copied: in a beam
search that is a token or a few, not the prompt and the text that the beams share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .errors import ContextFullError, SlotError


@dataclass(frozen=True, slots=True)
class Copy:
    """Positions `start` to `stop` - 1 of slot `source`'s self-attention cache go to slot `target`.

    `audio`: its cross-attention cache as well.
    """

    source: int
    target: int
    start: int
    stop: int
    audio: bool


class Held:
    """The books on `count` slots: the tokens in each one's cache, and whether two have the same audio."""

    def __init__(self, count: int, n_text_ctx: int) -> None:
        self._n_text_ctx = n_text_ctx
        self._texts: list[list[int]] = [[] for _ in range(count)]
        self._audio = [0] * count  # which encoder run it came from, 0 for none
        self._runs = 0

    def check(self, slots: Sequence[int]) -> None:
        """Raises SlotError unless these are one or more different slots."""
        if not len(slots):
            raise SlotError("at least one slot is needed")
        if len(set(slots)) != len(slots):
            raise SlotError(f"a slot is named twice in {list(slots)}")
        for slot in slots:
            if not 0 <= slot < len(self._texts):
                raise SlotError(f"slot {slot} does not exist; the slots are 0 to {len(self._texts) - 1}")

    def check_audio(self, slot: int) -> None:
        """Raises SlotError when no window was encoded into the slot."""
        if not self._audio[slot]:
            raise SlotError(f"slot {slot} has no audio yet; call encode first")

    def check_room(self, slots: Sequence[int]) -> None:
        """Raises SlotError for a slot without a text, ContextFullError for one without room for a token."""
        for slot in slots:
            if not self._texts[slot]:
                raise SlotError(f"slot {slot} has no text yet; call prompt first")
            if len(self._texts[slot]) >= self._n_text_ctx:
                raise ContextFullError(
                    f"slot {slot} is full: the model's text context holds {self._n_text_ctx} tokens"
                )

    def lengths(self, lo: int, hi: int) -> list[int]:
        """Tokens in the caches of slots lo to hi - 1."""
        return [len(text) for text in self._texts[lo:hi]]

    def clear(self, slots: Sequence[int], *, audio: bool = False) -> None:
        """Their texts, or their audio too, are undefined from now on."""
        for slot in slots:
            self._texts[slot] = []
            if audio:
                self._audio[slot] = 0

    def encoded(self, slots: Sequence[int]) -> None:
        """Each of these slots holds a window of its own now."""
        for slot in slots:
            self._runs += 1
            self._audio[slot] = self._runs

    def appended(self, slots: Sequence[int], tokens: Sequence[Sequence[int]]) -> None:
        """tokens[i] were added to the text of slots[i]."""
        for slot, added in zip(slots, tokens, strict=True):
            self._texts[slot] += added

    def copies(self, slots: Sequence[int], sources: Sequence[int], *, audio: bool = False) -> list[Copy]:
        """What makes each of `slots` hold what `sources`, one for each, hold now; nothing for itself.

        Raises SlotError for a source without text or, unless `audio` may be copied, with other audio, and
        when a slot would be overwritten that is a source too: what was read of it would depend on the order.
        """
        self.check(slots)
        self.check(sorted(set(sources)))
        pairs = [(a, b) for a, b in zip(sources, slots, strict=True) if a != b]
        if overwritten := {b for _, b in pairs} & set(sources):
            raise SlotError(f"slot {min(overwritten)} is to be read and overwritten at once")
        return [self._copy(source, target, audio) for source, target in pairs]

    def _copy(self, source: int, target: int, audio: bool) -> Copy:
        self.check_audio(source)
        text, other = self._texts[source], self._texts[target]
        if not text:
            raise SlotError(f"slot {source} has no text yet; call prompt first")
        if self._audio[source] == self._audio[target]:
            return Copy(source, target, _alike(text, other), len(text), audio=False)
        if not audio:
            raise SlotError(f"slot {target} holds other audio than slot {source}; call fork first")
        return Copy(source, target, 0, len(text), audio=True)

    def copied(self, copies: Sequence[Copy]) -> None:
        """These copies have been made."""
        for copy in copies:
            self._audio[copy.target] = self._audio[copy.source]
            self._texts[copy.target] = self._texts[copy.source].copy()


def _alike(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the beginning that two texts have in common."""
    pairs: Iterator[tuple[int, int]] = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
