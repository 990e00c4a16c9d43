"""Records log-mel features and token ids from openai-whisper, as the tests of both compare with.

    python tests/golden/record_features_and_tokens.py

Needs an environment with openai-whisper (20250625 was used), torch, tiktoken and soundfile; nothing that runs
needs them. Writes features.npz and tokenizer.json beside this file:

features.npz    samples: (24000,) int16, 1.5 s of speech from tests/unit/engine/speech/
                filters_80, filters_128: the mel filter banks, (n_mels, 201)
                padded_80, padded_128: log-mel with 30 s of padding, its first 200 frames, (n_mels, 200)
                whole_80: log-mel without padding, (80, 150)
tokenizer.json  for each vocabulary: texts with their ids, special ids, words of some texts
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import soundfile
import torch
from whisper.audio import N_SAMPLES, log_mel_spectrogram, mel_filters
from whisper.tokenizer import get_tokenizer

HERE = Path(__file__).parent
SPEECH = HERE.parent / "unit" / "engine" / "speech" / "digits.flac"

SENTENCES = (
    "",
    " ",
    "Hello, world!",
    " The quick brown fox jumps over the lazy dog.",
    "I'm sure they'll say we've won, but he'd rather you're not; it's DON'T or Don't.",
    "  several   spaces \n\n and\tlines  \r\n",
    "1234567890 3.14159 £20 50% 2026-11-23",
    "Ein Öltanker fährt über die Spree; der Fuß schmerzt.",
    "Où êtes-vous allés hier, à Nîmes ?",
    "これはテストです。東京都に行きました。",
    "今天天气很好，我们去公园吧。",  # noqa: RUF001
    "สวัสดีครับ วันนี้อากาศดี",
    "Привет, как дела? Всё хорошо!",
    "مرحبا بالعالم، كيف حالك؟",
    "नमस्ते दुनिया",
    "안녕하세요 세계",
    "emoji 😀👩‍👩‍👧‍👦🇩🇪 and ♪♪ music ♫",
    "\u0301combining e\u0301, zero\u200bwidth, nbsp\u00a0here",
    "「括弧」『二重』 -- ((( [[ {{ << >> ♯♭",
    "antidisestablishmentarianism supercalifragilisticexpialidocious",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
)
LANGUAGES = ("en", "de", "ja", "zh", "th", "ru", "ar", None)


def texts() -> list[str]:
    """Sentences of many scripts, and random strings of fixed seed."""
    draw = random.Random(20250625)
    ranges = ((32, 127), (0xA1, 0x250), (0x370, 0x500), (0x900, 0x980), (0xE01, 0xE5B), (0x3041, 0x30FF))
    pool = [chr(c) for low, high in (*ranges, (0x4E00, 0x4F00), (0x1F600, 0x1F640)) for c in range(low, high)]
    ascii_pool = [*map(chr, range(32, 127)), *"  \n\t'"]
    chosen = [
        "".join(draw.choice(ascii_pool if i % 2 else pool) for _ in range(draw.randint(1, 40)))
        for i in range(60)
    ]
    return [*SENTENCES, *chosen]


def features() -> None:
    samples, _ = soundfile.read(SPEECH, dtype="int16")
    samples = samples[8000:32000]
    audio = torch.from_numpy(samples.astype(np.float32) / 32768)
    arrays = {"samples": samples, "whole_80": log_mel_spectrogram(audio, 80).numpy()}
    for n_mels in (80, 128):
        arrays[f"filters_{n_mels}"] = mel_filters("cpu", n_mels).numpy()
        arrays[f"padded_{n_mels}"] = log_mel_spectrogram(audio, n_mels, padding=N_SAMPLES).numpy()[:, :200]
    np.savez_compressed(HERE / "features.npz", **arrays)


def vocabulary(multilingual: bool, num_languages: int) -> dict[str, object]:
    tokenizer = get_tokenizer(multilingual, num_languages=num_languages)
    names = ("eot", "sot", "translate", "transcribe", "sot_lm", "sot_prev", "no_speech")
    names += ("no_timestamps", "timestamp_begin")
    encoded = [(text, tokenizer.encode(text)) for text in texts()]
    words = []
    for language in LANGUAGES if multilingual else (None,):
        speaker = get_tokenizer(multilingual, num_languages=num_languages, language=language)
        for _, ids in encoded[: len(SENTENCES)]:
            words.append((language, ids, *speaker.split_to_word_tokens(ids)))
    broken = [ids[1:-1] for _, ids in encoded if len(ids) > 3]
    return {
        "multilingual": multilingual,
        "num_languages": num_languages,
        "n_vocab": tokenizer.encoding.n_vocab,
        "special": {name: getattr(tokenizer, name) for name in names},
        "languages": dict(
            sorted(zip(tokenizer.all_language_codes, tokenizer.all_language_tokens, strict=True))
        ),
        "non_speech_tokens": tokenizer.non_speech_tokens,
        "sot_sequences": [
            (
                language,
                task,
                get_tokenizer(
                    multilingual, num_languages=num_languages, language=language, task=task
                ).sot_sequence_including_notimestamps,
            )
            for language in LANGUAGES
            for task in ("transcribe", "translate", None)
        ],
        "encoded": encoded,
        "decoded": [
            (ids, tokenizer.decode(ids), tokenizer.decode_with_timestamps(ids))
            for ids in (
                *broken,
                [tokenizer.timestamp_begin + 54, 262, tokenizer.timestamp_begin + 1500],
                [tokenizer.sot, 262, 262],
            )
        ],
        "words": words,
    }


if __name__ == "__main__":
    features()
    data = [vocabulary(True, 99), vocabulary(True, 100), vocabulary(False, 99)]
    (HERE / "tokenizer.json").write_text(json.dumps(data, ensure_ascii=True, indent=None) + "\n")
