"""What people type into a search, read and written anew for FTS5.

    word            somewhere in title, tags or text
    "some words"    just so, one after the other
    begin*          words that begin so
    -word -"..."    not there

All words have to be there. What is typed never reaches FTS5 as it is: each word goes in as a string in
quotes, so that nothing in it is an operator (OWASP ASVS 5.3.4).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from stenobox.errors import BadQuery
from stenobox.search import scripts

MAX_CHARACTERS = 300
MAX_TERMS = 16
MIN_PREFIX = 3
"""Letters before a `*`. Fewer would be most of all words; see `prefix` of the index."""


@dataclass(frozen=True, slots=True)
class Term:
    """`words` follow each other; the last one may be a beginning only."""

    words: tuple[str, ...]
    prefix: bool = False

    @property
    def match(self) -> str:
        """In the language of FTS5."""
        text = " ".join(self.words)
        plain = f'"{text}"' + (" *" if self.prefix else "")
        # Titles and tags are indexed as they are; texts a character at a time.
        return f'({plain} OR "{scripts.spread(text)}")' if scripts.is_dense(text) else plain


@dataclass(frozen=True, slots=True)
class Query:
    """All of `wanted` and none of `unwanted`."""

    wanted: tuple[Term, ...]
    unwanted: tuple[Term, ...] = ()

    @property
    def match(self) -> str:
        """In the language of FTS5."""
        match = " AND ".join(term.match for term in self.wanted)
        if self.unwanted:
            match = f"({match}) NOT ({' OR '.join(term.match for term in self.unwanted)})"
        return f"({match})"


def read(text: str) -> Query:
    """What was typed as a Query. Raises BadQuery, saying what to change."""
    if len(text) > MAX_CHARACTERS:
        raise BadQuery(problem=f"A search has at most {MAX_CHARACTERS} characters.")
    wanted: list[Term] = []
    unwanted: list[Term] = []
    for piece, quoted, negated in _pieces(text):
        term = _term(piece, quoted=quoted)
        if term is not None and term not in (kept := unwanted if negated else wanted):
            kept.append(term)
    if not wanted:
        known = "A search needs a word to look for"
        raise BadQuery(
            problem=f"{known}, beside those that are not to be there." if unwanted else f"{known}."
        )
    if len(wanted) + len(unwanted) > MAX_TERMS:
        raise BadQuery(problem=f"A search has at most {MAX_TERMS} words.")
    return Query(tuple(wanted), tuple(unwanted))


def _pieces(text: str) -> list[tuple[str, bool, bool]]:
    """What is apart by blanks or in quotes, with whether it was in quotes and whether a minus was before."""
    # Typographic quotes come from phones and word processors.
    for sign in "\u201c\u201d\u201e\u201f\u00ab\u00bb":
        text = text.replace(sign, '"')
    found: list[tuple[str, bool, bool]] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        negated = text[at] == "-"
        at += negated
        quoted = text[at : at + 1] == '"'
        if quoted:
            end = text.find('"', at + 1)
            if end < 0:
                raise BadQuery(problem='A " is open: put another one at the end of the phrase.')
            found.append((text[at + 1 : end], True, negated))
            at = end + 1
            if text[at : at + 1] == "*":
                raise BadQuery(problem="A * goes after a word, not after a phrase.")
            continue
        end = at
        while end < len(text) and not text[end].isspace() and text[end] != '"':
            end += 1
        found.append((text[at:end], False, negated))
        at = end
    return found


def _term(piece: str, *, quoted: bool) -> Term | None:
    """None for what holds no word, such as a dash alone."""
    prefix = not quoted and piece.endswith("*")
    words = _words(piece)
    if not words:
        return None
    if prefix and len(words[-1]) < MIN_PREFIX and not scripts.is_dense(words[-1]):
        raise BadQuery(problem=f"Before a * there are at least {MIN_PREFIX} letters.")
    return Term(tuple(words), prefix)


def _words(text: str) -> list[str]:
    """As the tokenizer `unicode61` of FTS5 tells words apart: letters and numbers with their marks.

    Characters of the private use area would be letters to it; here they are none, since the index keeps who
    may find what under such words.
    """
    return "".join(
        character if unicodedata.category(character)[0] in "LNM" else " " for character in text
    ).split()
