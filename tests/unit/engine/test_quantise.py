"""8-bit weights: how far what is stored is from the matrix, and how far an int8 model is from float32."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from golden.scrambled import scrambled_mel, scrambled_tokens
from making_checkpoints import SMALL, hugging_face_folder, tensors
from whisper_onnx.build import build
from whisper_onnx.bundle import Bundle
from whisper_onnx.quantise import dequantised_blocks, quantise_blocks, quantise_channels
from whisper_onnx.runtime import Runtime

MATRICES = arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.integers(1, 70)),
    elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
)
TOKENS = scrambled_tokens(SMALL.n_vocab, 60)


@given(weight=MATRICES, block=st.sampled_from([16, 32]))
@settings(deadline=None)
def test_a_value_in_blocks_is_off_by_half_a_step_or_at_the_far_end_by_one(
    weight: NDArray[np.float32], block: int
) -> None:
    stored, scales = quantise_blocks(weight, block)
    assert stored.shape == (len(weight), -(-weight.shape[1] // block), block)
    back = dequantised_blocks(stored, scales, weight.shape[1])
    step = np.abs(np.repeat(scales, block, axis=1)[:, : weight.shape[1]])
    off = np.abs(back - weight)
    assert (off <= step * 1.0001).all()
    inside = np.abs(weight) <= 127 * step
    assert (off[inside] <= step[inside] * 0.5001).all()
    for row in range(len(weight)):  # the step is as small as a byte of the block's largest value allows
        for index in range(scales.shape[1]):
            largest = np.abs(weight[row, index * block : (index + 1) * block]).max()
            assert abs(scales[row, index]) == pytest.approx(largest / 128, rel=1e-5)


@given(weight=MATRICES)
@settings(deadline=None)
def test_a_value_by_channels_is_off_by_half_a_step_of_its_output(weight: NDArray[np.float32]) -> None:
    stored, scales = quantise_channels(weight)
    assert scales == pytest.approx(np.abs(weight).max(axis=1) / 127, rel=1e-5)
    off = np.abs(stored * scales[:, np.newaxis] - weight)
    assert (off <= scales[:, np.newaxis] * 0.5001).all()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    folder = tmp_path_factory.mktemp("bundles")
    checkpoint = hugging_face_folder(folder / "hf", SMALL, tensors(SMALL))
    return {target: build(checkpoint, folder / target, target=target) for target in ("cpu-fp32", "cpu-int8")}


def mel(*shifts: int) -> NDArray[np.float32]:
    """One window for each number, all different, and of different loudness."""
    windows = [np.roll(scrambled_mel(SMALL.n_mels), 101 * n, axis=1) / (1 + n) for n in shifts]
    return np.stack(windows).astype(np.float32)


def test_logits_in_int8_are_within_three_hundredths_of_float32_in_the_mean_square(
    bundles: dict[str, Bundle],
) -> None:
    logits = []
    for bundle in bundles.values():
        runtime = Runtime(bundle, provider="cpu", slots=1, threads=1)
        runtime.encode([0], mel(0))
        logits.append(runtime.prompt(0, TOKENS))
    exact, rounded = logits
    assert 0 < (rounded - exact).std() < 0.03 * exact.std()
    assert (rounded.argmax(axis=1) == exact.argmax(axis=1)).mean() > 0.9


def test_in_int8_too_a_prompt_gives_what_single_steps_give(bundles: dict[str, Bundle]) -> None:
    runtime = Runtime(bundles["cpu-int8"], provider="cpu", slots=2, threads=1)
    runtime.encode([1], mel(0))
    whole = runtime.prompt(1, TOKENS[:20])
    stepped = [runtime.prompt(1, TOKENS[:1])[0], *(runtime.step([1], [t])[0] for t in TOKENS[1:20])]
    # Sums in another order move an activation across the edge between two bytes now and then.
    assert (np.stack(stepped) - whole).std() < 0.01 * whole.std()


def test_in_int8_too_a_slot_gives_what_it_gives_alone_whatever_is_beside_it(
    bundles: dict[str, Bundle],
) -> None:
    """A scale shared by the rows of a batch would break this."""
    together = Runtime(bundles["cpu-int8"], provider="cpu", slots=4, threads=1)
    alone = Runtime(bundles["cpu-int8"], provider="cpu", slots=1, threads=1)
    together.encode(range(4), mel(0, 1, 2, 3))
    for slot in range(4):
        together.prompt(slot, TOKENS[slot : slot + 3 + slot])
    rows = [together.step(range(4), TOKENS[n : n + 4]) for n in range(10, 20)]
    for slot in range(4):
        alone.encode([0], mel(slot))
        alone.prompt(0, TOKENS[slot : slot + 3 + slot])
        for n, row in zip(range(10, 20), rows, strict=True):
            assert np.abs(alone.step([0], [TOKENS[n + slot]])[0] - row[slot]).max() < 1e-5


def test_a_step_leaves_the_audio_of_an_int8_cache_as_it_was(bundles: dict[str, Bundle]) -> None:
    runtime = Runtime(bundles["cpu-int8"], provider="cpu", slots=1, threads=1)
    runtime.encode([0], mel(0))
    first = runtime.prompt(0, TOKENS[:30])
    for token in TOKENS[30:60]:
        runtime.step([0], [token])
    assert np.array_equal(runtime.prompt(0, TOKENS[:30]), first)


def test_a_forked_slot_in_int8_has_the_audio_with_its_scales(bundles: dict[str, Bundle]) -> None:
    runtime = Runtime(bundles["cpu-int8"], provider="cpu", slots=2, threads=1)
    runtime.encode([0, 1], mel(0, 3))
    runtime.prompt(0, TOKENS[:5])
    runtime.fork(0, [1])
    rows = runtime.step([0, 1], [7, 7])
    assert np.abs(rows[0] - rows[1]).max() < 1e-5


def test_an_int8_bundle_stores_each_matrix_of_the_decoder_once_and_in_bytes(
    bundles: dict[str, Bundle],
) -> None:
    exact, rounded = (
        sum(file.stat().st_size for file in bundle.folder.glob("decoder*")) for bundle in bundles.values()
    )
    # 8 bits, a sixteenth of a scale of 32 bits, and the vectors and nodes: 10 to 11 bits of the 32.
    assert rounded < exact * 0.36
