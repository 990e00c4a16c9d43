"""Sound checkpoints of every format, small, and ways to damage them: blindly, and where the structure is."""

from __future__ import annotations

import io
import json
import pickletools
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np

from making_checkpoints import (
    ENGLISH,
    hugging_face_folder,
    legacy_file,
    openai_file,
    openai_tree,
    pickled,
    tensors,
    tokenizer_json,
)
from whisper_onnx.dims import Dims

__all__ = ["FORMS", "Sound", "mutated", "sound_checkpoints", "write"]

# The narrowest Whisper there can be, so that thousands are read in a minute; its vocabulary is the whole one.
NARROW: Final = Dims(80, 1500, 4, 1, 1, ENGLISH, 8, 4, 1, 2)
FORMS: Final = ("zip", "legacy", "folder", "shards", "tokenizer")
_PICKLE: Final = "the pickle"  # a part that is no file: it is put into one when the case is written
_NUMBERS: Final = (
    0,
    1,
    -1,
    2,
    4,
    63,
    64,
    255,
    256,
    1500,
    51864,
    51865,
    65535,
    1 << 31,
    (1 << 31) - 1,
    -(1 << 31),
)
_HUGE: Final = (1 << 32, (1 << 63) - 1, 1 << 63, 1 << 64, -(1 << 63), 10**30)
_VALUES: Final[tuple[Any, ...]] = (
    *_NUMBERS,
    *_HUGE,
    *(
        None,
        True,
        False,
        0.5,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "x",
        "../x",
        "F16",
        "\ud800",
        "a" * 5000,
    ),
    *([], {}, [[]], [0, 0], [1] * 300, {"a": {"a": {}}}),
)


@dataclass(frozen=True)
class Sound:
    """One sound checkpoint: its files, which of their bytes have structure, and the pickle in one of them."""

    form: str
    files: Mapping[str, bytes]
    structured: Mapping[str, tuple[tuple[int, int], ...]]
    pickle: bytes = b""


def sound_checkpoints(folder: Path) -> dict[str, Sound]:
    """One of each form, written through `folder`."""
    values = tensors(NARROW, np.float16)
    zipped = openai_file(folder / "zip.pt", NARROW, values).read_bytes()
    first, last = zipped.index(b"model/data/0"), zipped.rindex(b"model/version")
    directory = zipped.index(b"PK\x01\x02")
    legacy = legacy_file(folder / "legacy.pt", NARROW, values).read_bytes()
    result = {
        "zip": Sound(
            "zip",
            {"model.pt": zipped},
            {"model.pt": ((0, first + 12), (directory, len(zipped)), (last - 30, last))},
            pickled(openai_tree(NARROW, values)),
        ),
        "legacy": Sound(
            "legacy",
            {"model.pt": legacy},
            {"model.pt": ((0, legacy.rindex(b"e.") + 10),)},
            pickled(openai_tree(NARROW, values, view=(None,))),
        ),
    }
    for form, shards in (("folder", 1), ("shards", 2), ("tokenizer", 1)):
        path = hugging_face_folder(folder / form, NARROW, values, shards=shards)
        (path / "generation_config.json").write_text(
            '{"alignment_heads": [[1, 0]], "lang_to_id": {"<|en|>": 50258}}'
        )
        if form == "tokenizer":
            (path / "tokenizer.json").write_text(json.dumps(tokenizer_json(NARROW)))
        files = {file.name: file.read_bytes() for file in sorted(path.iterdir())}
        structured = {
            name: ((0, 8 + struct.unpack("<Q", data[:8])[0] if name.endswith("s") else len(data)),)
            for name, data in files.items()
        }
        result[form] = Sound(form, files, structured)
    return result


def write(files: Mapping[str, bytes], folder: Path) -> Path:
    """Writes the case's files and returns what `read_checkpoint` is given."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder / "model.pt" if "model.pt" in files else folder


def mutated(sound: Sound, random: Random) -> dict[str, bytes]:
    """The files of the checkpoint, one of them damaged."""
    files = dict(sound.files)
    names = ["tokenizer.json"] if sound.form == "tokenizer" else sorted(files)
    name = random.choice(names)
    if sound.pickle and random.random() < 0.5:
        damaged = _pickle(sound.pickle, random)
        files[name] = _with_pickle(sound, damaged, name)
    elif name.endswith((".json", ".safetensors")) and random.random() < 0.6:
        files[name] = _json_file(name, files[name], random)
    else:
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            files[name] = _bytes(files[name], sound.structured[name], random)
    if random.random() < 0.02:
        del files[random.choice(sorted(files))]
    return files


# --- bytes ---


def _bytes(data: bytes, structured: tuple[tuple[int, int], ...], random: Random) -> bytes:
    changed = bytearray(data)
    start, end = random.choice(structured) if random.random() < 0.9 else (0, len(data))
    end = min(end, len(data))
    if end <= start:
        return data
    at = random.randrange(start, end)
    length = random.choice((1, 2, 4, 8, 30, 64, 500))
    match random.randrange(8):
        case 0 | 1:
            changed[at] ^= 1 << random.randrange(8)
        case 2:
            changed[at] = random.randrange(256)
        case 3:
            number = random.choice(_NUMBERS + _HUGE) & ((1 << 64) - 1)
            size = random.choice((1, 2, 4, 8))
            changed[at : at + size] = number.to_bytes(8, "little")[:size]
        case 4:
            del changed[at:]
        case 5:
            del changed[at : at + length]
        case 6:
            changed[at:at] = random.randbytes(length)
        case 7:
            source = random.randrange(start, end)
            changed[at : at + length * (random.random() < 0.5)] = changed[source : source + length]
    return bytes(changed)


# --- pickles ---


def _pickle(data: bytes, random: Random) -> bytes:
    """The pickle with opcodes left out, doubled, exchanged, renumbered or put in."""
    starts = [position for _, _, position in pickletools.genops(data)]
    opcodes = [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(1, len(opcodes))
        match random.randrange(7):
            case 0:
                del opcodes[at]
            case 1:
                opcodes.insert(at, opcodes[at])
            case 2:
                other = random.randrange(1, len(opcodes))
                opcodes[at], opcodes[other] = opcodes[other], opcodes[at]
            case 3:
                opcodes.insert(at, _opcode(random))
            case 4:
                opcodes[at] = _opcode(random)
            case 5:
                numbers = [place for place, opcode in enumerate(opcodes) if opcode[:1] in b"JK\x8a"]
                if numbers:
                    opcodes[random.choice(numbers)] = _number(random)
            case 6:
                opcodes[at:at] = opcodes[at : at + random.choice((3, 20))] * random.choice((1, 2, 50))
        if len(opcodes) < 3:
            break
    return b"".join(opcodes)


def _number(random: Random) -> bytes:
    number = random.choice(_NUMBERS + _HUGE)
    return b"\x8a\x10" + number.to_bytes(16, "little", signed=True)


def _opcode(random: Random) -> bytes:
    """Any opcode of pickle, with an argument that it could have."""
    known = random.choice(pickletools.opcodes)
    code = known.code.encode("latin-1")
    if known.arg is None:
        return code
    if known.name in {"GLOBAL", "INST"}:
        return code + random.choice(
            (b"os\nsystem\n", b"torch\nHalfStorage\n", b"torch._utils\n_rebuild_tensor_v2\n")
        )
    if known.arg.n == pickletools.UP_TO_NEWLINE:
        return code + random.choice((b"1\n", b"'a'\n", b"\\x\n", b"-1e400\n", b"9" * 5000 + b"\n"))
    if known.arg.n >= 0:
        return code + random.randbytes(known.arg.n)
    size = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT8U: 8}.get(known.arg.n, 4)
    length = random.choice((0, 1, 4, 255, (1 << (8 * size - 1)) - 1))
    return code + length.to_bytes(size, "little") + random.randbytes(min(length, 8))


def _with_pickle(sound: Sound, damaged: bytes, name: str) -> bytes:
    """The file with the other pickle: rewritten as a sound archive, or put in place of the old one."""
    data = sound.files[name]
    if sound.form == "legacy":
        return data.replace(sound.pickle, damaged, 1)
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w") as archive:
        for info in source.infolist():
            archive.writestr(info, damaged if info.filename.endswith("data.pkl") else source.read(info))
    return target.getvalue()


# --- JSON, alone or before a safetensors file's values ---


def _json_file(name: str, data: bytes, random: Random) -> bytes:
    if name.endswith(".json"):
        return _json(data, random)
    (length,) = struct.unpack("<Q", data[:8])
    header = _json(data[8 : 8 + length], random)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def _json(data: bytes, random: Random) -> bytes:
    tree = json.loads(data)
    for _ in range(random.choice((1, 1, 2, 3))):
        _change(tree, random)
    text = json.dumps(tree)
    match random.randrange(20):
        case 0:
            text = text[:-1] + ',"config":' + "[" * random.choice((10, 990, 20_000))
        case 1:
            text = text.replace(":", ":" + "9" * 4400, 1)
        case 2:
            return text.encode(random.choice(("utf-16", "utf-32", "utf-8-sig", "utf-16-le")), "surrogatepass")
    return text.encode()


def _change(tree: Any, random: Random) -> None:
    """Changes one place of the tree."""
    place = tree
    while random.random() < 0.75:
        values = place.values() if isinstance(place, dict) else place
        if not (children := [value for value in values if isinstance(value, dict | list) and value]):
            break
        place = random.choice(children)
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    if not keys:
        return
    key = random.choice(keys)
    old = place[key]
    match random.randrange(6):
        case 0 | 1:
            place[key] = random.choice(_VALUES)
        case 2:
            place[key] = place[random.choice(keys)]
        case 3:
            del place[key]
        case 4:
            place[key] = old + random.choice((1, -1, 4, 1 << 40)) if type(old) is int else [old]
        case 5 if isinstance(place, dict):
            place[random.choice(("x", "../x", f"{key}x"))] = old
