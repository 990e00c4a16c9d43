"""Records what openai-whisper's `decode` finds by greedy, beam and best-of search; faster-whisper's prompts.

    ref/bin/python tests/golden/record_search.py --checkpoint demo.pt --audio tests/data/speech

As record.py, whose environment it uses with faster-whisper added; it replaces search.json. Float32 on the
CPU. Samples are drawn as the engine draws them, from numpy's generator by the inverse of the cumulative sum,
so that the rest of openai-whisper's sampling can be compared as well.

search.json     checkpoint_sha256, versions, and
    cases       for each "WINDOW NAME" of search_cases.py: tokens, avg_logprob, no_speech_prob,
                compression_ratio
    prompts     of faster-whisper: hotwords, previous (ids), without_timestamps, prefix, and the tokens
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from record import _sha256  # noqa: E402
from scrambled import TINY, scrambled  # noqa: E402
from search_cases import WINDOWS, cases, mel_of_scrambled, options_of, samples_of  # noqa: E402

_PROMPTS: tuple[dict[str, Any], ...] = (
    {"hotwords": "Stenobox Zurich", "previous": []},
    {"hotwords": " Ada Lovelace, Babbage ", "previous": [11, 12, 13]},
    {"hotwords": "Stenobox", "previous": [7], "without_timestamps": True},
    {"hotwords": "word " * 300, "previous": []},
    {"hotwords": None, "previous": list(range(300))},
    {"hotwords": "Stenobox", "previous": list(range(100, 300))},
)


class _Drawn:
    """In place of torch's Categorical: draws as whisper_onnx does."""

    random: np.random.Generator

    def __init__(self, logits: Any) -> None:
        self.logits = logits

    def sample(self) -> Any:
        import torch

        points = _Drawn.random.random(self.logits.shape[0])
        tokens = []
        for row, point in zip(self.logits.double().numpy(), points, strict=True):
            cumulative = np.exp(row - row.max()).cumsum()
            tokens.append(int(np.searchsorted(cumulative, point * cumulative[-1], side="right")))
        return torch.tensor(tokens)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="the demo model, openai-whisper's .pt")
    parser.add_argument("--audio", type=Path, required=True, help="folder of the speech clips")
    args = parser.parse_args()

    import torch  # only the recording needs these
    import whisper

    torch.set_num_threads(1)
    whisper.decoding.Categorical = _Drawn
    tiny = whisper.Whisper(whisper.model.ModelDimensions(**TINY)).eval()
    tiny.load_state_dict(
        {name: torch.from_numpy(scrambled(name, tuple(w.shape))) for name, w in tiny.state_dict().items()}
    )
    models = {"demo": whisper.load_model(str(args.checkpoint), device="cpu").float(), "tiny": tiny}
    encoded = {}
    for window, model in WINDOWS.items():
        mel = _mel(window, models[model], args.audio)
        with torch.no_grad():
            encoded[window] = models[model].encoder(mel[None])[0]
    recorded = {}
    for window, name in cases():
        options = options_of(window, name)
        _Drawn.random = np.random.default_rng((options.pop("seed", 0), 0, 0))
        result = whisper.decode(
            models[WINDOWS[window]],
            encoded[window],
            whisper.DecodingOptions(language="en", fp16=False, **options),
        )
        recorded[f"{window} {name}"] = {
            "tokens": result.tokens,
            "avg_logprob": result.avg_logprob,
            "no_speech_prob": result.no_speech_prob,
            "compression_ratio": result.compression_ratio,
        }
        print(f"{window} {name}: {len(result.tokens)} tokens", flush=True)
    answers = {
        "checkpoint_sha256": _sha256(args.checkpoint),
        "versions": {package: version(package) for package in ("openai-whisper", "torch", "faster-whisper")},
        "cases": recorded,
        "prompts": _faster_whisper_prompts(),
    }
    text = json.dumps(answers, sort_keys=True).replace('}, "', '},\n "').replace("}, {", "},\n {")
    (HERE / "search.json").write_text(text + "\n")


def _mel(window: str, model: Any, speech: Path) -> Any:
    import torch
    import whisper

    if window == "scrambled":
        return torch.from_numpy(mel_of_scrambled(model.dims.n_mels))
    samples = samples_of(window, speech)
    mel = whisper.log_mel_spectrogram(samples, model.dims.n_mels, padding=whisper.audio.N_SAMPLES)
    return whisper.pad_or_trim(mel[:, : len(samples) // whisper.audio.HOP_LENGTH], whisper.audio.N_FRAMES)


def _faster_whisper_prompts() -> list[dict[str, Any]]:
    import whisper
    from faster_whisper import WhisperModel

    tokenizer = whisper.tokenizer.get_tokenizer(True, num_languages=99, language="en", task="transcribe")
    # The part of its tokenizer and model that get_prompt reads, under the names it has there.
    facade = SimpleNamespace(
        encode=tokenizer.encode,
        sot_prev=tokenizer.sot_prev,
        sot_sequence=list(tokenizer.sot_sequence),
        no_timestamps=tokenizer.no_timestamps,
        timestamp_begin=tokenizer.timestamp_begin,
    )
    recorded = []
    for case in _PROMPTS:
        tokens = WhisperModel.get_prompt(
            SimpleNamespace(max_length=448),
            facade,
            case["previous"],
            without_timestamps=case.get("without_timestamps", False),
            hotwords=case["hotwords"],
        )
        recorded.append({**case, "tokens": tokens})
    return recorded


if __name__ == "__main__":
    main()
