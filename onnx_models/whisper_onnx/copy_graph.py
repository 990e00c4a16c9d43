"""The graph that copies arrays on the device: one Identity for each, with addresses bound on both sides."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import helper


def copy_graph(arrays: Mapping[str, tuple[type[np.generic], tuple[int, ...]]]) -> bytes:
    """The serialised graph: an input `NAME` and an output `NAME_copy` for each array, by type and shape."""
    nodes, inputs, outputs = [], [], []
    for name, (dtype, shape) in arrays.items():
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        nodes.append(helper.make_node("Identity", [name], [f"{name}_copy"], name=f"copy/{name}"))
        inputs.append(helper.make_tensor_value_info(name, kind, shape))
        outputs.append(helper.make_tensor_value_info(f"{name}_copy", kind, shape))
    graph = helper.make_graph(nodes, "copy", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    serialised: bytes = model.SerializeToString()
    return serialised
