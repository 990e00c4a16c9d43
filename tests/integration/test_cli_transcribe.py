"""`stenobox transcribe`, `models`, `doctor`, `check-config` as real processes: output, errors, exit codes."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import termios
import tomllib
from collections.abc import Callable
from pathlib import Path

import docx
import numpy as np
import pytest

from harness.stereo import call_of
from making_audio import speech, wav
from making_checkpoints import SMALL, openai_file, tensors

Command = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).resolve().parents[2]
SENTENCE = "The black computer is on the right."


@pytest.fixture
def environment(tmp_path: Path, demo_bundle: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT / "daemon"), str(ROOT / "onnx_models")]),
        "STENOBOX_DATA": str(tmp_path / "data"),
        "STENOBOX_MODELS_PATH": str(demo_bundle),
        "STENOBOX_MODELS_THREADS": "1",
        "STENOBOX_UPLOADS_RESERVE_BYTES": "0",
    }


@pytest.fixture
def stenobox(environment: dict[str, str], tmp_path: Path) -> Command:
    """Runs the command and returns what came of it."""

    def run(*arguments: object, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stenobox", *map(str, arguments)],
            env=environment | changes,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    return speech(tmp_path / "talk.wav", SENTENCE)


def one_line_error(result: subprocess.CompletedProcess[str]) -> str:
    """The only line on stderr; never a traceback."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("stenobox: ")
    return lines[0]


def test_one_file_gives_its_text_on_stdout_and_nothing_else(stenobox: Command, talk: Path) -> None:
    result = stenobox("transcribe", talk, "--model", "demo", "--language", "en")
    assert (result.returncode, result.stderr) == (0, "")
    assert "computer" in result.stdout.lower()
    assert not (talk.parent / "data").exists()  # no database, no data folder


def test_every_format_holds_the_same_words(stenobox: Command, talk: Path) -> None:
    text = stenobox("transcribe", talk, "--language", "en").stdout.strip()
    assert text
    srt = stenobox("transcribe", talk, "--language", "English", "--format", "srt").stdout
    assert srt.startswith("1\n00:00:0")
    assert "-->" in srt
    vtt = stenobox("transcribe", talk, "--language", "en", "--format", "vtt").stdout
    assert vtt.startswith("WEBVTT")
    document = json.loads(stenobox("transcribe", talk, "--language", "en", "--format", "json").stdout)
    assert document["text"] == text
    assert document["language"] == "en"
    assert document["provenance"]["model"] == "demo"
    for segment in document["segments"]:
        assert segment["text"] in srt
        assert segment["text"] in vtt


def test_a_call_can_have_lines_for_each_channel_and_times_of_words(stenobox: Command, tmp_path: Path) -> None:
    call = tmp_path / "call.wav"
    call.write_bytes(call_of("Two four seven four.", "One five seven two."))
    mixed = stenobox("transcribe", call, "--language", "en", "--format", "json")
    assert {segment["channel"] for segment in json.loads(mixed.stdout)["segments"]} == {None}
    split = stenobox("transcribe", call, "--language", "en", "--channels", "split", "--format", "json")
    assert split.returncode == 0, split.stderr
    assert [(s["channel"], s["text"]) for s in json.loads(split.stdout)["segments"]] == [
        (0, "Two four seven four."),
        (1, "One five seven two."),
    ]
    timed = stenobox("transcribe", call, "--language", "en", "--words", "--format", "json")
    for segment in json.loads(timed.stdout)["segments"]:
        assert "".join(word["word"] for word in segment["words"]).strip() == segment["text"]
    text = stenobox("transcribe", call, "--language", "en", "--channels", "split")
    assert text.stdout == "Channel 1: Two four seven four.\nChannel 2: One five seven two.\n"


def test_the_language_is_detected_when_none_is_given(stenobox: Command, talk: Path) -> None:
    document = json.loads(stenobox("transcribe", talk, "--format", "json").stdout)
    assert document["language"]


def test_several_files_give_transcripts_beside_them(stenobox: Command, talk: Path, tmp_path: Path) -> None:
    other = speech(tmp_path / "numbers.wav", "Eight five nine seven.")
    result = stenobox("transcribe", talk, other, "--language", "en", "--format", "srt")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (tmp_path / "talk.srt").read_text().startswith("1\n")
    assert (tmp_path / "numbers.srt").read_text().startswith("1\n")


def test_output_may_be_a_folder_a_file_or_stdout(stenobox: Command, talk: Path, tmp_path: Path) -> None:
    on_stdout = stenobox("transcribe", talk, "--language", "en", "--output", "-").stdout
    assert on_stdout
    assert stenobox("transcribe", talk, "--language", "en", "--output", "new/").returncode == 0
    assert (tmp_path / "new" / "talk.txt").read_text() == on_stdout
    assert stenobox("transcribe", talk, "--language", "en", "--output", "named.txt").returncode == 0
    assert (tmp_path / "named.txt").read_text() == on_stdout


def test_a_bad_file_costs_only_itself(stenobox: Command, talk: Path, tmp_path: Path) -> None:
    text = tmp_path / "minutes.wav"
    text.write_text("Dear all, please find the minutes below.\n" * 20)
    empty = tmp_path / "empty.wav"
    empty.touch()
    result = stenobox("transcribe", empty, talk, text, "missing.mp3", "--language", "en", "--output", "out/")
    assert result.returncode == 1
    assert (tmp_path / "out" / "talk.txt").read_text().strip()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["talk.txt"]
    lines = result.stderr.splitlines()
    assert [line.split(": ")[1].rpartition("/")[2] for line in lines] == [
        "empty.wav",
        "minutes.wav",
        "missing.mp3",
    ]
    assert "no bytes" in lines[0]
    assert "not in an audio" in lines[1]
    assert "No such file" in lines[2]


def test_a_truncated_recording_is_transcribed_with_a_warning(stenobox: Command, talk: Path) -> None:
    os.truncate(talk, talk.stat().st_size * 3 // 4)
    result = stenobox("transcribe", talk, "--language", "en")
    assert result.returncode == 0
    assert result.stdout.strip()
    assert "ends before its announced end" in one_line_error(result)


def test_silence_gives_an_empty_transcript(stenobox: Command, tmp_path: Path) -> None:
    silence = wav(tmp_path / "silence.wav", np.zeros(16_000 * 40, np.float32))
    result = stenobox("transcribe", silence, "--language", "en", "--format", "json")
    assert result.returncode == 0
    assert json.loads(result.stdout)["segments"] == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--model", "large-v9"), "Installed: demo"),
        (("--language", "klingon"), "'klingon'"),
        (("--output", "talk.wav"), "overwrite"),
    ],
)
def test_a_wrong_call_begins_nothing(
    stenobox: Command, talk: Path, arguments: tuple[str, ...], expected: str
) -> None:
    before = talk.read_bytes()
    result = stenobox("transcribe", talk, *arguments)
    assert result.returncode == 2
    assert expected in one_line_error(result)
    assert talk.read_bytes() == before


def test_transcripts_that_would_overwrite_each_other_are_refused(
    stenobox: Command, talk: Path, tmp_path: Path
) -> None:
    twin = shutil.copy(talk, tmp_path / "talk.wave")
    result = stenobox("transcribe", talk, twin)
    assert result.returncode == 2
    assert "would overwrite" in one_line_error(result)


def test_a_word_document_goes_beside_its_recording_rather_than_to_the_terminal(
    stenobox: Command, talk: Path
) -> None:
    result = stenobox("transcribe", talk, "--language", "en", "--format", "docx")
    assert (result.returncode, result.stdout) == (0, "")
    document = docx.Document(str(talk.with_suffix(".docx")))
    assert document.paragraphs[0].text == talk.stem
    assert len(document.paragraphs) > 2


def test_an_unknown_option_or_format_is_a_wrong_call(stenobox: Command, talk: Path) -> None:
    assert stenobox("transcribe", talk, "--format", "pdf").returncode == 2
    assert stenobox("transcribe").returncode == 2


def test_a_folder_that_cannot_be_written_is_told(stenobox: Command, talk: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = stenobox("transcribe", talk, "--language", "en", "--output", "file/talk.txt")
    assert result.returncode == 1
    assert "cannot be written" in one_line_error(result)


def test_a_terminal_gets_a_progress_bar_on_stderr(
    environment: dict[str, str], talk: Path, tmp_path: Path
) -> None:
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    process = subprocess.Popen(
        [sys.executable, "-m", "stenobox", "transcribe", str(talk), "--language", "en"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    try:
        while part := os.read(master, 4096):
            shown += part
    except OSError:  # the terminal's other end is closed
        pass
    assert process.stdout is not None
    text = process.stdout.read().decode()
    process.stdout.close()
    os.close(master)
    assert process.wait() == 0
    assert b"transcribing" in shown
    assert b"100%" in shown
    assert "transcribing" not in text


def test_models_list_and_verify_tell_whole_from_broken(
    stenobox: Command, tmp_path: Path, demo_bundle: Path
) -> None:
    listed = stenobox("models", "list")
    assert listed.returncode == 0
    assert listed.stdout.startswith("demo (default)\tcpu-fp32\t")
    assert stenobox("models", "verify").returncode == 0
    broken = tmp_path / "broken"
    shutil.copytree(demo_bundle, broken)
    graph = broken / "encoder.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    verified = stenobox("models", "verify", "demo", STENOBOX_MODELS_PATH=str(broken))
    assert verified.returncode == 1
    assert "encoder.onnx" in verified.stdout
    unknown = stenobox("models", "verify", "large")
    assert unknown.returncode == 2
    assert "large" in one_line_error(unknown)


def test_models_build_makes_a_model_that_the_box_can_use(
    stenobox: Command, talk: Path, tmp_path: Path
) -> None:
    checkpoint = openai_file(tmp_path / "small.pt", SMALL, tensors(SMALL, np.float16))
    built = stenobox("models", "build", checkpoint, "--name", "mine", "--weights", "fp16")
    assert (built.returncode, built.stderr) == (0, "")
    assert "mine\tcpu-fp32\t" in stenobox("models", "list").stdout
    assert stenobox("models", "verify", "mine").returncode == 0
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    again = stenobox("models", "build", checkpoint, "--name", "mine")
    assert again.returncode == 1
    assert "exists already" in one_line_error(again)


def test_models_build_refuses_what_is_no_checkpoint(stenobox: Command, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_text("no checkpoint")
    result = stenobox("models", "build", tmp_path / "a.pt", "--output", tmp_path / "out")
    assert result.returncode == 1
    assert "a.pt is not" in one_line_error(result)
    assert not (tmp_path / "out").exists()
    escaping = stenobox("models", "build", tmp_path / "a.pt", "--name", "../out")
    assert escaping.returncode == 2
    assert "no name for a model" in one_line_error(escaping)


def test_doctor_is_content_with_a_sound_machine(stenobox: Command) -> None:
    result = stenobox("doctor")
    assert result.returncode == 0, result.stdout
    words = [line.split()[:2] for line in result.stdout.splitlines()]
    assert [name for _, name in words] == [
        "settings",
        "python",
        "decoder",
        "onnxruntime",
        "data",
        "disk",
        "model",
        "audit",
        "webhooks",
        "mail",
        "https",
        "proxies",
        "limits",
        "metrics",
        "sessions",
    ]
    assert {verdict for verdict, _ in words} <= {"OK", "WARN"}
    decoder = next(line for line in result.stdout.splitlines() if line.split()[1] == "decoder")
    assert "seccomp" in decoder or "Landlock" in decoder, "it says what the decoder is kept in"


def test_doctor_fails_with_advice_for_a_broken_model_and_a_full_disk(
    stenobox: Command, tmp_path: Path, demo_bundle: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(demo_bundle, broken)
    (broken / "encoder.onnx").unlink()
    result = stenobox("doctor", STENOBOX_MODELS_PATH=str(broken), STENOBOX_UPLOADS_RESERVE_BYTES=str(1 << 60))
    assert result.returncode == 1
    failed = {line.split()[1]: line for line in result.stdout.splitlines() if line.startswith("FAIL")}
    assert set(failed) == {"model", "disk"}
    assert "encoder.onnx" in failed["model"]
    assert "uploads.reserve_bytes" in failed["disk"]


def test_doctor_says_what_is_wrong_with_the_settings(stenobox: Command) -> None:
    result = stenobox("doctor", STENOBOX_MODELS_SLOTS="many")
    assert result.returncode == 1
    assert result.stdout.startswith("FAIL")
    assert "STENOBOX_MODELS_SLOTS" in result.stdout


def test_doctor_warns_of_a_data_folder_that_others_can_read(stenobox: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data").chmod(0o755)
    result = stenobox("doctor")
    assert result.returncode == 0
    assert any(line.startswith("WARN") and "chmod 700" in line for line in result.stdout.splitlines())


def test_check_config_prints_settings_that_read_back_the_same(stenobox: Command, tmp_path: Path) -> None:
    result = stenobox("check-config", STENOBOX_LISTEN_PORT="9999")
    assert result.returncode == 0
    document = tomllib.loads(result.stdout)
    assert document["listen"]["port"] == 9999
    assert document["data"] == str(tmp_path / "data")
    (tmp_path / "again.toml").write_text(result.stdout)
    again = stenobox("check-config", "--config", tmp_path / "again.toml", STENOBOX_LISTEN_PORT="9999")
    assert again.stdout == result.stdout


def test_check_config_names_an_unknown_key_and_the_nearest_one(stenobox: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[uploads]\nmax_byte = 5\n")
    result = stenobox("check-config", "--config", tmp_path / "bad.toml")
    assert result.returncode == 2
    assert "uploads.max_bytes" in one_line_error(result)
