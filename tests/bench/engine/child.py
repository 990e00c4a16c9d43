"""One engine in a process of its own, which stays warm between the questions it is asked.

By hand it measures one cold start, and memory:

    python -m bench.engine.child "ours int8" --model FOLDER --threads 2 --file ten-minutes.npy --mode batched

prints JSON: seconds to import the packages and to load the model, the peak of resident memory (VmHWM, MiB)
after each, and seconds and tokens of the recording, if one is given, with the peak after it. The paths are a
model in the engine's own format and (n,) float32 samples at 16 kHz. `--serve` answers questions, one JSON
object a line, on standard input.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # numpy's import is part of what is measured
    from .peers import Engine

_FEW, _MORE = 8, 40  # tokens; a step is the difference


def peak_mib() -> float:
    """The largest resident memory this process has had, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def cold_start(peer_name: str, model: Path, threads: int, batch: int) -> tuple[Engine, dict[str, float]]:
    """The engine, and what it took to get there from a fresh interpreter."""
    # Our own modules, and numpy with them, before the clock starts: every engine needs numpy.
    from .peers import PEERS

    peer = PEERS[peer_name]
    start = time.perf_counter()
    peer.imports()
    imported = time.perf_counter()
    after_import = peak_mib()
    engine = peer.load(model, threads=threads, batch=batch)
    loaded = time.perf_counter()
    return engine, {
        "import_s": imported - start,
        "load_s": loaded - imported,
        "import_mib": after_import,
        "load_mib": peak_mib(),
    }


def answer(engine: Engine, question: dict[str, Any]) -> dict[str, Any]:
    """Does what is asked once, and says how long it took. The keys are those of `turns.question`."""
    import numpy as np

    from .parts import where_time_goes
    from .peers import Listening
    from .sound import window

    match question["measure"]:
        case "encoder" | "whole" as measure:
            tokens = 1 if measure == "encoder" else question["tokens"]
            mel, batch = window(question["n_mels"]), question["batch"]
            start = time.perf_counter()
            engine.encode(mel, batch)
            made = engine.decode(batch, tokens)
            return {"seconds": time.perf_counter() - start, "tokens": made}
        case "step":
            batch = question["batch"]
            if question.get("encode", True):  # the caches of the last question still stand otherwise
                engine.encode(window(question["n_mels"]), batch)
            start = time.perf_counter()
            few = engine.decode(batch, _FEW)
            between = time.perf_counter()
            more = engine.decode(batch, _MORE)
            end = time.perf_counter()
            return {"seconds": ((end - between) - (between - start)) / (more - few), "tokens": more - few}
        case "file" | "parts" as measure:
            samples = np.load(question["file"])
            how = Listening(
                question["mode"], question["tokens"], question.get("condition_on_previous_text", False)
            )
            with where_time_goes(measure == "parts") as parts:
                start = time.perf_counter()
                heard = engine.transcribe(samples, how)
                seconds = time.perf_counter() - start
            result = {"seconds": seconds, "tokens": heard.tokens, "words": len(heard.text.split())}
            return result | ({"parts": dict(parts)} if parts else {})
    raise ValueError(f"unknown question {question!r}")


def serve(engine: Engine, load: dict[str, float]) -> None:
    """Answers each line of standard input, and says why where an engine cannot."""
    _say(load)
    for line in sys.stdin:
        try:
            reply = answer(engine, json.loads(line))
        except NotImplementedError as error:
            reply = {"cannot": str(error)}
        except Exception as error:
            reply = {"failed": f"{type(error).__name__}: {error}"}
        _say(reply | {"peak_mib": peak_mib()})


def _say(reply: dict[str, Any]) -> None:
    os.write(_answers(), json.dumps(reply).encode() + b"\n")


def _answers() -> int:
    return int(os.environ.get("BENCH_ANSWERS", "1"))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench.engine.child", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("peer", help="an engine by its name in the table, such as 'ours int8'")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1, help="windows together (our slots, batch_size)")
    parser.add_argument("--file", type=Path, help="samples to transcribe, .npy")
    parser.add_argument("--mode", choices=["sequential", "batched"], default="sequential")
    parser.add_argument("--tokens", type=int, help="exactly so many tokens a window")
    parser.add_argument("--parts", action="store_true", help="and where the time goes")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    # What a library prints must not get between the answers.
    os.environ["BENCH_ANSWERS"] = str(os.dup(1))
    os.dup2(2, 1)
    engine, load = cold_start(args.peer, args.model, args.threads, args.batch)
    if args.serve:
        serve(engine, load)
        return
    result: dict[str, Any] = dict(load)
    if args.file:
        question = {"file": str(args.file), "mode": args.mode, "tokens": args.tokens}
        result |= answer(engine, question | {"measure": "parts" if args.parts else "file"})
    _say(result | {"peak_mib": peak_mib()})


if __name__ == "__main__":
    main()
