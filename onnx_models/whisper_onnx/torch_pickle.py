"""The object tree of a torch checkpoint, read by a pickle machine that can build data and nothing else.

It knows the opcodes with which torch writes dictionaries, lists, tuples, texts, numbers and tensors (pickle
protocols 2 to 5; Python's `Lib/pickletools.py`, torch's `_utils.py`), and a fixed list of names, each of
which stands for an entry of a table here: nothing is imported, and only this module's functions are called.

A pickle costs at most a fixed multiple of its limits: it may not be long, nor have many opcodes; keys of
dictionaries are texts and numbers, since hashing nested tuples can take forever; nothing recurses.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import IO, Any, Final, NamedTuple, TypeAlias

from .errors import CheckpointError

__all__ = ["ITEM_SIZES", "MAX_PICKLE", "Pickle", "Storage", "TensorView", "Unused", "read_pickle"]

MAX_PICKLE: Final = 2 << 20  # bytes; large-v3's has about 0.2 MB
_MAX_OPCODES: Final = 1 << 18  # large-v3's pickle has about 50,000

# torch's storage classes -> numpy's names of the stored values, and bfloat16, which numpy does not know.
_STORAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "HalfStorage": "<f2",
        "FloatStorage": "<f4",
        "DoubleStorage": "<f8",
        "BFloat16Storage": "bfloat16",
        "LongStorage": "<i8",
        "IntStorage": "<i4",
        "BoolStorage": "|b1",
        "ByteStorage": "|u1",
    }
)
ITEM_SIZES: Final[Mapping[str, int]] = MappingProxyType(
    {"<f2": 2, "<f4": 4, "<f8": 8, "bfloat16": 2, "<i8": 8, "<i4": 4, "|b1": 1, "|u1": 1}
)
_MAX_RANK: Final = 8  # dimensions of one tensor
_GET_IT = "do not load this file anywhere, get the model from its publisher"


class Storage(NamedTuple):
    """A reference to stored values: `length` of them from `start` on in the storage named `key`."""

    dtype: str
    key: str
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class TensorView:
    """A strided view of a storage. `offset` and `strides` count values; none is negative."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Unused:
    """Stands for a value that the engine does not need: a sparse tensor (`alignment_heads`), a layout."""


class _Name(NamedTuple):
    """What a name of the pickle stands for: a storage's dtype, or what a call of it gives."""

    dtype: str | None = None
    call: Callable[..., object] | None = None


class _Mark:
    """Marks a place of the stack."""


_MARK: Final = _Mark()


class Pickle(NamedTuple):
    """A tree of dict, list, tuple, str, int, float, bool, None, TensorView, Storage and Unused."""

    tree: object
    end: int  # where the pickle's last opcode ends
    storages: Mapping[str, Storage]  # key -> one of the references to it; all are of one dtype and length


def read_pickle(data: bytes, start: int = 0) -> Pickle:
    """The pickle that begins at `data[start]`.

    Raises CheckpointError when it is damaged, too large, or asks for anything but data.
    """
    if len(data) > MAX_PICKLE:
        raise CheckpointError(f"its object tree has {len(data)} bytes, allowed are {MAX_PICKLE}")
    machine = _Machine(data, start)
    try:
        return machine.run()
    except (ValueError, TypeError, IndexError, KeyError) as error:  # what a damaged pickle can raise in it
        raise CheckpointError(
            f"the file's object tree cannot be read ({type(error).__name__}); download it again"
        ) from error


class _Machine:
    """pickle's stack machine."""

    def __init__(self, data: bytes, start: int) -> None:
        self._stream = io.BytesIO(data)
        self._stream.seek(start)
        self._size = len(data)
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._storages: dict[str, Storage] = {}

    def run(self) -> Pickle:
        for _ in range(_MAX_OPCODES):
            byte = self._stream.read(1)
            opcode = _OPCODES.get(byte)
            if opcode is None:
                raise _refusal(byte)
            read, act = opcode
            argument = None if read is None else read(self._stream)
            if act is None:  # STOP
                (tree,) = self._stack
                return Pickle(tree, self._stream.tell(), self._storages)
            act(self, argument)
        raise CheckpointError("its object tree has far more parts than any model's; the file is false")

    # --- one method for each kind of opcode ---

    def nothing(self, _: Any) -> None:
        """PROTO and FRAME say how the pickle was written, not what it holds."""

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def mark(self, _: Any) -> None:
        self._stack.append(_MARK)

    def to_mark(self) -> list[Any]:
        """Pops everything above the last mark, and the mark."""
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index] is _MARK:
                values = self._stack[index + 1 :]
                del self._stack[index:]
                return values
        raise ValueError("no mark")

    def last(self, count: int) -> list[Any]:
        """Pops the last `count` values."""
        if len(self._stack) < count:
            raise IndexError
        values = self._stack[-count:]
        del self._stack[-count:]
        return values

    def set_items(self, pairs: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not dict or len(pairs) % 2:
            raise TypeError
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if type(key) not in {str, int}:
                raise TypeError
            target[key] = value

    def append(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise TypeError
        target.extend(values)

    def put(self, index: int) -> None:
        if not 0 <= index <= self._size:
            raise CheckpointError("the pickle names an impossible memo index; the file is damaged or false")
        self._memo[index] = self._stack[-1]

    def memoize(self, _: Any) -> None:
        self.put(len(self._memo))

    def get(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def name(self, words: tuple[str, str]) -> None:
        self._stack.append(_name(*words))

    def stack_name(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(module) is not str or type(name) is not str:
            raise TypeError
        self._stack.append(_name(module, name))

    def call(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if type(function) is not _Name or function.call is None or type(arguments) is not tuple:
            raise TypeError
        self._stack.append(function.call(*arguments))

    def build(self, _: Any) -> None:
        """Attributes of a dictionary (a state dict's `_metadata`) are dropped; nothing else may have any."""
        state, target = self._stack.pop(), self._stack[-1]
        if type(target) is not dict or type(state) is not dict:
            raise CheckpointError(
                f"the pickle sets an object's state, which no Whisper checkpoint does: {_GET_IT}"
            )

    def storage(self, _: Any) -> None:
        identity = self._stack.pop()
        if type(identity) is not tuple or len(identity) not in {5, 6}:
            raise TypeError
        kind, named, key, _device, length = identity[:5]
        view = identity[5] if len(identity) == 6 else None
        if kind != "storage" or type(named) is not _Name or named.dtype is None or type(key) is not str:
            raise TypeError
        whole = Storage(named.dtype, key, 0, _count(length))
        if self._storages.setdefault(key, whole) != whole:
            raise CheckpointError(f"the pickle describes the stored data {key[:40]!r} in two ways")
        if view is None:
            self._stack.append(whole)
            return
        _, start, count = view  # of torch's oldest files: (a key, first value, values)
        if _count(start) + _count(count) > whole.length:
            raise CheckpointError("the pickle describes stored data with an impossible length")
        self._stack.append(whole._replace(start=start, length=count))


def _refusal(byte: bytes) -> CheckpointError:
    if not byte:
        return CheckpointError("the object tree is cut off, or larger than any model's; download it again")
    named = next((known.name for known in pickletools.opcodes if known.code.encode("latin-1") == byte), None)
    if named is None:
        return CheckpointError(f"its object tree holds the unknown code {byte!r}; download it again")
    return CheckpointError(
        f"the pickle uses {named}, which no Whisper checkpoint does; it may hold a program: {_GET_IT}"
    )


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 48:
        raise CheckpointError("the pickle describes a tensor with an impossible length, offset or shape")
    return value


def _name(module: str, name: str) -> _Name:
    if module == "torch" and name in _STORAGES:
        return _Name(dtype=_STORAGES[name])
    if (call := _CALLS.get((module, name))) is not None:
        return _Name(call=call)
    raise CheckpointError(
        f"the pickle asks for {module[:80]!r}.{name[:80]!r}, which a Whisper checkpoint never does; it may "
        f"hold a program: {_GET_IT}"
    )


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> TensorView:
    """`torch._utils._rebuild_tensor_v2`."""
    if type(storage) is not Storage or type(shape) is not tuple or type(strides) is not tuple:
        raise CheckpointError("the pickle describes a tensor that refers to no stored data")
    if len(shape) != len(strides) or len(shape) > _MAX_RANK:
        raise CheckpointError("the pickle describes a tensor with an impossible shape")
    return TensorView(storage, _count(offset), tuple(map(_count, shape)), tuple(map(_count, strides)))


def _parameter(data: Any, *_: Any) -> TensorView:
    """`torch._utils._rebuild_parameter`."""
    if type(data) is not TensorView:
        raise CheckpointError("the pickle describes a parameter without values")
    return data


def _size(values: Any) -> tuple[Any, ...]:
    """`torch.Size`."""
    if type(values) not in {tuple, list}:
        raise TypeError
    return tuple(values)


def _ordered_dict() -> dict[str, object]:
    """`collections.OrderedDict()`; its contents follow with SETITEMS."""
    return {}


_CALLS: Final[Mapping[tuple[str, str], Callable[..., object]]] = MappingProxyType(
    {
        ("collections", "OrderedDict"): _ordered_dict,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        ("torch._utils", "_rebuild_sparse_tensor"): lambda *_: Unused(),
        ("torch.serialization", "_get_layout"): lambda *_: Unused(),
        ("torch", "Size"): _size,
    }
)


def _two_lines(stream: IO[bytes]) -> tuple[str, str]:
    """GLOBAL's argument. pickletools would take a backslash in it for an escape, which pickle does not."""
    lines = stream.readline(), stream.readline()
    if not all(line.endswith(b"\n") for line in lines):
        raise ValueError("no newline")
    return lines[0][:-1].decode("ascii"), lines[1][:-1].decode("ascii")


_Read: TypeAlias = Callable[[IO[bytes]], Any] | None
_Act: TypeAlias = Callable[[_Machine, Any], None] | None

# Opcode -> what it does with its argument.
_ACTIONS: Final[Mapping[str, _Act]] = MappingProxyType(
    {
        "STOP": None,
        **dict.fromkeys(("PROTO", "FRAME"), _Machine.nothing),
        **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"), _Machine.push),
        **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE"), _Machine.push),
        "NONE": lambda machine, _: machine.push(None),
        "NEWTRUE": lambda machine, _: machine.push(True),
        "NEWFALSE": lambda machine, _: machine.push(False),
        "EMPTY_DICT": lambda machine, _: machine.push({}),
        "EMPTY_LIST": lambda machine, _: machine.push([]),
        "EMPTY_TUPLE": lambda machine, _: machine.push(()),
        "MARK": _Machine.mark,
        "TUPLE": lambda machine, _: machine.push(tuple(machine.to_mark())),
        "TUPLE1": lambda machine, _: machine.push(tuple(machine.last(1))),
        "TUPLE2": lambda machine, _: machine.push(tuple(machine.last(2))),
        "TUPLE3": lambda machine, _: machine.push(tuple(machine.last(3))),
        "SETITEM": lambda machine, _: machine.set_items(machine.last(2)),
        "SETITEMS": lambda machine, _: machine.set_items(machine.to_mark()),
        "APPEND": lambda machine, _: machine.append(machine.last(1)),
        "APPENDS": lambda machine, _: machine.append(machine.to_mark()),
        "MEMOIZE": _Machine.memoize,
        **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Machine.put),
        **dict.fromkeys(("BINGET", "LONG_BINGET"), _Machine.get),
        "GLOBAL": _Machine.name,
        "STACK_GLOBAL": _Machine.stack_name,
        "REDUCE": _Machine.call,
        "BUILD": _Machine.build,
        "BINPERSID": _Machine.storage,
    }
)

# The opcode's byte -> how its argument is read (by pickletools' description of the format), and the action.
_OPCODES: Final[Mapping[bytes, tuple[_Read, _Act]]] = MappingProxyType(
    {
        known.code.encode("latin-1"): (known.arg.reader if known.arg else None, _ACTIONS[known.name])
        for known in pickletools.opcodes
        if known.name in _ACTIONS
    }
    | {b"c": (_two_lines, _Machine.name)}
)
