"""How much memory and time it takes to build a model of large-v3's size, for each target.

    PYTHONPATH=onnx_models .venv/bin/python tests/bench/bench_build.py [--shape large-v3] [--scratch FOLDER]

Writes a checkpoint of random numbers (large-v3: 3.1 GB, in two safetensors files as Hugging Face has it),
builds every target in a process of its own, and prints that process's peak memory. Needs about 10 GB of disk
in the scratch folder, one build after the other, and leaves nothing there.
"""

from __future__ import annotations

import argparse
import json
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from making_checkpoints import config, hugging_face_name
from whisper_onnx.checkpoint import expected_shapes
from whisper_onnx.dims import Dims

SHAPES = {  # n_mels, state, heads, encoder layers, decoder layers, vocabulary
    "tiny": (80, 384, 6, 4, 4, 51865),
    "base": (80, 512, 8, 6, 6, 51865),
    "small": (80, 768, 12, 12, 12, 51865),
    "medium": (80, 1024, 16, 24, 24, 51865),
    "large-v3": (128, 1280, 20, 32, 32, 51866),
    "turbo": (128, 1280, 20, 32, 4, 51866),
}
BUILDS = (("cpu-fp32", "exact"), ("cpu-fp32", "fp32"), ("cpu-int8", "exact"), ("cuda-fp16", "exact"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", choices=SHAPES, default="large-v3")
    parser.add_argument("--scratch", type=Path, help="default: the system's temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-build-", dir=args.scratch) as scratch:
        checkpoint = random_checkpoint(Path(scratch) / "checkpoint", dims(args.shape))
        print(f"{args.shape}: a checkpoint of {folder_size(checkpoint) / 1e9:.2f} GB in fp16\n")
        print("| target | weights | folder GB | seconds | peak memory GB |\n| --- | --- | --- | --- | --- |")
        for target, weights in BUILDS:
            with tempfile.TemporaryDirectory(dir=scratch) as place:
                seconds, peak = build(checkpoint, Path(place) / "bundle", target, weights)
                size = folder_size(Path(place) / "bundle")
            print(
                f"| {target} | {weights} | {size / 1e9:.2f} | {seconds:.0f} | {peak / 1e9:.2f} |", flush=True
            )


def dims(shape: str) -> Dims:
    mels, state, heads, encoder, decoder, vocabulary = SHAPES[shape]
    return Dims(mels, 1500, state, heads, encoder, vocabulary, 448, state, heads, decoder)


def random_checkpoint(folder: Path, dims: Dims) -> Path:
    """A Hugging Face folder of random fp16 numbers, in memory one block at a time."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config(dims)))
    shapes = expected_shapes(dims)
    names = list(shapes)
    half = len(names) // 2
    block = (np.random.default_rng(1).standard_normal(1 << 22, dtype=np.float32) * 0.02).astype("<f2")
    where = {}
    for number, part in enumerate((names[:half], names[half:]), start=1):
        file = f"model-{number:05}-of-00002.safetensors"
        where |= {hugging_face_name(name): file for name in part}
        with (folder / file).open("wb") as opened:
            safetensors(opened, {hugging_face_name(name): shapes[name] for name in part}, block)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return folder


def safetensors(file: BinaryIO, shapes: dict[str, tuple[int, ...]], block: np.ndarray) -> None:
    header = {}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * int(np.prod(shape))
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    file.write(struct.pack("<Q", len(text)) + text)
    for first in range(0, end, block.nbytes):
        file.write(block[: (end - first) // 2].data)


def build(checkpoint: Path, folder: Path, target: str, weights: str) -> tuple[float, int]:
    """Seconds and peak resident bytes of a build in a process of its own."""
    command = [sys.executable, "-c", CHILD, "build", str(checkpoint), "-o", str(folder)]
    started = time.monotonic()
    done = subprocess.run(
        [*command, "--target", target, "--weights", weights], check=True, stdout=subprocess.PIPE, text=True
    )
    return time.monotonic() - started, int(done.stdout.splitlines()[-1]) * 1024


CHILD = f"""
import resource, sys
from whisper_onnx.__main__ import main
code = main(sys.argv[1:])
print(resource.getrusage({resource.RUSAGE_SELF}).ru_maxrss)  # kB
sys.exit(code)
"""


def folder_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


if __name__ == "__main__":
    main()
