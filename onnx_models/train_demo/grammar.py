"""The sentences the demonstration model knows: a small vocabulary, templates, and the held-out split.

Three kinds of sentence are drawn:

``sentence``  office English from the templates below: "Please send the new report to Anna on Monday."
``digits``    one to ten digits, such as "Seven zero three."
``list``      words of the vocabulary in random order.  They make sure that words are heard rather than
              guessed from their neighbours; they serve training, and are reported apart as a stress figure.

A sentence belongs to the held-out side by its hash alone, whoever draws it, so training never meets it.
Only the standard library is needed here, so tests and tools may import this module freely.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

T = TypeVar("T")

Kind = Literal["sentence", "digits", "list"]

HELD_OUT_ONE_IN = 12
"""One sentence in twelve is held out."""


def _words(text: str) -> list[str]:
    return text.split()


DIGITS = _words("zero one two three four five six seven eight nine")
TEENS = _words("ten eleven twelve fifteen")
TENS = _words("twenty thirty forty fifty")
NAMES = _words("Anna David Maria Peter Sarah John Emma Thomas")
DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = _words("January February March April May June July August September October November December")
THINGS = _words(
    "report letter message order package ticket book picture key phone computer printer camera table chair "
    "coffee plan list bag box card paper lamp"
)
THINGS_COUNTED = _words("books tickets letters chairs boxes bags orders messages pictures")
SYSTEMS = _words("server network system door window light machine heating")
PLACES = _words("office kitchen garden station school market library hotel hospital bank house city")
EVENTS = _words("meeting lunch dinner training call visit lesson")
TRANSPORT = _words("train bus car taxi plane")
PEOPLE = _words("doctor teacher customer manager driver team")
QUANTITIES = _words("price number name color size weather answer problem question")
VERBS_THING = _words(
    "send read write check bring find print clean move sell buy show copy sign repair take keep"
)
VERBS_SYSTEM = _words("open close start stop check repair watch")
VERBS_PERSON = _words("call help ask meet visit thank")
ADJECTIVES_THING = _words("red blue green yellow black white small big new old long short good cheap heavy")
ADJECTIVES_STATE = _words("open ready quiet broken late early empty full busy free warm cold clean slow fast")
SOON = ("today", "tomorrow", "now", "again", "next week", "every day", "tomorrow morning")
ORDINALS = _words("first second third last next")
CONNECTING = _words(
    "after afternoon again and are at be because before behind but can day did evening every for has have "
    "here I if in is left minutes morning my need next no not now of off on our please right room the "
    "there they this to today tomorrow turn under want was we week what when where who will with yes "
    "yesterday you your"
)


def _distinct(*groups: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for group in groups for word in group))


VOCABULARY = _distinct( DIGITS, TEENS, TENS, NAMES, DAYS, MONTHS, THINGS, THINGS_COUNTED, SYSTEMS, PLACES,
EVENTS, TRANSPORT, PEOPLE, QUANTITIES, VERBS_THING, VERBS_SYSTEM, VERBS_PERSON, ADJECTIVES_THING,
ADJECTIVES_STATE, ORDINALS, CONNECTING, )  # fmt: skip
"""Every word that can occur, in the case it has in the middle of a sentence."""


class Grammar:
    """Draws sentences.  Equal seeds draw equal sentences."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._templates: tuple[Callable[[], str], ...] = (
            lambda: f"please {self._act()} {self._when()}",
            lambda: f"please {self._act()}",
            lambda: f"{self._who()} will {self._act()} {self._when()}",
            lambda: f"can you {self._act()} {self._when()}?",
            lambda: f"we need to {self._act()} {self._when()}",
            lambda: f"did {self._third_person()} {self._act()} {self._one(['yesterday', 'today'])}?",
            lambda: f"I want to {self._act()} because {self._fact()}",
            lambda: f"{self._fact()} {self._when()}",
            lambda: f"{self._fact()} and {self._fact()}",
            lambda: f"{self._fact()} but {self._fact()}",
            lambda: f"if {self._fact()} please {self._act()}",
            lambda: f"where is {self._thing()}?",
            lambda: f"is {self._thing()} {self._where()}?",
            lambda: f"who has {self._thing()}?",
            lambda: f"{self._thing()} is {self._where()}",
            lambda: f"{self._third_person()} was {self._where()} {self._when()}",
            lambda: f"the {self._one(EVENTS)} is {self._when()} in room {self._number()}",
            lambda: f"the {self._one(EVENTS)} with {self._third_person()} is {self._on()} at {self._hour()}",
            lambda: f"when is the {self._one(ORDINALS)} {self._one(EVENTS + TRANSPORT)}?",
            lambda: f"the {self._one(ORDINALS)} {self._one(TRANSPORT)} is at {self._hour()}",
            lambda: f"the {self._one(TRANSPORT)} to the {self._one(PLACES)} is {self._number()} minutes late",
            lambda: f"please call {self._third_person()} at {self._digits(3, 7)}",
            lambda: f"the number of {self._thing()} is {self._digits(2, 6)}",
            lambda: f"my number is {self._digits(3, 8)}",
            lambda: f"room {self._digits(1, 3)} is {self._one(ADJECTIVES_STATE)} {self._when()}",
            lambda: f"we have {self._number()} {self._one(ADJECTIVES_THING)} {self._one(THINGS_COUNTED)}",
            lambda: f"what is the {self._one(QUANTITIES)} of {self._thing()}?",
            lambda: f"thank you for the {self._one(EVENTS + THINGS)}",
            lambda: f"turn {self._one(['on', 'off'])} the {self._one(SYSTEMS)} {self._where()}",
            lambda: f"turn {self._one(['left', 'right'])} at the {self._one(PLACES)}",
            lambda: f"yes, {self._who()} will be {self._where()} {self._when()}",
            lambda: f"no, {self._thing()} is not {self._where()}",
            lambda: f"{self._one(NAMES)} and {self._one(NAMES)} are {self._where()} {self._when()}",
        )

    def draw(self, kind: Kind, held_out: bool) -> str:
        """A sentence of the held-out or the training side: capitalised, with its final mark."""
        while True:
            text = self._draw(kind)
            if is_held_out(text) == held_out:
                return text

    def _draw(self, kind: Kind) -> str:
        if kind == "sentence":
            text = self._one(self._templates)()
        elif kind == "digits":
            text = self._digits(1, 10)
        else:
            text = " ".join(self._one(VOCABULARY) for _ in range(self._one((1, 1, 2, 3, 4, 5, 6, 7, 8))))
        return text[0].upper() + text[1:] + ("" if text.endswith("?") else ".")

    def _one(self, options: Sequence[T]) -> T:
        return self._random.choice(options)

    def _digits(self, least: int, most: int) -> str:
        return " ".join(self._one(DIGITS) for _ in range(self._random.randint(least, most)))

    def _number(self) -> str:
        return self._one(
            (
                self._one(DIGITS[1:]),
                self._one(TEENS),
                f"{self._one(TENS)} {self._one(DIGITS[1:])}",
                self._one(TENS),
            )
        )

    def _hour(self) -> str:
        hour = self._one(DIGITS[1:] + TEENS[:3])
        return f"{hour} {self._one(['', '', '', 'fifteen', 'thirty'])}".rstrip()

    def _on(self) -> str:
        return self._one((f"on {self._one(DAYS)}", "today", "tomorrow", f"in {self._one(MONTHS)}"))

    def _when(self) -> str:
        return self._one(
            (
                f"on {self._one(DAYS)}",
                f"on {self._one(DAYS)} {self._one(['morning', 'afternoon', 'evening'])}",
                self._one(SOON),
                f"in {self._one(MONTHS)}",
                f"at {self._hour()}",
                f"{self._one(['before', 'after'])} the {self._one(EVENTS)}",
            )
        )

    def _where(self) -> str:
        preposition = self._one(["in", "in", "at", "behind"])
        return self._one(
            (
                f"{preposition} the {self._one(PLACES)}",
                f"{preposition} the {self._one(PLACES)}",
                f"in room {self._number()}",
                self._one(
                    ["here", "there", "on the left", "on the right", "on the table", "under the chair"]
                ),
            )
        )

    def _who(self) -> str:
        return self._one(("we", "you", "they", "I", self._third_person(), self._third_person()))

    def _third_person(self) -> str:
        return self._one((self._one(NAMES), f"{self._one(['the', 'my', 'our'])} {self._one(PEOPLE)}"))

    def _thing(self) -> str:
        owner = self._one(["the", "the", "my", "your", "our", "this"])
        adjective = self._one(["", self._one(ADJECTIVES_THING)])
        return " ".join(f"{owner} {adjective} {self._one(THINGS)}".split())

    def _act(self) -> str:
        return self._one(
            (
                f"{self._one(VERBS_THING)} {self._thing()}",
                f"{self._one(VERBS_THING)} {self._thing()}",
                f"{self._one(['send', 'show', 'bring'])} {self._thing()} to {self._third_person()}",
                f"{self._one(VERBS_SYSTEM)} the {self._one(SYSTEMS)} {self._where()}",
                f"{self._one(VERBS_PERSON)} {self._third_person()}",
                f"take the {self._one(TRANSPORT)} to the {self._one(PLACES)}",
            )
        )

    def _fact(self) -> str:
        return self._one(
            (
                f"{self._thing()} is {self._one(ADJECTIVES_STATE + ADJECTIVES_THING)}",
                f"the {self._one(SYSTEMS)} is {self._one(ADJECTIVES_STATE)}",
                f"the {self._one(PLACES)} is {self._one(ADJECTIVES_STATE)}",
                f"{self._third_person()} is {self._one(['late', 'early', 'busy', 'free', 'ready', 'here'])}",
                f"the {self._one(EVENTS)} was {self._one(['good', 'long', 'short', 'late', 'early'])}",
            )
        )


def is_held_out(text: str) -> bool:
    """Whether a sentence is on the held-out side.  Those of one or two words, being few, always train."""
    words = words_of(text)
    if len(words) < 3:
        return False
    digest = hashlib.sha256(" ".join(words).encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_ONE_IN == 0


def words_of(text: str) -> list[str]:
    """The words that word error counts: lower case, without punctuation."""
    return re.sub(r"[^a-z ]", "", text.lower()).split()
