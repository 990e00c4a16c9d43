"""A hostile checkpoint costs next to nothing before it is refused, and no damaged one does anything else."""

from __future__ import annotations

import math
import os
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hostile.fuzz_checkpoints import attempt
from hostile.mutating_checkpoints import FORMS, NARROW
from making_checkpoints import (
    ENGLISH,
    Call,
    Raw,
    hugging_face_folder,
    legacy_file,
    openai_file,
    openai_tree,
    pickled,
    tensor,
    tensors,
)
from whisper_onnx.checkpoint import expected_shapes
from whisper_onnx.dims import Dims

ROOT = Path(__file__).resolve().parents[2]

# Reads a file in a process that may take 96 MiB more than it has after its imports.
READER = """
import resource, sys
from pathlib import Path
from whisper_onnx import hf_folder, torch_legacy, torch_zip
from whisper_onnx.checkpoint import read_checkpoint
from whisper_onnx.errors import CheckpointError
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (96 << 20),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
try:
    with read_checkpoint(Path(sys.argv[1])) as checkpoint:
        for array in checkpoint.tensors.values():
            pass
except CheckpointError as error:
    print("refused:", error)
else:
    print("read")
"""


def environment() -> dict[str, str]:
    paths = os.pathsep.join(str(ROOT / part) for part in ("onnx_models", "tests"))
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def read_in_little_memory(path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", READER, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


VALUES = tensors(NARROW, np.float16)


def huge_model(path: Path, *, width: int, stored: int, dense: bool) -> Path:
    """A model of 200 layers, all tensors of which are the same few stored values."""
    wide = {"n_audio_state": width, "n_text_state": width, "n_audio_layer": 100, "n_text_layer": 100}
    dims = Dims.from_mapping(NARROW.to_dict() | wide)
    values = np.zeros(stored, np.float16)

    def described(shape: tuple[int, ...]) -> Call:
        strides = tuple(math.prod(shape[axis + 1 :]) if dense else 0 for axis in range(len(shape)))
        return tensor("0", values, shape=shape, strides=strides)

    state = {name: described(shape) for name, shape in expected_shapes(dims).items()}
    tree = {"dims": dims.to_dict(), "model_state_dict": state}
    return openai_file(path, dims, {"x": values}, pickle=pickled(tree))


def spread_model(path: Path) -> Path:
    """Dense tensors, one of which says that it lies all over 4 GB of a sparse file."""
    name = "decoder.ln.bias"
    tree = openai_tree(NARROW, VALUES, view=(None,))
    count = 1 << 31
    sized = np.broadcast_to(np.float16(0), count)
    tree["model_state_dict"][name] = tensor(
        "99", sized, shape=(4,), strides=((count - 1) // 3,), view=(None,)
    )
    keys = [str(key) for key, other in enumerate(VALUES) if other != name]
    legacy_file(path, NARROW, VALUES, pickle=pickled(tree), keys=keys)
    data = path.read_bytes().replace(pickled(keys), pickled([*keys, "99"]))
    with path.open("wb") as file:
        file.write(data + struct.pack("<q", count))
        file.truncate(file.tell() + 2 * count)
    return path


def bomb(path: Path) -> Path:
    extra = {f"data/{n}": bytes(256 << 20) for n in range(100, 101)}
    return openai_file(path, NARROW, {}, compression=zipfile.ZIP_DEFLATED, extra=extra)


def many_entries(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(20_000):
            archive.writestr(f"m/data/{n}", b"")
    return path


def huge_directory(path: Path) -> Path:
    """A directory of 2 GB in a sparse file, as its last record says."""
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(4 + (2 << 30))
        file.seek(0, os.SEEK_END)
        file.write(struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, 2 << 30, 4, 0))
    return path


def overlapping(path: Path) -> Path:
    """Two entries of the directory that are one and the same stretch of the file."""
    openai_file(path, NARROW, VALUES)
    data = path.read_bytes()
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    third = data.index(b"PK\x01\x02", second + 4)
    entry = bytearray(data[third : data.index(b"PK\x01\x02", third + 4)])
    copied = data[:second] + bytes(entry).replace(b"data/0", b"data/x") + data[second:]
    end = bytearray(copied[copied.rindex(b"PK\x05\x06") :])
    total, size = struct.unpack_from("<H", end, 8)[0] + 1, struct.unpack_from("<I", end, 12)[0] + len(entry)
    struct.pack_into("<HHI", end, 8, total, total, size)
    path.write_bytes(copied[: copied.rindex(b"PK\x05\x06")] + end)
    return path


def with_pickle(opcodes: bytes) -> Callable[[Path], Path]:
    return lambda path: openai_file(path, NARROW, {}, pickle=b"\x80\x02" + opcodes)


def nested_tuples(depth: int) -> bytes:
    """A tuple of the tuple before, twice, `depth` times: its hash or text would take 2 ** depth steps."""
    return b")q\x00" + b"h\x00\x86q\x00" * depth


def laughing_dims(path: Path) -> Path:
    """Dimensions whose value would print as 2 ** 60 parts."""
    tree = {
        "dims": NARROW.to_dict() | {"n_mels": Raw(nested_tuples(60))},
        "model_state_dict": {},
    }
    return openai_file(path, NARROW, {}, pickle=pickled(tree))


def huge_header(path: Path) -> Path:
    hugging_face_folder(path, NARROW, VALUES)
    with (path / "model.safetensors").open("r+b") as file:
        file.write(struct.pack("<Q", 100 << 20) + b"{" + b" " * 100)
        file.truncate(200 << 20)
    return path


def deep_header(path: Path) -> Path:
    hugging_face_folder(path, NARROW, VALUES)
    header = b'{"a":' + b"[" * (3 << 20)
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    return path


def wide_header(path: Path) -> Path:
    hugging_face_folder(path, NARROW, VALUES)
    header = b'{"a":[' + b"[]," * (1 << 20) + b"[]]}"
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    return path


def file_of(length: int) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        with path.open("wb") as file:
            file.write(b"\x80\x02")
            file.truncate(length)
        return path

    return write


HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a model of 100 GB": (partial(huge_model, width=5120, stored=16, dense=True), "the file holds 16"),
    "a model of 100 GB of one value": (partial(huge_model, width=5120, stored=16, dense=False), "repeats"),
    "a model of one matrix": (
        partial(huge_model, width=128, stored=ENGLISH * 128, dense=True),
        "describes more than the file",
    ),
    "a tensor spread over 4 GB": (spread_model, "spread over"),
    "a zip bomb": (bomb, "compressed"),
    "a zip of many entries": (many_entries, "entries"),
    "a zip directory of 2 GB": (huge_directory, "directory has more than"),
    "overlapping entries": (overlapping, "overlap"),
    "a pickle of 3 MB": (with_pickle(b"]" * (3 << 20) + b"."), "allowed are"),
    "a pickle of a million lists": (with_pickle(b"]" * (1 << 20) + b"."), "far more parts"),
    "a pickle of a million dictionaries": (
        with_pickle(b"ccollections\nOrderedDict\nq\x00" + b"h\x00)R" * 500_000 + b"."),
        "far more parts",
    ),
    "a pickle nested deeply": (with_pickle(b")" + b"\x85" * 250_000 + b"."), "openai-whisper"),
    "a pickle nested too deeply": (with_pickle(b")" + b"\x85" * 300_000 + b"."), "far more parts"),
    "a key that takes forever to hash": (with_pickle(b"}" + nested_tuples(60) + b"Ns."), "cannot be read"),
    "a dimension that takes forever to print": (laughing_dims, "not a usable number"),
    "a memo of 2 GB": (with_pickle(b"Nr\xf0\xff\xff\x7f."), "memo"),
    "a text of 4 GB": (with_pickle(b"X\xff\xff\xff\xffabc."), "cannot be read"),
    "a number of 255 bytes": (with_pickle(b"\x8a\xff" + b"\x7f" * 255 + b"."), "openai-whisper"),
    "a header of 100 MB": (huge_header, "header of"),
    "a header nested deeply": (deep_header, "is not JSON"),
    "a header of a million lists": (wide_header, "not described"),
    "an endless old file": (file_of(1 << 40), "unknown code"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_checkpoint_is_refused_within_96_mib_and_20_seconds(tmp_path: Path, name: str) -> None:
    make, said = HOSTILE[name]
    answer = read_in_little_memory(make(tmp_path / "model"))
    assert answer.startswith("refused: ")
    assert said in answer
    assert len(answer) < 1000


def test_a_sound_checkpoint_is_read_within_the_same_memory(tmp_path: Path) -> None:
    assert read_in_little_memory(openai_file(tmp_path / "model.pt", NARROW, VALUES)) == "read\n"


def test_damaged_checkpoints_of_every_format_are_read_whole_or_refused() -> None:
    script = Path(__file__).with_name("fuzz_checkpoints.py")
    done = subprocess.run(
        [sys.executable, str(script), "--cases", "250", "--seed", "3"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    counts = {
        line.split()[0]: list(map(int, re.findall(r"\d+", line))) for line in done.stdout.splitlines()[:-1]
    }
    assert set(counts) == set(FORMS)
    for form, (_, refused, found) in counts.items():
        assert refused, form
        assert not found
    assert sum(read for read, *_ in counts.values())


def test_the_fuzzer_sees_what_a_reader_must_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"model.pt": b"anything"}

    def reader(result: Any) -> None:
        def read(_: Path) -> Any:
            raise result

        monkeypatch.setattr("hostile.fuzz_checkpoints.read_checkpoint", read)

    assert attempt(files, tmp_path)[0] == "refused"
    for wrong in (MemoryError(), ValueError("x"), RecursionError(), KeyboardInterrupt(), SystemExit(0)):
        reader(wrong)
        assert attempt(files, tmp_path)[0] == "FOUND"
