"""The engine's README: its example is run as it stands, where nothing of the appliance can be imported."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import soundfile

ENGINE = Path(__file__).parents[3] / "onnx_models"
SPEECH = Path(__file__).parent / "speech" / "digits.flac"


def test_five_lines_lead_to_a_transcript_without_the_appliance(demo_bundle: Path, tmp_path: Path) -> None:
    example = re.search(
        r"```python\n(.*?)```", (ENGINE / "whisper_onnx" / "README.md").read_text(), re.DOTALL
    )
    assert example is not None
    assert len(example[1].splitlines()) <= 5
    samples, rate = soundfile.read(SPEECH, dtype="float32")
    soundfile.write(tmp_path / "interview.wav", samples, rate)
    (tmp_path / "onnx_models").mkdir()
    (tmp_path / "onnx_models" / "demo").symlink_to(demo_bundle)
    (tmp_path / "lent").mkdir()
    (tmp_path / "lent" / "whisper_onnx").symlink_to(ENGINE / "whisper_onnx")
    unseen = "import sys\nassert not any(name.partition('.')[0] == 'stenobox' for name in sys.modules)\n"
    done = subprocess.run(
        [sys.executable, "-P", "-c", example[1] + unseen],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "lent"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "even" in done.stdout
