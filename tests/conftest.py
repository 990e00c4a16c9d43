"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("stenobox", deadline=None)
settings.load_profile("stenobox")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def demo_bundle() -> Path:
    """The demo model's folder, or while there is none the bundle that STENOBOX_TEST_BUNDLE names."""
    demo = ROOT / "onnx_models" / "demo"
    folder = demo if (demo / "model.toml").is_file() else Path(os.environ.get("STENOBOX_TEST_BUNDLE", demo))
    assert (folder / "model.toml").is_file(), (
        f"{folder} holds no model; build one into {demo} or name one in STENOBOX_TEST_BUNDLE"
    )
    return folder
