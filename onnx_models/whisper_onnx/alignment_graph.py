"""Writes the graph that shows where the decoder looked: attention weights of the alignment heads.

The decoder's fused operators never give their attention weights away, so these are computed once more, from
the queries of a run over a finished text and the keys that the slot's cross-attention cache holds. The graph
has no weights of its own. Shapes as in graph.py; P positions of the audio are looked at.

`cross_query_i` [1, S, D] of the decoder and `cross_k_i` of the cache, shaped as in graph.py, for each layer i
that has alignment heads; `positions` [1] int64, P
    -> `attention` [heads, S, P] float32: in the order of `heads`, each row's sum is 1
An int8 cache comes with `cross_k_scale_i` [1, 1, D] float32, the value of one step in each channel.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import TensorProto

from .dims import Dims
from .graph_writer import Compute, GraphWriter

__all__ = ["alignment_graph"]


def alignment_graph(
    dims: Dims, heads: Sequence[tuple[int, int]], *, compute: Compute = "fp32", int8_keys: bool = False
) -> onnx.ModelProto:
    """`heads`: (layer, head) in rising order, at least one, as `Checkpoint.alignment_heads`.

    openai-whisper takes the softmax over the positions with content only, `find_alignment`.
    """
    w = GraphWriter({}, compute, "fp32")
    w.input("positions", TensorProto.INT64, [1])
    with w.scope("alignment"):
        layers = sorted({layer for layer, _ in heads})
        scores = []
        for layer in layers:
            with w.scope(f"blocks.{layer}"):
                wanted = [head for of, head in heads if of == layer]
                scores.append(_scores(w, dims, layer, wanted, int8_keys=int8_keys))
        together = w.node("Concat", scores, axis=1) if len(scores) > 1 else scores[0]
        weights = w.node("Softmax", [together], axis=-1)
        w.node("Squeeze", [weights, w.ints([0])], output="attention")
    w.output("attention", TensorProto.FLOAT, [len(heads), "S", "P"])
    return w.model("whisper_alignment")


def _scores(w: GraphWriter, dims: Dims, layer: int, heads: list[int], *, int8_keys: bool) -> str:
    """Scaled products of one layer's queries and keys, [1, heads, S, P] float32."""
    size = dims.text_head_dim
    query, key = f"cross_query_{layer}", f"cross_k_{layer}"
    w.input(query, w.dtype, [1, "S", dims.n_text_state])
    key_type = TensorProto.INT8 if int8_keys else w.dtype
    heads_apart: list[int | str] = [1, dims.n_text_head, dims.n_audio_ctx, size]
    w.input(key, key_type, [1, dims.n_audio_ctx, dims.n_text_state] if w.for_gpu else heads_apart)
    if int8_keys:
        scale = f"cross_k_scale_{layer}"
        w.input(scale, TensorProto.FLOAT, [1, 1, dims.n_text_state])
        query = w.node("Mul", [query, scale])
    by_head = _by_head(w, query, dims)
    if w.for_gpu:
        keys = _by_head(w, w.node("Slice", [key, w.ints([0]), "positions", w.ints([1])]), dims)
    else:
        keys = w.node("Slice", [key, w.ints([0]), "positions", w.ints([2])])
    if len(heads) < dims.n_text_head:
        by_head, keys = (w.node("Gather", [x, w.ints(heads)], axis=1) for x in (by_head, keys))
    if w.dtype != TensorProto.FLOAT:
        by_head = w.node("Cast", [by_head], to=TensorProto.FLOAT)
    if key_type != TensorProto.FLOAT:
        keys = w.node("Cast", [keys], to=TensorProto.FLOAT)
    return w.fused("FusedMatMul", [by_head, keys], transB=1, alpha=size**-0.5)


def _by_head(w: GraphWriter, x: str, dims: Dims) -> str:
    """[B, N, D] -> [B, H, N, d]."""
    split = w.node("Reshape", [x, w.ints([0, 0, dims.n_text_head, dims.text_head_dim])])
    return w.node("Transpose", [split], perm=[0, 2, 1, 3])
