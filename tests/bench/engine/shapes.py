"""The official sizes of Whisper, as dimensions (OpenAI's model card)."""

from __future__ import annotations

from typing import Final

from whisper_onnx.dims import Dims

_LAYERS: Final = {  # state, heads, encoder layers, decoder layers, mels, vocabulary
    "tiny": (384, 6, 4, 4, 80, 51_865),
    "base": (512, 8, 6, 6, 80, 51_865),
    "small": (768, 12, 12, 12, 80, 51_865),
    "medium": (1024, 16, 24, 24, 80, 51_865),
    "large-v3": (1280, 20, 32, 32, 128, 51_866),
    "large-v3-turbo": (1280, 20, 32, 4, 128, 51_866),
}
SHAPES: Final = tuple(_LAYERS)


def dims_of(shape: str) -> Dims:
    """The dimensions of an official size."""
    state, heads, encoder, decoder, mels, vocabulary = _LAYERS[shape]
    return Dims(
        n_mels=mels,
        n_audio_ctx=1500,
        n_audio_state=state,
        n_audio_head=heads,
        n_audio_layer=encoder,
        n_vocab=vocabulary,
        n_text_ctx=448,
        n_text_state=state,
        n_text_head=heads,
        n_text_layer=decoder,
    )
