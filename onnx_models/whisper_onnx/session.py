"""What the runtime asks of an onnxruntime session; it is made in runtime.py."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np

from .errors import OutOfMemory
from .memory import is_out_of_memory

__all__ = ["LESS", "Session", "told", "warn_of_strays"]

LESS: Final = "use fewer slots or a smaller model, or free some memory"
_DTYPES: Final[Mapping[str, type[np.generic]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int8)": np.int8,
}


class Session:
    """An onnxruntime session whose runs raise OutOfMemory when that is what failed."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.io_binding = session.io_binding
        self.get_inputs = session.get_inputs

    def dtype(self, name: str) -> type[np.generic]:
        """The type of this input's numbers."""
        return _DTYPES[next(i.type for i in self.get_inputs() if i.name == name)]

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> Any:
        """Values of `outputs`, in that order."""
        return told(self._session.run, outputs, inputs)

    def run_with_iobinding(self, binding: Any) -> None:
        """Runs on what is bound."""
        told(self._session.run_with_iobinding, binding)


def told(call: Callable[..., Any], *arguments: Any, while_doing: str = "during a run of the model") -> Any:
    """What a call of onnxruntime's returns. Raises OutOfMemory where it says so in words of its own."""
    try:
        return call(*arguments)
    except Exception as error:  # onnxruntime's exceptions share no base class but this one
        if is_out_of_memory(error):
            raise OutOfMemory(f"the memory ran out {while_doing}; {LESS}") from error
        raise


def warn_of_strays(assigned: Iterable[Any], chosen: str, name: str) -> None:
    """A RuntimeWarning when operators run on another provider than the chosen one.

    `assigned`: what onnxruntime recorded of a session's graph, parts with `ep_name` and `get_nodes()`. An
    operator without a kernel on the device gives right answers on the CPU, but its values travel each time.
    """
    strays = {node.op_type for part in assigned if part.ep_name != chosen for node in part.get_nodes()}
    if strays:
        warnings.warn(
            f"of a graph of {name}, {', '.join(sorted(strays))} have no place on {chosen} and run elsewhere",
            RuntimeWarning,
            stacklevel=2,
        )
