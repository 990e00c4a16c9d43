"""Damages checkpoints of every format and reads them: each is read whole or refused with CheckpointError.

    make fuzz FUZZ_ARGS="--seconds 600 --seed 7"

Anything else is reported: another exception, a warning, a message that is empty or endless, more memory or
time than a small file may cost, values of a wrong shape, a file left open. A case depends on nothing but the
seed and its number, so `--seed S --case N` repeats it. Exit status 1 when something was found.
"""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

from hostile.mutating_checkpoints import FORMS, Sound, mutated, sound_checkpoints, write
from whisper_onnx.checkpoint import expected_shapes, read_checkpoint
from whisper_onnx.errors import CheckpointError

# What a damaged file of 1 to 5 MB may cost. The memory is what the process may grow by: the sound one of
# these with its 2 MB tokenizer takes about 40 MiB.
_MEMORY: Final = 160 << 20  # bytes
_SECONDS: Final = 5.0  # of this process's time
_MESSAGE: Final = 600  # characters


class TooSlow(BaseException):
    """Raised into a reader that does not come back; no reader catches it."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cases", type=int, help="as many, instead of for so many seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="only this one")
    parser.add_argument("--keep", type=Path, help="where to put the files of what is found")
    args = parser.parse_args()
    warnings.simplefilter("error")
    outcomes: Counter[tuple[str, str]] = Counter()
    reasons: set[str] = set()
    found = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = sound_checkpoints(folder)
        warm_up(sound, folder)
        descriptors = open_descriptors()
        end = time.monotonic() + args.seconds
        numbers = [args.case] if args.case is not None else range(args.cases) if args.cases else count()
        with limited_memory():
            for number in numbers:
                if args.cases is None and args.case is None and time.monotonic() > end:
                    break
                random = Random(f"{args.seed}:{number}")
                form = random.choices(FORMS, weights=(8, 8, 6, 6, 1))[0]
                files = mutated(sound[form], random)
                outcome, problem = attempt(files, folder)
                outcomes[form, outcome] += 1
                if outcome == "refused":
                    reasons.add("".join(c for c in problem if c.isalpha() or c == " ")[:40])
                elif outcome == "FOUND":
                    found += 1
                    sys.stdout.write(f"--seed {args.seed} --case {number} ({form}): {problem}\n")
                    if args.keep:
                        kept = args.keep / f"{args.seed}-{number}"
                        kept.mkdir(parents=True, exist_ok=True)
                        write(files, kept)
        if open_descriptors() != descriptors:
            found += 1
            sys.stdout.write("files were left open\n")
    for form in FORMS:
        parts = ", ".join(f"{outcomes[form, o]} {o}" for o in ("read", "refused", "FOUND"))
        sys.stdout.write(f"{form:10} {parts}\n")
    sys.stdout.write(f"{outcomes.total()} cases, {len(reasons)} reasons, {found} found\n")
    return 1 if found else 0


def warm_up(sound: dict[str, Sound], folder: Path) -> None:
    """Reads each sound checkpoint: they must be, and what is loaded or cached once is then there."""
    for form, checkpoint in sound.items():
        outcome, problem = attempt(checkpoint.files, folder)
        if outcome != "read":
            raise SystemExit(f"the sound checkpoint {form} is not read: {problem}")


def attempt(files: Mapping[str, bytes], folder: Path) -> tuple[str, str]:
    """What comes of reading the files: `read`, `refused` with the message, or `FOUND` with what is wrong."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = write(files, Path(name))
        started = time.process_time()
        try:
            with time_limit(), read_checkpoint(path) as checkpoint:
                _ = checkpoint.alignment_heads, checkpoint.sha256
                shapes = {key: array.shape for key, array in checkpoint.tensors.items()}
                if shapes != expected_shapes(checkpoint.dims):
                    return "FOUND", "values of a wrong shape"
        except CheckpointError as error:
            message = str(error)
            if not 10 < len(message) <= _MESSAGE + len(str(path)) or not message.isprintable():
                return "FOUND", f"a message of {len(message)} characters: {message[:200]!r}"
            return "refused", message
        except TooSlow:
            return "FOUND", f"more than {_SECONDS} s\n{traceback.format_exc()}"
        except BaseException:  # whatever it is, it is what is looked for
            return "FOUND", traceback.format_exc()
        took = time.process_time() - started
        return ("read", "") if took < _SECONDS else ("FOUND", f"{took:.1f} s")


@contextmanager
def limited_memory() -> Iterator[None]:
    """Lets the process grow by `_MEMORY` and no further: what asks for more gets MemoryError."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size + _MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextmanager
def time_limit() -> Iterator[None]:
    """Raises TooSlow after `_SECONDS` of this process's time."""

    def stop(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


if __name__ == "__main__":
    sys.exit(main())
