"""Records golden answers of openai-whisper, which the tests hold the engine to.

    python -m venv ref && ref/bin/pip install openai-whisper soundfile
    ref/bin/python tests/golden/record.py --checkpoint demo.pt --audio tests/data/speech

Run it again whenever the demo model or the recordings change; it replaces demo/ and tiny.npz, some 300
kB. Everything runs in float32 on the CPU, with temperature 0 only, so that nothing is drawn at random.

demo/index.json     checkpoint_sha256, versions, and for each recording: file (within the audio folder),
                    audio_sha256, language (as detected), text, segments (those of `transcribe`)
demo/NAME.npz       mel (n_mels, every MEL_STEP-th frame) of the recording followed by 30 s of silence;
                    encoder (every ENCODER_STEP-th position, state) of the first window;
                    tokens (S,) as given to the decoder; argmax (S,); logits (S, columns) and columns
tiny.npz            the same of the model with `scrambled` weights in OpenAI's tiny shape, and the window
                    `scrambled_mel`
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from scrambled import TINY, scrambled, scrambled_mel, scrambled_tokens  # noqa: E402

MEL_STEP = 31  # frames
ENCODER_STEP = 83  # positions
COLUMN_STEP = 997  # columns of the logits, besides the tokens that occur and the special ones
TINY_TOKENS = 60
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="the demo model, openai-whisper's .pt")
    parser.add_argument("--audio", type=Path, required=True, help="folder of 16 kHz mono recordings")
    parser.add_argument(
        "--most", type=int, default=8, help="recordings to take, evenly from the sorted names"
    )
    args = parser.parse_args()

    import torch  # only the recording needs these
    import whisper

    torch.set_num_threads(2)
    model = whisper.load_model(str(args.checkpoint), device="cpu").float()
    paths = sorted(p for p in args.audio.rglob("*") if p.suffix in SUFFIXES)
    if not paths:
        parser.error(f"{args.audio} holds no recordings ({', '.join(SUFFIXES)})")
    if len({path.stem for path in paths}) < len(paths):
        parser.error(f"two recordings in {args.audio} have the same name")
    picked = sorted({round(i * (len(paths) - 1) / max(1, args.most - 1)) for i in range(args.most)})

    shutil.rmtree(HERE / "demo", ignore_errors=True)
    (HERE / "demo").mkdir()
    index: dict[str, Any] = {
        "checkpoint_sha256": _sha256(args.checkpoint),
        "versions": {name: version(name) for name in ("openai-whisper", "torch")},
        "recordings": {},
    }
    for path in (paths[i] for i in picked):
        arrays, described = _recording(model, path)
        np.savez_compressed(HERE / "demo" / f"{path.stem}.npz", **arrays)
        described["file"] = path.relative_to(args.audio).as_posix()
        index["recordings"][path.stem] = described
        print(f"{path.name}: {len(described['segments'])} segments", flush=True)
    text = json.dumps(index, indent=1, ensure_ascii=False, sort_keys=True)
    (HERE / "demo" / "index.json").write_text(text + "\n")

    tiny = whisper.Whisper(whisper.model.ModelDimensions(**TINY)).eval()
    weights = {
        name: torch.from_numpy(scrambled(name, tuple(w.shape))) for name, w in tiny.state_dict().items()
    }
    tiny.load_state_dict(weights)
    mel = scrambled_mel(TINY["n_mels"])
    np.savez_compressed(
        HERE / "tiny.npz", **_passes(tiny, mel, scrambled_tokens(TINY["n_vocab"], TINY_TOKENS))
    )
    print("scrambled tiny: done")


def _recording(model: Any, path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    import soundfile
    import whisper

    audio, rate = soundfile.read(path, dtype="float32")
    if rate != whisper.audio.SAMPLE_RATE or audio.ndim != 1:
        sys.exit(f"{path} is not 16 kHz mono")
    mel = whisper.log_mel_spectrogram(audio, model.dims.n_mels, padding=whisper.audio.N_SAMPLES)
    window = whisper.pad_or_trim(mel, whisper.audio.N_FRAMES)
    language = max((probabilities := model.detect_language(window)[1]), key=probabilities.__getitem__)
    result = model.transcribe(audio, fp16=False, language="en", temperature=0.0, verbose=None)
    segments = [
        {
            key: segment[key]
            for key in ("seek", "start", "end", "text", "tokens", "avg_logprob", "no_speech_prob")
        }
        for segment in result["segments"]
    ]
    tokenizer = whisper.tokenizer.get_tokenizer(
        model.is_multilingual, num_languages=model.num_languages, language="en", task="transcribe"
    )
    spoken = [token for segment in segments if segment["seek"] == 0 for token in segment["tokens"]]
    # The window as `transcribe` gives it to the encoder: zeros, not silence, after the recording's end.
    content = whisper.pad_or_trim(mel[:, : len(audio) // whisper.audio.HOP_LENGTH], whisper.audio.N_FRAMES)
    passes = _passes(model, content.numpy(), [*tokenizer.sot_sequence, *spoken[:80]])
    described = {
        "audio_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "language": language,
        "text": result["text"],
        "segments": segments,
    }
    return {"mel": mel.numpy()[:, ::MEL_STEP], **passes}, described


def _passes(model: Any, mel: np.ndarray, tokens: list[int]) -> dict[str, np.ndarray]:
    """Encoder and teacher-forced decoder over one window, the parts of the results that are kept."""
    import torch

    with torch.no_grad():
        encoded = model.encoder(torch.from_numpy(mel)[None])
        logits = model.decoder(torch.tensor([tokens]), encoded)[0]
    special = [*range(50257, 50365), *range(50365, logits.shape[1], 100)]
    columns = np.unique([*range(0, logits.shape[1], COLUMN_STEP), *tokens, *special])
    return {
        "encoder": encoded[0, ::ENCODER_STEP].numpy(),
        "tokens": np.array(tokens),
        "argmax": logits.argmax(dim=-1).numpy(),
        "columns": columns,
        "logits": logits[:, columns].numpy(),
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
