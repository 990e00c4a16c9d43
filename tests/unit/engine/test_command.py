"""`python -m whisper_onnx transcribe`: the transcript on stdout, errors on stderr and in the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from making_audio import encoded, wav
from whisper_onnx import WhisperModel
from whisper_onnx.__main__ import main

SPEECH = Path(__file__).parent / "speech" / "digits.flac"


def test_transcribe_prints_every_segment_with_its_times(
    demo_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples, _ = soundfile.read(SPEECH, dtype="float32")
    segments = WhisperModel(demo_bundle, slots=1).transcribe(samples, language="en").segments
    assert segments
    assert main(["transcribe", str(demo_bundle), str(SPEECH), "--language", "english"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"[{s.start:8.2f} --> {s.end:8.2f}]{s.text}" for s in segments]


def test_transcribe_reads_compressed_stereo_of_any_rate(
    demo_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples, _ = soundfile.read(SPEECH, dtype="float32")
    path = encoded(tmp_path / "speech.m4a", samples.repeat(3), rate=48_000)
    assert main(["transcribe", str(demo_bundle), str(path), "--language", "en"]) == 0
    assert "even" in capsys.readouterr().out


def test_transcribe_refuses_what_is_no_audio_and_options_that_are_wrong(
    demo_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "notes.wav"
    text.write_text("no audio at all\n" * 100)
    silent = wav(tmp_path / "empty.wav", samples=soundfile.read(SPEECH, dtype="float32")[0][:0])
    calls = {
        "cannot be read as audio": [str(text)],
        "No such file": [str(tmp_path / "none.wav")],
        "holds no audio": [str(silent)],
        "klingon": [str(SPEECH), "--language", "klingon"],
        "built for": [str(SPEECH), "--provider", "cuda"],
    }
    for said, call in calls.items():
        assert main(["transcribe", str(demo_bundle), *call]) == 1, said
        captured = capsys.readouterr()
        assert captured.out == ""
        assert said in captured.err
        assert captured.err.count("\n") == 1
    with pytest.raises(SystemExit) as wrong_call:
        main(["transcribe", str(demo_bundle), str(SPEECH), "--threads", "0"])
    assert wrong_call.value.code == 2
