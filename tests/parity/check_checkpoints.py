"""What torch and transformers write is what the engine reads: run with the Python of the bench environment.

    PYTHONPATH=onnx_models:tests .cache/bench-venv/bin/python tests/parity/check_checkpoints.py

Every family of models in every format, type and layout, value by value; the shapes of every published model
against openai-whisper's and transformers' own classes; Hugging Face's tokenizer files. Exit status 1 when
anything differs.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration, WhisperTokenizer
from whisper.model import ModelDimensions, Whisper, sinusoids

from making_checkpoints import FAMILIES, OFFICIAL, byte_letters, config, hugging_face_name
from whisper_onnx.checkpoint import expected_shapes, read_checkpoint
from whisper_onnx.dims import Dims
from whisper_onnx.hf_folder import _Sinusoids
from whisper_onnx.tokenizer import load_vocabulary

DTYPES = (torch.float16, torch.float32, torch.bfloat16, torch.float64)
State = dict[str, torch.Tensor]


def main() -> int:
    torch.set_num_threads(1)
    torch.manual_seed(1)
    warnings.simplefilter("ignore")
    failed = total = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, check in checks(Path(folder)):
            total += 1
            problem = check()
            failed += problem is not None
            sys.stdout.write(
                f"{'ok  ' if problem is None else 'FAIL'} {name}{'' if problem is None else f': {problem}'}\n"
            )
    sys.stdout.write(f"{total - failed} of {total} agree\n")
    return 1 if failed else 0


Check = Callable[[], str | None]


def checks(folder: Path) -> Iterator[tuple[str, Check]]:
    """Each check by name; it answers with what differs, or None."""
    for name, dims in OFFICIAL.items():
        yield f"shapes of {name}", partial(shapes, dims)
    yield "encoder positions", positions
    for family, dims in FAMILIES.items():
        state = random_state(dims)
        shared = views(state)
        for form, zipped in (("zip", True), ("legacy", False)):
            for dtype in DTYPES:
                cast = {key: value.to(dtype) for key, value in state.items()}
                for protocol in (2, 4):
                    label = f"{family}, torch.save {form} {dtype} protocol {protocol}"
                    yield label, partial(saved, folder, dims, cast, zipped, protocol)
            label = f"{family}, torch.save {form}, views of shared storages"
            yield label, partial(saved, folder, dims, shared, zipped, 2)
        for dtype in DTYPES[:3]:
            for shard in ("40GB", "9MB"):
                label = f"{family}, save_pretrained {dtype} in shards of {shard}"
                yield label, partial(pretrained, folder, dims, dtype, shard)


def random_state(dims: Dims) -> State:
    model = Whisper(ModelDimensions(**asdict(dims)))
    return {
        key: value if key == "encoder.positional_embedding" else torch.randn(value.shape) * 0.05
        for key, value in model.state_dict().items()
    }


def views(state: State) -> State:
    """The same values as torch may hold them: parts of one storage, transposed, cut columns."""
    result = dict(state)
    for key in [key for key in state if key.endswith("attn.query.weight")]:
        names = [key.replace("query", part) for part in ("query", "key", "value")]
        rows = torch.cat([state[name] for name in names]).chunk(3)
        columns = torch.cat([state[name] for name in names], dim=1).chunk(3, dim=1)
        result |= dict(zip(names, columns if "cross" in key else rows, strict=True))
    for key in [key for key in state if key.endswith("mlp.0.weight")]:
        result[key] = state[key].T.contiguous().T
    return result


def differing(dims: Dims, path: Path, expected: State) -> str | None:
    with read_checkpoint(path) as checkpoint:
        if checkpoint.dims != dims:
            return "dimensions"
        if checkpoint.tensors.keys() != expected.keys():
            return f"names {sorted(checkpoint.tensors.keys() ^ expected.keys())[:3]}"
        for name, array in checkpoint.tensors.items():
            own = torch.from_numpy(array.copy())
            wide = torch.float32 if expected[name].dtype == torch.bfloat16 else expected[name].dtype
            if own.dtype != wide or not torch.equal(own, expected[name].to(wide)):
                return name
    return None


def saved(folder: Path, dims: Dims, state: State, zipped: bool, protocol: int) -> str | None:
    path = folder / "model.pt"
    torch.save(
        {"dims": asdict(dims), "model_state_dict": state},
        path,
        _use_new_zipfile_serialization=zipped,
        pickle_protocol=protocol,
    )
    return differing(dims, path, state)


def pretrained(folder: Path, dims: Dims, dtype: torch.dtype, shard: str) -> str | None:
    path = folder / "hf"
    for old in path.glob("*") if path.is_dir() else ():
        old.unlink()
    model = WhisperForConditionalGeneration(WhisperConfig(**transformers_config(dims))).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.05)
    heads = [[dims.n_text_layer - 1, 0]]
    model.generation_config = GenerationConfig(alignment_heads=heads, **special_ids(dims))
    model.save_pretrained(path, max_shard_size=shard)
    tokenizer(dims).save_pretrained(path)
    if not (path / "tokenizer.json").is_file():
        return "transformers wrote no tokenizer.json"
    if (shard == "40GB") != (path / "model.safetensors").is_file():
        return "transformers did not cut the model as asked"
    written = model.state_dict()
    expected = {name: written[hugging_face_name(name)] for name in expected_shapes(dims)}
    if problem := differing(dims, path, expected):
        return problem
    with read_checkpoint(path) as checkpoint:
        return None if checkpoint.alignment_heads == tuple(map(tuple, heads)) else "alignment heads"


def transformers_config(dims: Dims) -> dict[str, Any]:
    values = config(dims)
    del values["model_type"]
    end = 50256 if not dims.is_multilingual else 50257
    return {
        **values,
        "pad_token_id": end,
        "bos_token_id": end,
        "eos_token_id": end,
        "decoder_start_token_id": end + 1,
    }


def special_ids(dims: Dims) -> dict[str, Any]:
    special = load_vocabulary("multilingual" if dims.is_multilingual else "gpt2", dims.num_languages).special
    ids: dict[str, Any] = {
        "decoder_start_token_id": special["<|startoftranscript|>"],
        "no_timestamps_token_id": special["<|notimestamps|>"],
        "prev_sot_token_id": special["<|startofprev|>"],
    }
    if dims.is_multilingual:
        ids["lang_to_id"] = {"<|en|>": special["<|en|>"], "<|su|>": special["<|su|>"]}
        ids["task_to_id"] = {task: special[f"<|{task}|>"] for task in ("transcribe", "translate")}
    return ids


def tokenizer(dims: Dims) -> WhisperTokenizer:
    """transformers' tokenizer over Whisper's vocabulary, its special tokens added."""
    vocabulary = load_vocabulary("multilingual" if dims.is_multilingual else "gpt2", dims.num_languages)
    letters = byte_letters()
    texts = {"".join(letters[b] for b in piece): rank for piece, rank in vocabulary.ranks.items()}
    if not dims.is_multilingual:
        texts["<|endoftext|>"] = vocabulary.special["<|endoftext|>"]
    made = WhisperTokenizer(vocab=texts, merges=[])
    made.add_special_tokens(
        {"additional_special_tokens": sorted(vocabulary.special, key=vocabulary.special.get)}
    )  # type: ignore[arg-type]
    return made


def shapes(dims: Dims) -> str | None:
    """`expected_shapes` against both libraries' models, made without memory for the values."""
    expected = expected_shapes(dims)
    with (
        torch.device("meta"),
        patch.object(torch.Tensor, "to_sparse", torch.Tensor.clone),
    ):  # no sparse ones there
        openai = Whisper(ModelDimensions(**asdict(dims))).state_dict()
        theirs = WhisperForConditionalGeneration(WhisperConfig(**transformers_config(dims))).state_dict()
    if {name: tuple(value.shape) for name, value in openai.items()} != expected:
        return "openai-whisper"
    renamed = {hugging_face_name(name): shape for name, shape in expected.items()}
    theirs.pop("proj_out.weight", None)
    if {name: tuple(value.shape) for name, value in theirs.items()} != renamed:
        return "transformers"
    return None


def positions() -> str | None:
    """Computed where a file leaves them out; torch's exponential may differ in the last bit, 1500-fold."""
    for width in (384, 512, 768, 1024, 1280):
        difference = np.abs(_Sinusoids((1500, width)).read() - sinusoids(1500, width).numpy()).max()
        if difference > 5e-4:
            return f"width {width}: {difference}"
    return None


if __name__ == "__main__":
    sys.exit(main())
