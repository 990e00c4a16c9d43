"""Our engine against openai-whisper and faster-whisper's CTranslate2, same weights: `make bench-engine`.

One run is what a window costs: the encoder on 30 s of log-mel, the prompt `<|startoftranscript|><|en|>
<|transcribe|>`, and then STEPS greedy tokens, with the rules that choose tokens left out on every side.
Random weights cost the same as trained ones, and no peer may stop early: the end-of-text token is suppressed.
Each peer lives in a process of its own, so that no thread pool spins while another is measured, and the peers
take turns, so that a noisy minute hits them all. What counts is the median of the ratios within one turn.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

SHAPES = {  # d_model, heads, layers of encoder and of decoder: OpenAI's model card
    "tiny": (384, 6, 4),
    "base": (512, 8, 6),
}
N_VOCAB = 51_865
PROMPT = (50258, 50259, 50359)
END_OF_TEXT = 50257
STEPS = 100
SEED = 7
PEERS = ("ours fp32", "openai-whisper fp32", "CTranslate2 fp32", "CTranslate2 int8")


def write_weights(folder: Path, shape: str) -> None:
    """A Hugging Face checkpoint of random weights, the same as our bundle and as CTranslate2 models."""
    import ctranslate2.converters.transformers as ct2
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    from whisper_onnx.build import build

    state, heads, layers = SHAPES[shape]
    torch.manual_seed(SEED)
    config = WhisperConfig(
        vocab_size=N_VOCAB,
        d_model=state,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=4 * state,
        decoder_ffn_dim=4 * state,
        num_mel_bins=80,
        max_source_positions=1500,
        max_target_positions=448,
    )
    model = WhisperForConditionalGeneration(config).eval()
    model.save_pretrained(folder / "hf", safe_serialization=True)
    build(
        folder / "hf",
        folder / "ours",
        target="cpu-fp32",
        name="random",
        licence="none",
        source="random weights",
    )
    loader = ct2.WhisperLoader()
    special = {
        50257: "<|endoftext|>",
        50258: "<|startoftranscript|>",
        50363: "<|notimestamps|>",
        50362: "<|nospeech|>",
    }
    with torch.no_grad():
        for kind in ("float32", "int8"):
            spec = loader.get_model_spec(model)
            spec.register_vocabulary([special.get(i, f"token{i}") for i in range(N_VOCAB)])
            spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
            spec.config.lang_ids = list(range(50259, 50358))
            spec.config.alignment_heads = [(layers - 1, 0)]
            spec.validate()
            spec.optimize(quantization=kind)
            (folder / kind).mkdir()
            spec.save(str(folder / kind))


def mel() -> Any:
    """Log-mel of nothing in particular, (1, 80, 3000) float32, within the range that speech has."""
    import numpy as np

    return np.random.default_rng(SEED).uniform(-1.0, 1.5, (1, 80, 3000)).astype(np.float32)


def ours(folder: Path, threads: int) -> Callable[[], int]:
    from whisper_onnx.bundle import Bundle
    from whisper_onnx.runtime import Runtime

    runtime = Runtime(Bundle.load(folder / "ours"), provider="cpu", slots=1, threads=threads)
    features = mel()

    def run() -> int:
        runtime.encode([0], features)
        row = runtime.prompt(0, PROMPT)[-1]
        for _ in range(STEPS - 1):
            row[END_OF_TEXT] = float("-inf")
            row = runtime.step([0], [int(row.argmax())])[0]
        return STEPS

    return run


def openai_whisper(folder: Path, threads: int) -> Callable[[], int]:
    import torch
    from whisper.decoding import PyTorchInference
    from whisper.model import ModelDimensions, Whisper

    from whisper_onnx.checkpoint import read_checkpoint

    torch.set_num_threads(threads)
    checkpoint = read_checkpoint(folder / "hf")
    d = checkpoint.dims
    model = Whisper(
        ModelDimensions(
            d.n_mels, d.n_audio_ctx, d.n_audio_state, d.n_audio_head, d.n_audio_layer,
            d.n_vocab, d.n_text_ctx, d.n_text_state, d.n_text_head, d.n_text_layer,
        )
    ).eval()  # fmt: skip
    state = {name: torch.from_numpy(array.copy()) for name, array in checkpoint.tensors.items()}
    missing = model.load_state_dict(state, strict=False).missing_keys
    assert all(key.endswith("mask") for key in missing), missing
    features = torch.from_numpy(mel())

    @torch.inference_mode()
    def run() -> int:
        audio = model.encoder(features)
        inference = PyTorchInference(model, len(PROMPT))
        tokens = torch.tensor([PROMPT])
        for _ in range(STEPS):
            logits = inference.logits(tokens, audio)[:, -1]
            logits[:, END_OF_TEXT] = float("-inf")
            tokens = torch.cat([tokens, logits.argmax(-1, keepdim=True)], dim=-1)
        inference.cleanup_caching()
        return tokens.shape[1] - len(PROMPT)

    return run


def ctranslate2(folder: Path, threads: int, kind: str) -> Callable[[], int]:
    import ctranslate2 as ct2

    model = ct2.models.Whisper(str(folder / kind), device="cpu", compute_type=kind, intra_threads=threads)
    features = mel()

    def run() -> int:
        encoded = model.encode(ct2.StorageView.from_array(features))
        result = model.generate(
            encoded,
            [list(PROMPT)],
            beam_size=1,
            max_length=2 * STEPS,
            suppress_blank=False,
            suppress_tokens=[END_OF_TEXT],
        )
        return len(result[0].sequences_ids[0])

    return run


def serve(peer: str, folder: Path, threads: int) -> None:
    """Run once for each line on standard input; answer seconds and the tokens made."""
    start = time.perf_counter()
    if peer == "ours fp32":
        run = ours(folder, threads)
    elif peer == "openai-whisper fp32":
        run = openai_whisper(folder, threads)
    else:
        run = ctranslate2(folder, threads, "int8" if peer.endswith("int8") else "float32")
    loaded = time.perf_counter() - start
    run()
    print(json.dumps({"load": loaded}), flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        tokens = run()
        seconds = time.perf_counter() - begin
        status = Path("/proc/self/status").read_text()
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        print(json.dumps({"seconds": seconds, "tokens": tokens, "peak_mib": peak / 1024}), flush=True)


def measure(folder: Path, threads: int, turns: int) -> dict[str, list[dict[str, float]]]:
    """Seconds of each peer in each turn."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    processes = {}
    # One after the other, so that loading does not disturb a neighbour.
    for peer in PEERS:
        process = subprocess.Popen(
            [sys.executable, __file__, "--peer", peer, "--folder", str(folder), "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        processes[peer] = process
    results: dict[str, list[dict[str, float]]] = {peer: [] for peer in PEERS}
    for turn in range(turns):
        for peer in PEERS[turn % len(PEERS) :] + PEERS[: turn % len(PEERS)]:
            process = processes[peer]
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            results[peer].append(json.loads(process.stdout.readline()))
    for process in processes.values():
        process.communicate()
    return results


def table(shape: str, results: dict[str, list[dict[str, float]]]) -> list[str]:
    """Markdown rows: median seconds, the median of the per-turn ratios to ours, tokens made, peak memory."""
    base = results[PEERS[0]]
    rows = []
    for peer, runs in results.items():
        pairs = zip(runs, base, strict=True)
        ratio = statistics.median(run["seconds"] / mine["seconds"] for run, mine in pairs)
        seconds = statistics.median(run["seconds"] for run in runs)
        rows.append(
            f"| {shape} | {peer} | {seconds:.3f} | {ratio:.2f} "
            f"| {runs[-1]['tokens']:.0f} | {runs[-1]['peak_mib']:.0f} |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", action="append", choices=sorted(SHAPES), help="default: tiny")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--save", type=Path, help="write the figures as JSON")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        serve(args.peer, args.folder, args.threads)
        return
    names = ("onnxruntime", "torch", "openai-whisper", "faster-whisper", "ctranslate2", "numpy")
    versions = {name: version(name) for name in names}
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before the run; {versions}")
    print(f"{args.threads} threads, encoder + prompt + {STEPS} tokens, {args.turns} interleaved turns\n")
    lines = [
        "| shape | engine | median s | ratio to ours | tokens | peak MiB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    figures: dict[str, Any] = {
        "versions": versions,
        "threads": args.threads,
        "load_before": load,
        "shapes": {},
    }
    for shape in args.shape or ["tiny"]:
        with tempfile.TemporaryDirectory() as scratch:
            write_weights(Path(scratch), shape)
            results = measure(Path(scratch), args.threads, args.turns)
        figures["shapes"][shape] = results
        lines += table(shape, results)
    print("\n".join(lines))
    if args.save:
        args.save.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
