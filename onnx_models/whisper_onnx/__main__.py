"""`python -m whisper_onnx`: builds, verifies and tries models.

Exit codes: 0 done, 1 the work failed, 2 the call was wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dims import SAMPLE_RATE
from .errors import AudioError, WhisperError
from .manifest import TARGETS


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command (`sys.argv` if None); what went wrong is one line on stderr."""
    args = _parser().parse_args(arguments)
    try:
        code: int = args.run(args)
    except WhisperError as error:
        sys.stderr.write(f"whisper_onnx: {error}\n")
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="whisper_onnx", description="Whisper on ONNX Runtime")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser("build", help="make a model folder from a checkpoint")
    build.add_argument("checkpoint", type=Path, help="an OpenAI .pt file, or a folder with safetensors")
    build.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="must not exist")
    build.add_argument("--target", choices=list(TARGETS), default="cpu-fp32")
    build.add_argument(
        "--weights",
        choices=["exact", "fp32", "fp16"],
        default="exact",
        help="how weights of 32-bit targets are stored (default: fp16 where that loses nothing)",
    )
    build.add_argument("--name", help="the model's name (default: the folder's)")
    build.add_argument("--licence", default="unknown", help="the licence of the weights")
    build.add_argument("--source", help="where the checkpoint came from")
    build.set_defaults(run=_build)

    verify = commands.add_parser("verify", help="compare a model folder with its manifest")
    verify.add_argument("folder", type=Path)
    verify.set_defaults(run=_verify)

    plan = commands.add_parser("plan", help="how much memory a model will need, before it is loaded")
    plan.add_argument("folder", type=Path)
    plan.add_argument("--slots", type=_count, default=8, help="windows decoded together (default: 8)")
    plan.set_defaults(run=_plan)

    transcribe = commands.add_parser("transcribe", help="print the transcript of a recording")
    transcribe.add_argument("folder", type=Path, help="a model folder")
    transcribe.add_argument("audio", type=Path)
    transcribe.add_argument("--language", help="such as en or english (default: detect it)")
    transcribe.add_argument("--task", choices=["transcribe", "translate"], default="transcribe")
    transcribe.add_argument("--provider", choices=["auto", "cpu", "cuda"], default="auto")
    transcribe.add_argument("--threads", type=_count, help="default: the physical cores")
    transcribe.set_defaults(run=_transcribe)
    return parser


def _count(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError("has to be at least 1")
    return value


def _build(args: argparse.Namespace) -> int:
    from tqdm import tqdm  # noqa: PLC0415

    from .build import build  # noqa: PLC0415  # onnx takes a moment to import

    started = time.monotonic()
    with tqdm(unit=" tensors", disable=not sys.stderr.isatty(), leave=False) as bar:

        def show(read: int, of: int) -> None:
            bar.total = of
            bar.update(read - bar.n)

        bundle = build(
            args.checkpoint,
            args.output,
            target=args.target,
            weights=args.weights,
            name=args.name,
            licence=args.licence,
            source=args.source,
            on_read=show,
        )
    size = sum(entry.size for entry in bundle.manifest.files.values())
    seconds = time.monotonic() - started
    sys.stdout.write(
        f"{bundle.folder}: {bundle.name}, {bundle.target}, {size / 1e6:.1f} MB, built in {seconds:.1f} s\n"
    )
    return 0


def _verify(args: argparse.Namespace) -> int:
    from .bundle import Bundle, verify_bundle  # noqa: PLC0415

    problems = verify_bundle(args.folder)
    for problem in problems:
        sys.stderr.write(f"whisper_onnx: {problem}\n")
    if problems:
        return 1
    bundle = Bundle.load(args.folder, verify=False)
    sys.stdout.write(f"{args.folder}: {bundle.name} is as its manifest says (SHA-256 {bundle.sha256})\n")
    return 0


def _plan(args: argparse.Namespace) -> int:
    from .bundle import Bundle  # noqa: PLC0415
    from .memory import available, planned  # noqa: PLC0415

    bundle = Bundle.load(args.folder, verify=False)
    provider = TARGETS[bundle.target].provider
    plan, free = planned(bundle, args.slots), available(provider)
    parts = {
        "runtime": plan.overhead,
        "weights": plan.weights,
        "while loading, besides": plan.loading,
        f"caches of {args.slots} slots": plan.caches,
        "a run of the encoder": plan.encoder,
        "a run of the decoder": plan.decoder,
        "at most in all": plan.total,
    }
    where = "memory" if provider == "cpu" else "the GPU's memory"
    sys.stdout.write(f"{bundle.name}, {bundle.target}, in {where}:\n")
    for name, size in parts.items():
        sys.stdout.write(f"{name:>26} {size >> 20:8} MiB\n")
    told = "cannot be told" if free is None else f"{free >> 20:8} MiB"
    sys.stdout.write(f"{'free':>26} {told}\n")
    return 0


def _transcribe(args: argparse.Namespace) -> int:
    from tqdm import tqdm  # noqa: PLC0415

    from . import Batcher, Progress, Task, TranscribeOptions, WhisperModel  # noqa: PLC0415

    options = TranscribeOptions(language=args.language, task=args.task)
    audio = _load_audio(args.audio)
    model = WhisperModel(args.folder, provider=args.provider, threads=args.threads, slots=1)
    seconds = round(len(audio) / SAMPLE_RATE, 2)
    with tqdm(total=seconds, unit="s", disable=not sys.stderr.isatty(), leave=False) as bar:

        def show(progress: Progress) -> None:
            bar.update(min(progress.position, seconds) - bar.n)
            for segment in progress.new_segments:
                bar.write(f"[{segment.start:8.2f} --> {segment.end:8.2f}]{segment.text}", file=sys.stdout)

        batcher = Batcher(model, slots=1)
        batcher.add(Task(audio, options, on_progress=show))
        while batcher.step():
            pass
    return 0


def _load_audio(path: Path) -> NDArray[np.float32]:
    """The first audio stream of any file that FFmpeg reads, as (n_samples,) 16 kHz mono.

    For trying models by hand: it trusts the file. Raises AudioError when there is no audio in it.
    """
    import av  # noqa: PLC0415

    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    parts: list[NDArray[Any]] = []
    try:
        with av.open(str(path)) as container:
            for frame in chain(container.decode(audio=0), [None]):  # None: what is left
                parts += [resampled.to_ndarray()[0] for resampled in resampler.resample(frame)]
    except (av.FFmpegError, IndexError, OSError) as error:
        reason = getattr(error, "strerror", None) or "it has no audio stream"
        raise AudioError(f"{path.name} cannot be read as audio: {reason}") from error
    if not parts:
        raise AudioError(f"{path.name} holds no audio")
    return np.concatenate(parts).astype(np.float32, copy=False)


if __name__ == "__main__":
    sys.exit(main())
