"""Records openai-whisper's logits for one small model of each family, with `scrambled` weights.

    PYTHONPATH=onnx_models:tests ref/bin/python tests/golden/record_families.py

families.json: for each family of tests/making_checkpoints.py the values (tokens, columns) of every
COLUMN_STEP-th column of the logits after `scrambled_tokens`, for the window `scrambled_mel`; float32, on the
CPU.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from whisper.model import ModelDimensions, Whisper

from golden.scrambled import scrambled_mel, scrambled_tokens
from making_checkpoints import FAMILIES, tensors
from whisper_onnx.dims import Dims

COLUMN_STEP = 997
TOKENS = 5


def logits(dims: Dims) -> list[list[float]]:
    model = Whisper(ModelDimensions(**asdict(dims)))
    model.load_state_dict({name: torch.from_numpy(array) for name, array in tensors(dims).items()})
    mel = torch.from_numpy(scrambled_mel(dims.n_mels))[None]
    tokens = torch.tensor([scrambled_tokens(dims.n_vocab, TOKENS)])
    with torch.no_grad():
        return [[round(float(x), 6) for x in row] for row in model(mel, tokens)[0, :, ::COLUMN_STEP]]


if __name__ == "__main__":
    torch.set_num_threads(1)
    answers = {name: logits(dims) for name, dims in FAMILIES.items()}
    recorded = {"openai-whisper": version("openai-whisper"), "torch": torch.__version__, "logits": answers}
    Path(__file__).with_name("families.json").write_text(json.dumps(recorded, indent=1) + "\n")
