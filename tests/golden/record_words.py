"""Records openai-whisper's word timestamps, and what clips and its hallucination rule make of a recording.

    ref/bin/python tests/golden/record_words.py --checkpoint demo.pt --audio tests/data/speech

As record.py, whose environment it uses; it replaces words.json, some 250 kB. Temperature 0 only, float32.

words.json          checkpoint_sha256, versions; merged: TEXTS cut into words; and for each of the cases:
                    recording (a clip's name, or "long": that of long_recording.py), options (those of
                    `transcribe`), language, text, segments; a word is [word, start, end, probability]
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from long_recording import long_recording  # noqa: E402
from record import _sha256  # noqa: E402

_CLIPS = "2.5,11.75,20,20,63.2,64,30,41,100"  # one empty, one going back, the last open
# Language -> text whose words and marks are put together.
TEXTS: dict[str, str] = {
    "en": " He said: \"Don't (ever) go - it's 5.30!\" [Laughs] Well... {yes}, \"no\"; $3,50? -- O'Neill's.",
    "de": " „Guten Tag“, sagte er. »Wie geht’s?« Die E-Mail (vom 3. Mai) kam – leider – zu spät!",  # noqa: RUF001
    "es": " ¿Qué tal? ¡Hola! Ella dijo: “¿Y tú?” (nada) 1.000,50 euros.",
    "fr": " L'été, « c'est-à-dire » : l'ami d'Éric ; voilà !",
    "zh": "他说：“你好！今天(星期三)去吗？”、好的。我有3个苹果，谢谢。",  # noqa: RUF001
    "ja": "「こんにちは」、元気ですか？はい、元気です。東京タワー(333m)！",  # noqa: RUF001
    "th": "สวัสดีครับ (คุณ) สบายดีไหม? ใช่!",
    "my": "မင်္ဂလာပါ။ နေကောင်းလား?",
    "yue": "佢話：「你好呀！」係咪？𠮷野家。",  # noqa: RUF001
    "ru": " «Привет», — сказал он. Как дела? (хорошо)",
    "ar": ' قال: "مرحبا" (صديقي)، كيف حالك؟',
    "hi": " नमस्ते! आप कैसे हैं? (ठीक)।",
    "ko": ' "안녕하세요," 그는 말했다. (네) 좋아요!',
}
# Case -> options besides word_timestamps, language and temperature.
LONG_CASES: dict[str, dict[str, Any]] = {
    "long": {},
    "long-unconditioned": {"condition_on_previous_text": False},
    "long-hallucinations": {"hallucination_silence_threshold": 1.0},
    "long-hallucinations-strict": {
        "hallucination_silence_threshold": 0.2,
        "condition_on_previous_text": False,
        "no_speech_threshold": None,
    },
    "long-clips": {"clip_timestamps": _CLIPS},
    "long-clips-list": {"clip_timestamps": [12.0, 33.0, 50.0, 71.01]},
    "long-clips-hallucinations": {"clip_timestamps": _CLIPS, "hallucination_silence_threshold": 0.5},
    "long-no-timestamps": {"without_timestamps": True},
    "long-unspaced": {"language": "zh"},
    "long-own-marks": {
        "prepend_punctuations": "",
        "append_punctuations": ".",
        "initial_prompt": "Well, yes.",
        "carry_initial_prompt": True,
    },
    "long-clips-without-words": {"clip_timestamps": _CLIPS, "word_timestamps": False},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="the demo model, openai-whisper's .pt")
    parser.add_argument("--audio", type=Path, required=True, help="folder of the speech clips")
    args = parser.parse_args()

    import soundfile  # only the recording needs these
    import torch
    import whisper

    torch.set_num_threads(1)
    model = whisper.load_model(str(args.checkpoint), device="cpu").float()
    cases: dict[str, Any] = {}

    def record(case: str, recording: str, audio: Any, options: dict[str, Any]) -> None:
        result = model.transcribe(
            audio,
            fp16=False,
            **{"temperature": 0.0, "language": "en", "word_timestamps": True, **options},
        )
        cases[case] = {
            "recording": recording,
            "options": options,
            "language": result["language"],
            "text": result["text"],
            "segments": [_segment(segment) for segment in result["segments"]],
        }
        print(f"{case}: {len(result['segments'])} segments", flush=True)

    for path in sorted(args.audio.glob("*.flac")):
        record(path.stem, path.stem, soundfile.read(path, dtype="float32")[0], {})
    audio = long_recording(args.audio)
    for case, options in LONG_CASES.items():
        record(case, "long", audio, options)
    index = {
        "merged": {language: _merged(model, language) for language in TEXTS},
        "checkpoint_sha256": _sha256(args.checkpoint),
        "versions": {name: version(name) for name in ("openai-whisper", "torch")},
        "cases": cases,
    }
    text = json.dumps(index, indent=None, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    # A line for each segment, so that a change shows where it is.
    (HERE / "words.json").write_text(text.replace('{"avg_logprob"', '\n{"avg_logprob"') + "\n")


def _merged(model: Any, language: str) -> list[str]:
    """The words of the language's text with their marks; those that went into another one are empty."""
    from whisper.timing import WordTiming, merge_punctuations
    from whisper.tokenizer import get_tokenizer

    tokenizer = get_tokenizer(model.is_multilingual, num_languages=100, language=language, task="transcribe")
    words, groups = tokenizer.split_to_word_tokens(tokenizer.encode(TEXTS[language]))
    timings = [WordTiming(word, group, 0.0, 0.0, 0.0) for word, group in zip(words, groups, strict=True)]
    merge_punctuations(timings, "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、")  # noqa: RUF001  # `transcribe`'s defaults
    assert "".join(timing.word for timing in timings) == TEXTS[language]
    return [timing.word for timing in timings]


def _segment(segment: dict[str, Any]) -> dict[str, Any]:
    names = ("seek", "start", "end", "text", "tokens", "avg_logprob", "no_speech_prob")
    kept = {name: segment[name] for name in names}
    if "words" in segment:
        kept["words"] = [
            [word["word"], float(word["start"]), float(word["end"]), round(float(word["probability"]), 6)]
            for word in segment["words"]
        ]
    return kept


if __name__ == "__main__":
    main()
