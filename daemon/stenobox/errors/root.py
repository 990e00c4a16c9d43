"""The root of the tree, and how an error travels between processes."""

from __future__ import annotations

from typing import ClassVar


class StenoboxError(Exception):
    """Root of the tree. `exit_code` is what a command ends with: 1 the work failed, 2 the call was wrong."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"
    message: ClassVar[str] = "Something went wrong."
    exit_code: ClassVar[int] = 1

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(self.message.format(**fields))

    @property
    def detail(self) -> str:
        """The message with its fields filled in, for the person who made the request."""
        return str(self.args[0])

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only constructors do not survive the default pickling.
        return (_restore, (type(self), self.fields))


def _restore(kind: type[StenoboxError], fields: dict[str, object]) -> StenoboxError:
    return kind(**fields)
