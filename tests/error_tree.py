"""Every error class of the product, for the tests that hold something of each of them."""

from __future__ import annotations

from stenobox.errors import StenoboxError


def _family(kind: type[StenoboxError]) -> list[type[StenoboxError]]:
    return [kind] + [member for child in kind.__subclasses__() for member in _family(child)]


# Only what the package itself defines: other tests may derive classes of their own.
KINDS = [
    kind for kind in dict.fromkeys(_family(StenoboxError)) if kind.__module__.startswith("stenobox.errors.")
]
