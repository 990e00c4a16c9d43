"""A case's weights as transformers and faster-whisper want them, and the tokenizer that both read."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import ctranslate2.converters.transformers as ct2
import tokenizers
import torch
from tokenizers import AddedToken, decoders, models, pre_tokenizers, processors
from transformers import WhisperForConditionalGeneration

import whisper_onnx.tokenizer
from making_checkpoints import byte_letters, hugging_face_folder
from parity.cases import Case
from whisper_onnx.dims import Dims
from whisper_onnx.tokenizer import Tokenizer, load_vocabulary

__all__ = ["ctranslate2_folder", "hf_folder"]

_VOCAB: Final = Path(whisper_onnx.tokenizer.__file__).parent / "vocab"


def hf_folder(case: Case) -> Path:
    """A folder that `WhisperForConditionalGeneration.from_pretrained` reads, with its generation settings."""

    def write(folder: Path) -> None:
        hugging_face_folder(folder, case.dims, case.weights)
        config = json.loads((folder / "config.json").read_text()) | _token_ids(case.dims)
        config["architectures"] = ["WhisperForConditionalGeneration"]
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "generation_config.json").write_text(json.dumps(_generation(case.dims)))
        (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": case.dims.n_mels}))
        _tokenizer(case.dims).save(str(folder / "tokenizer.json"))

    return _made(case.made / "hf", write)


def ctranslate2_folder(case: Case, kind: Literal["float32", "int8"]) -> Path:
    """A folder that faster-whisper's `WhisperModel` reads, converted by CTranslate2's own loader."""

    def write(folder: Path) -> None:
        source = hf_folder(case)
        model = WhisperForConditionalGeneration.from_pretrained(source, dtype=torch.float32).eval()
        tokenizer = tokenizers.Tokenizer.from_file(str(source / "tokenizer.json"))
        with torch.no_grad():
            spec = ct2.WhisperLoader().get_model_spec(model)
            # Id 50256 is the empty token, by which CTranslate2 tells a multilingual model.
            names = [tokenizer.id_to_token(i) for i in range(case.dims.n_vocab)]
            spec.register_vocabulary(names)
            generation = _generation(case.dims)
            spec.config.suppress_ids = generation["suppress_tokens"]
            spec.config.suppress_ids_begin = generation["begin_suppress_tokens"]
            spec.config.lang_ids = sorted(generation.get("lang_to_id", {}).values())
            spec.config.alignment_heads = generation["alignment_heads"]
            spec.validate()
            spec.optimize(quantization=kind)
            spec.save(str(folder))
        for name in ("tokenizer.json", "preprocessor_config.json"):
            shutil.copy(source / name, folder / name)

    return _made(case.made / f"ct2-{kind}", write)


def _made(folder: Path, write: Callable[[Path], None]) -> Path:
    """The folder, complete: written under another name the first time."""
    if not folder.is_dir():
        temporary = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        write(temporary)
        temporary.rename(folder)
    return folder


def _speaker(dims: Dims) -> Tokenizer:
    return Tokenizer(dims.is_multilingual, dims.num_languages)


def _token_ids(dims: Dims) -> dict[str, Any]:
    tokenizer = _speaker(dims)
    return {
        "decoder_start_token_id": tokenizer.sot,
        "eos_token_id": tokenizer.eot,
        "bos_token_id": tokenizer.eot,
        "pad_token_id": tokenizer.eot,
    }


def _generation(dims: Dims) -> dict[str, Any]:
    """transformers' generation settings of a published Whisper, with openai-whisper's default rules."""
    tokenizer = _speaker(dims)
    suppressed = {
        *tokenizer.non_speech_tokens,
        *(tokenizer.transcribe, tokenizer.translate, tokenizer.sot, tokenizer.sot_prev, tokenizer.sot_lm),
        tokenizer.no_speech,
    }
    layers = range(dims.n_text_layer // 2, dims.n_text_layer)
    settings: dict[str, Any] = _token_ids(dims) | {
        "suppress_tokens": sorted(suppressed),
        "begin_suppress_tokens": [*tokenizer.encode(" "), tokenizer.eot],
        "alignment_heads": [[layer, head] for layer in layers for head in range(dims.n_text_head)],
        "is_multilingual": dims.is_multilingual,
        "max_initial_timestamp_index": 50,
        "max_length": dims.n_text_ctx,
        "no_timestamps_token_id": tokenizer.no_timestamps,
        "prev_sot_token_id": tokenizer.sot_prev,
        "return_timestamps": True,
    }
    if dims.is_multilingual:
        codes = zip(tokenizer.all_language_codes, tokenizer.all_language_tokens, strict=True)
        settings["lang_to_id"] = {f"<|{code}|>": token for code, token in codes}
        settings["task_to_id"] = {"transcribe": tokenizer.transcribe, "translate": tokenizer.translate}
    return settings


def _tokenizer(dims: Dims) -> tokenizers.Tokenizer:
    """The published vocabulary as a `tokenizers` file: byte pairs in the order of their ranks."""
    name: Literal["multilingual", "gpt2"] = "multilingual" if dims.is_multilingual else "gpt2"
    lines = (_VOCAB / f"{name}.tiktoken").read_text("ascii").splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}
    letters = byte_letters()

    def spelled(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    pairs: list[tuple[int, int, int, bytes, bytes]] = []
    for token, rank in ranks.items():
        halves = [(token[:i], token[i:]) for i in range(1, len(token))]
        known = [(a, b) for a, b in halves if a in ranks and b in ranks]
        pairs += [(rank, ranks[a], ranks[b], a, b) for a, b in known]
    merges = [(spelled(a), spelled(b)) for *_, a, b in sorted(pairs)]
    vocabulary = {spelled(token): rank for token, rank in ranks.items()}
    tokenizer = tokenizers.Tokenizer(models.BPE(vocabulary, merges, fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    special = load_vocabulary(name, dims.num_languages).special
    tokenizer.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in special])
    for text, token in special.items():
        assert tokenizer.token_to_id(text) == token, text
    return tokenizer
