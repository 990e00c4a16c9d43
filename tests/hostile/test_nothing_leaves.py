"""onnxruntime tells its maker about the machine and its models unless it is kept from it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USING_A_MODEL = """
import sys
import numpy as np
from whisper_onnx import WhisperModel
WhisperModel(sys.argv[1]).transcribe(np.zeros(16_000, np.float32), language="en")
"""
# Where it runs for continuous integration onnxruntime keeps quiet by itself, which is not what a box sees.
QUIETENING = re.compile(
    r"CI|.*_CI|CI_.*|BUILD_.*|GITHUB_.*|GITLAB_.*|JENKINS_.*|ORT_.*|TF_BUILD|TEAMCITY_.*|TRAVIS"
)


def left_at_home(home: Path, program: str) -> list[str]:
    """Names of what a program that was given the demo model leaves in its home, folders included."""
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not QUIETENING.fullmatch(name)}
    kept |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    path = os.pathsep.join(part for part in sys.path if part)
    subprocess.run(
        [sys.executable, "-c", program, str(ROOT / "onnx_models" / "demo")],
        env=kept | {"PYTHONPATH": path},
        check=True,
        timeout=120,
    )
    return sorted(str(path.relative_to(home)) for path in home.rglob("*"))


def test_the_engine_keeps_onnxruntime_from_reporting_to_its_maker(tmp_path: Path) -> None:
    # An identifier of the machine and a queue of reports would lie here, sent or not.
    assert left_at_home(tmp_path / "home", USING_A_MODEL) == []


def test_the_installed_onnxruntime_knows_the_switch_that_we_set() -> None:
    # Not by trying without it: that would send a report.
    spec = find_spec("onnxruntime")
    assert spec is not None and spec.origin is not None
    libraries = [*Path(spec.origin).parent.glob("capi/*.so*")]
    assert any(b"ORT_DISABLE_TELEMETRY" in path.read_bytes() for path in libraries)


def test_only_the_runtime_module_imports_onnxruntime() -> None:
    importing = re.compile(r"^\s*(import onnxruntime|from onnxruntime)", re.MULTILINE)
    found = [
        path.relative_to(ROOT).as_posix()
        for folder in ("daemon", "onnx_models")
        for path in (ROOT / folder).rglob("*.py")
        if importing.search(path.read_text())
    ]
    assert found == ["onnx_models/whisper_onnx/runtime.py"]
