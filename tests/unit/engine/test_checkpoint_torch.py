"""OpenAI's `.pt` files: a pickle that holds a program runs nothing, and a damaged file is refused."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from making_checkpoints import (
    LEGACY_MAGIC,
    SMALL,
    SYSTEM,
    Call,
    Global,
    Persistent,
    Raw,
    Tensors,
    legacy_file,
    openai_file,
    openai_tree,
    pickled,
    tensor,
    tensors,
)
from reading_checkpoints import refused
from whisper_onnx.checkpoint import read_checkpoint
from whisper_onnx.errors import CheckpointError

WRITERS: dict[str, Callable[..., Path]] = {"zip": openai_file, "legacy": legacy_file}


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return tensors(SMALL, np.float16)


@pytest.fixture(scope="module", params=list(WRITERS))
def sound(request: pytest.FixtureRequest, values: Tensors, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return WRITERS[request.param](tmp_path_factory.mktemp("sound") / "model.pt", SMALL, values)


def tree_of(values: Tensors, form: str) -> dict[str, Any]:
    return openai_tree(SMALL, values, view=(None,) if form == "legacy" else ())


# --- what holds a program ---

RUN = b"X\x04\x00\x00\x00true"  # an argument
PROGRAMS: dict[str, Callable[[Path], Any]] = {
    "os.system": lambda path: Call(Global("os", "system"), (f"touch {path}",)),
    "posix.system": lambda path: Call(Global("posix", "system"), (f"touch {path}",)),
    "builtins.eval": lambda path: Call(Global("builtins", "eval"), (f"open({str(path)!r}, 'w')",)),
    "a getattr chain": lambda path: Call(Global("builtins", "getattr"), (Global("os", "x"), "system")),
    "torch.load": lambda path: Call(Global("torch", "load"), (str(path),)),
    "a storage's dotted name": lambda path: Call(Global("torch", "HalfStorage.from_file"), (str(path),)),
    "a name with a backslash": lambda path: Raw(b"cos\\-\nsystem\n"),
    "numpy": lambda path: Call(Global("numpy", "save"), (str(path), 1)),
    "STACK_GLOBAL": lambda path: Raw(b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93(" + RUN + b"tR"),
    "STACK_GLOBAL from the memo": lambda path: Raw(
        b"X\x02\x00\x00\x00osq\x010X\x06\x00\x00\x00systemq\x020h\x01h\x02\x93"
    ),
    "INST": lambda path: Raw(b"(" + RUN + b"ios\nsystem\n"),
    "OBJ": lambda path: Raw(b"(cos\nsystem\n" + RUN + b"o"),
    "NEWOBJ": lambda path: Raw(b"ccollections\nOrderedDict\n)\x81"),
    "NEWOBJ_EX": lambda path: Raw(b"ccollections\nOrderedDict\n)}\x92"),
    "EXT1": lambda path: Raw(b"\x82\x01"),
    "EXT2": lambda path: Raw(b"\x83\x01\x00"),
    "EXT4": lambda path: Raw(b"\x84\x01\x00\x00\x00"),
    "PERSID": lambda path: Raw(b"Pos.system\n"),
    "BUILD on a tensor": lambda path: Raw(b"N}b"),
    "BUILD with a state that sets attributes": lambda path: Raw(
        b"ccollections\nOrderedDict\n)R(}}X\x01\x00\x00\x00aNs" + b"tb"
    ),
    "NEXT_BUFFER": lambda path: Raw(b"\x97"),
    "a bytearray": lambda path: Raw(b"\x96" + bytes(8)),
}


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_pickle_that_asks_for_code_is_refused_and_runs_nothing(
    tmp_path: Path, values: dict[str, Any], name: str, form: str
) -> None:
    ran = tmp_path / "ran"
    tree = {"extra": PROGRAMS[name](ran), **tree_of(values, form)}
    message = refused(WRITERS[form](tmp_path / "model.pt", SMALL, values, pickle=pickled(tree)))
    assert "get the model from its publisher" in message
    assert not ran.exists()


@pytest.mark.parametrize("opcode", [code for code in range(256) if code not in b"."])
def test_every_opcode_in_any_pickle_of_the_file_is_data_or_refused(tmp_path: Path, opcode: int) -> None:
    # After values that most opcodes can work on, so that each gets as far as it can.
    body = b"\x80\x02}X\x01\x00\x00\x00ak\x02](K\x01" + bytes([opcode]) + b"\x01\x00\x00\x00os\nsystem\n."
    path = openai_file(tmp_path / "model.pt", SMALL, {}, pickle=body)
    with pytest.raises(CheckpointError):
        read_checkpoint(path)
    path.write_bytes(b"\x80\x02" + bytes([opcode]) + b"\x01\x00\x00\x00os\nsystem\n.")
    with pytest.raises(CheckpointError):
        read_checkpoint(path)


@pytest.mark.parametrize("call", ["_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_sparse_tensor"])
@pytest.mark.parametrize("arguments", [(), (1,), ("a", "b", "c", "d"), (None,) * 40])
def test_a_known_function_with_wrong_arguments_makes_no_tensor(
    tmp_path: Path, values: dict[str, Any], call: str, arguments: tuple[Any, ...]
) -> None:
    tree = openai_tree(SMALL, values)
    tree["model_state_dict"]["decoder.ln.bias"] = Call(Global("torch._utils", call), arguments)
    assert refused(openai_file(tmp_path / "model.pt", SMALL, values, pickle=pickled(tree)))


IDENTITIES: dict[str, tuple[Any, ...]] = {
    "of another kind": ("module", Global("torch", "HalfStorage"), "0", "cpu", 64),
    "of a type by text": ("storage", "<f2", "0", "cpu", 64),
    "of a function": ("storage", Global("torch._utils", "_rebuild_parameter"), "0", "cpu", 64),
    "with a number as key": ("storage", Global("torch", "HalfStorage"), 0, "cpu", 64),
    "that the file lacks": ("storage", Global("torch", "HalfStorage"), "../data.pkl", "cpu", 64),
    "of negative length": ("storage", Global("torch", "HalfStorage"), "0", "cpu", -1),
    "of impossible length": ("storage", Global("torch", "HalfStorage"), "0", "cpu", 1 << 60),
    "of truth as length": ("storage", Global("torch", "HalfStorage"), "0", "cpu", True),
    "too short": ("storage",),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_a_reference_to_stored_data_that_is_wrong_is_refused(
    tmp_path: Path, values: dict[str, Any], name: str
) -> None:
    tree = openai_tree(SMALL, values)
    rebuild = Global("torch._utils", "_rebuild_tensor_v2")
    wrong = Call(rebuild, (Persistent(IDENTITIES[name]), 0, (64,), (1,), False, None))
    tree["model_state_dict"]["decoder.ln.bias"] = wrong
    assert refused(openai_file(tmp_path / "model.pt", SMALL, values, pickle=pickled(tree)))


# --- what is damaged ---


@pytest.mark.parametrize("part", [0.0, 0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.999, 0.9999])
def test_a_truncated_checkpoint_is_refused(sound: Path, tmp_path: Path, part: float) -> None:
    data = sound.read_bytes()
    path = tmp_path / "model.pt"
    path.write_bytes(data[: int(len(data) * part)])
    assert "download it again" in refused(path)


def test_a_checkpoint_that_lacks_its_last_byte_is_refused(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(sound.read_bytes()[:-1])
    assert "download it again" in refused(path)


def test_a_flipped_byte_in_the_weights_of_a_zip_file_is_refused(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    path = openai_file(tmp_path / "model.pt", SMALL, values)
    with zipfile.ZipFile(path) as archive:
        inside = archive.getinfo("model/data/5").header_offset + 80
    data = bytearray(path.read_bytes())
    data[inside] ^= 1
    path.write_bytes(data)
    assert "CRC" in refused(path)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (((64,), (2,), 0), "the file holds 64"),
        (((64,), (1,), 1), "the file holds 64"),
        (((64,), (1 << 40,), 0), "the file holds 64"),
        (((64,), (1,), -1), "impossible"),
        (((64,), (-1,), 63), "impossible"),
        (((64,), (1 << 60,), 0), "impossible"),
        (((-64,), (1,), 0), "impossible"),
        (((64,), (1, 1), 0), "impossible"),
        (((64,), (), 0), "impossible"),
        (((0,), (1,), 0), "impossible"),
        (((1,) * 9, (1,) * 9, 0), "impossible"),
        (((8, 8), (8, 1), 0), "has shape (8, 8)"),
        (((), (), 0), "has shape ()"),
        (((64,), (0.5,), 0), "cannot be written"),
    ],
)
def test_a_tensor_that_reaches_outside_its_stored_values_or_has_another_shape_is_refused(
    tmp_path: Path, values: dict[str, Any], view: Any, said: str
) -> None:
    name, (shape, strides, offset) = "decoder.ln.bias", view
    tree = openai_tree(SMALL, values)
    key = str(list(values).index(name))
    if said == "cannot be written":  # a float among the strides
        strides, said = (Raw(b"G" + struct.pack(">d", 0.5)),), "impossible"
    tree["model_state_dict"][name] = tensor(key, values[name], shape=shape, strides=strides, offset=offset)
    assert said in refused(openai_file(tmp_path / "model.pt", SMALL, values, pickle=pickled(tree)))


def test_a_small_tensor_spread_over_a_large_storage_is_refused(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    name = "decoder.ln.bias"
    stored = {**values, name: np.zeros(64 * 1000, np.float16)}
    tree = openai_tree(SMALL, stored)
    key = str(list(stored).index(name))
    tree["model_state_dict"][name] = tensor(key, stored[name], shape=(64,), strides=(1000,))
    assert "spread" in refused(openai_file(tmp_path / "model.pt", SMALL, stored, pickle=pickled(tree)))


def test_one_storage_described_with_two_types_is_refused(tmp_path: Path, values: dict[str, Any]) -> None:
    tree = openai_tree(SMALL, values)
    key = str(list(values).index("decoder.ln.bias"))
    tree["model_state_dict"]["decoder.ln.weight"] = tensor(key, np.zeros(64, np.float32))
    assert "two ways" in refused(openai_file(tmp_path / "model.pt", SMALL, values, pickle=pickled(tree)))


# --- the old format's own parts ---


@pytest.mark.parametrize(
    ("system", "said"),
    [({**SYSTEM, "little_endian": False}, "not read"), ({}, "not read"), ({"little_endian": 1}, "not read")],
)
def test_an_old_file_of_another_machine_is_refused(
    tmp_path: Path, values: dict[str, Any], system: dict[str, Any], said: str
) -> None:
    assert said in refused(legacy_file(tmp_path / "model.pt", SMALL, values, system=system))


def test_an_old_file_whose_keys_are_not_its_storages_is_refused(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    every = sorted(map(str, range(len(values))))
    for keys in (every[1:], every[1:] + every[1:2]):
        assert "other data" in refused(legacy_file(tmp_path / "model.pt", SMALL, values, keys=keys))


def test_an_old_file_whose_storage_has_another_length_is_refused(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    path = legacy_file(tmp_path / "model.pt", SMALL, values)
    data = path.read_bytes()
    first = len(data) - sum(array.nbytes + 8 for array in values.values())
    for count in (-1, 0, 1 << 40, (1 << 63) - 1):
        path.write_bytes(data[:first] + struct.pack("<q", count) + data[first + 8 :])
        assert "other data" in refused(path)


# --- what is something else ---


def dumped(*trees: object) -> bytes:
    return b"".join(pickle.dumps(tree, protocol=2) for tree in trees)


OTHERS: dict[str, tuple[bytes, str]] = {
    "text": (b"not a model\n" * 50, "not a torch checkpoint"),
    "nothing": (b"", "not a torch checkpoint"),
    "a safetensors file": (struct.pack("<Q", 2) + b"{}", "config.json"),
    "a pickle of something": (dumped({"a": 1}), "not of torch's"),
    "an old file of another version": (dumped(LEGACY_MAGIC, 1000, SYSTEM), "not read"),
    "an old file without an object": (dumped(LEGACY_MAGIC, 1001, SYSTEM), "cut off"),
    "an old file of a list": (dumped(LEGACY_MAGIC, 1001, SYSTEM, [], []), "openai-whisper"),
    "an old file of no keys": (dumped(LEGACY_MAGIC, 1001, SYSTEM, {}, {}), "does not list"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_is_no_checkpoint_is_refused_with_what_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.pt"
    data, said = OTHERS[name]
    path.write_bytes(data)
    assert said in refused(path)


TREES: dict[str, tuple[bytes, str]] = {
    "an empty dictionary": (b"\x80\x02}.", "openai-whisper"),
    "a list": (b"\x80\x02].", "openai-whisper"),
    "two things": (b"\x80\x02]].", "cannot be read"),
    "nothing at all": (b"\x80\x02.", "cannot be read"),
    "no end": (b"\x80\x02}", "cut off"),
    "a state that is no dictionary": (pickled({"dims": {}, "model_state_dict": 1}), "not dictionaries"),
    "dimensions that are no dictionary": (pickled({"dims": [], "model_state_dict": {}}), "not dictionaries"),
    "a tensor of integers": (
        pickled({"dims": SMALL.to_dict(), "model_state_dict": {"x": "y"}}),
        "not a tensor of floating-point",
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_an_object_tree_that_is_not_whispers_is_refused(tmp_path: Path, name: str) -> None:
    tree, said = TREES[name]
    assert said in refused(openai_file(tmp_path / "model.pt", SMALL, {}, pickle=tree))


def test_other_zip_files_are_refused_with_what_they_are(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "plain.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "without data.pkl" in refused(tmp_path / "plain.zip")
    script = openai_file(tmp_path / "script.pt", SMALL, {}, extra={"code/x.py": b""})
    assert "TorchScript" in refused(script)
    big = openai_file(tmp_path / "big.pt", SMALL, {}, byteorder="big")
    assert "big-endian" in refused(big)


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "fifo.pt")
    assert "No such file" in refused(tmp_path / "none.pt")
    assert "not a regular file" in refused(tmp_path / "fifo.pt")
    assert "not a regular file" in refused(Path("/dev/zero"))
