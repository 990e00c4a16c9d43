"""The runtime: a slot's results depend on that slot alone, and nothing is written where it should not be."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from golden.scrambled import scrambled_mel, scrambled_tokens
from making_checkpoints import SMALL, hugging_face_folder, tensors
from whisper_onnx.build import build
from whisper_onnx.bundle import Bundle
from whisper_onnx.cores import physical_cores
from whisper_onnx.errors import BundleError, BundleHashError, ContextFullError, ProviderError, SlotError
from whisper_onnx.runtime import Runtime

Logits = NDArray[np.float32]

CONTEXT = SMALL.n_text_ctx
TOKENS = scrambled_tokens(SMALL.n_vocab, CONTEXT)
# Matrix products of other heights add up in another order; logits are of the size of 1 to 10.
EQUAL = 1e-5


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hugging_face_folder(tmp_path_factory.mktemp("hf"), SMALL, tensors(SMALL))


@pytest.fixture(scope="module")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return build(checkpoint, tmp_path_factory.mktemp("bundle") / "model")


@pytest.fixture(scope="module")
def runtime(bundle: Bundle) -> Runtime:
    """One runtime for many tests: each fills the slots it uses."""
    return Runtime(bundle, provider="cpu", slots=5, threads=1)


def mel(*shifts: int) -> NDArray[np.float32]:
    """One window for each number, all different."""
    return np.stack([np.roll(scrambled_mel(SMALL.n_mels), 101 * shift, axis=1) for shift in shifts])


@pytest.fixture(scope="module")
def alone(bundle: Bundle) -> Callable[[int, int, int], Logits]:
    """Logits of every position of TOKENS, rotated by `start`, over window `shift`, computed by itself."""
    single = Runtime(bundle, provider="cpu", slots=1, threads=1)

    def logits(shift: int, start: int, count: int) -> Logits:
        single.encode([0], mel(shift))
        return single.prompt(0, (TOKENS[start:] + TOKENS[:start])[:count])

    return logits


def close(ours: Logits, theirs: Logits) -> bool:
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype == np.float32
    return bool(np.isfinite(ours).all()) and float(np.abs(ours - theirs).max()) < EQUAL


# --- the same answer whatever else is going on ---


def test_a_prompt_gives_the_logits_of_every_position_as_single_steps_do(runtime: Runtime) -> None:
    runtime.encode([2], mel(0))
    whole = runtime.prompt(2, TOKENS[:40])
    stepped = [runtime.prompt(2, TOKENS[:1])[0], *(runtime.step([2], [token])[0] for token in TOKENS[1:40])]
    assert close(np.stack(stepped), whole)


def test_ragged_slots_in_one_run_give_what_each_gives_alone(
    runtime: Runtime, alone: Callable[[int, int, int], Logits]
) -> None:
    runtime.encode([4, 0, 1, 2, 3], mel(4, 0, 1, 2, 3))
    prompts = {0: 3, 1: 224, 2: 1, 3: 17, 4: 90}
    expected = {slot: alone(slot, slot, first + 12) for slot, first in prompts.items()}
    tokens = {slot: TOKENS[slot:] + TOKENS[:slot] for slot in prompts}
    for slot, first in prompts.items():
        assert close(runtime.prompt(slot, tokens[slot][:first]), expected[slot][:first])
    for n in range(12):
        order = [3, 0, 4, 1, 2][n % 5 :] + [3, 0, 4, 1, 2][: n % 5]
        rows = runtime.step(order, [tokens[slot][prompts[slot] + n] for slot in order])
        for slot, row in zip(order, rows, strict=True):
            assert close(row, expected[slot][prompts[slot] + n]), (slot, n)


def test_slots_that_take_no_part_in_a_step_go_on_as_if_it_had_not_been(
    runtime: Runtime, alone: Callable[[int, int, int], Logits]
) -> None:
    runtime.encode(range(5), mel(0, 1, 2, 3, 4))
    lengths = dict.fromkeys(range(5), 6)
    expected = {slot: alone(slot, 0, 60) for slot in range(5)}
    for slot in range(5):
        runtime.prompt(slot, TOKENS[:6])
    for subset in ([0, 4], [2], [4], [0, 1], [0, 4], [1, 3], [3, 1, 2], [0, 2, 4], [4, 0], [2]) * 3:
        rows = runtime.step(subset, [TOKENS[lengths[slot]] for slot in subset])
        for slot, row in zip(subset, rows, strict=True):
            assert close(row, expected[slot][lengths[slot]]), (subset, slot)
            lengths[slot] += 1
    assert len(set(lengths.values())) > 1


def test_a_window_that_joins_in_mid_flight_disturbs_nobody_and_starts_clean(
    runtime: Runtime, alone: Callable[[int, int, int], Logits]
) -> None:
    expected = {shift: alone(shift, 0, 30) for shift in (0, 1, 2)}
    runtime.encode([0, 1], mel(0, 1))
    runtime.prompt(0, TOKENS[:4])
    runtime.prompt(1, TOKENS[:20])
    for n in range(5):
        runtime.step([0, 1], [TOKENS[4 + n], TOKENS[20 + n]])
    runtime.encode([1], mel(2))
    assert close(runtime.prompt(1, TOKENS[:3]), expected[2][:3])
    for n in range(10):
        rows = runtime.step([0, 1], [TOKENS[9 + n], TOKENS[3 + n]])
        assert close(rows[0], expected[0][9 + n])
        assert close(rows[1], expected[2][3 + n])


def test_a_prompt_starts_the_text_over_and_keeps_the_audio(
    runtime: Runtime, alone: Callable[[int, int, int], Logits]
) -> None:
    runtime.encode([1], mel(3))
    first = runtime.prompt(1, TOKENS[:100])
    runtime.step([1], [7])
    assert np.array_equal(runtime.prompt(1, TOKENS[:100]), first)
    assert close(runtime.prompt(1, TOKENS[:9]), alone(3, 0, 9))


def test_asking_for_rows_gives_those_rows_of_the_prompt(runtime: Runtime) -> None:
    runtime.encode([0], mel(0))
    every = runtime.prompt(0, TOKENS[:50])
    assert close(runtime.prompt(0, TOKENS[:50], rows=[49, 0, 7]), every[[49, 0, 7]])
    after = runtime.step([0], [TOKENS[50]])
    runtime.prompt(0, TOKENS[:50])
    assert close(after, runtime.step([0], [TOKENS[50]]))
    assert runtime.prompt(0, TOKENS[:5], rows=[]).shape == (0, SMALL.n_vocab)


def test_windows_encoded_together_or_one_by_one_into_any_slots_are_the_same(runtime: Runtime) -> None:
    runtime.encode([3, 1, 2], mel(0, 1, 2))
    together = [runtime.prompt(slot, TOKENS[:5]) for slot in (3, 1, 2)]
    for slot, window in zip((0, 4, 2), mel(0, 1, 2), strict=True):
        runtime.encode([slot], window[np.newaxis])
    assert all(
        np.array_equal(runtime.prompt(slot, TOKENS[:5]), logits)
        for slot, logits in zip((0, 4, 2), together, strict=True)
    )
    encoded = runtime.encoder_output(mel(0, 1, 2))
    assert encoded.shape == (3, SMALL.n_audio_ctx, SMALL.n_audio_state)
    assert np.abs(encoded[1] - runtime.encoder_output(mel(1))[0]).max() < EQUAL


def test_logits_returned_earlier_are_not_overwritten_by_later_runs(runtime: Runtime) -> None:
    runtime.encode([0], mel(0))
    kept = runtime.prompt(0, TOKENS[:3])
    copy = kept.copy()
    row = runtime.step([0], [1])
    row_copy = row.copy()
    runtime.step([0], [2])
    runtime.prompt(0, TOKENS[5:8])
    assert np.array_equal(kept, copy)
    assert np.array_equal(row, row_copy)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_does_not_change_the_result_beyond_rounding(
    bundle: Bundle, threads: int, alone: Callable[[int, int, int], Logits]
) -> None:
    other = Runtime(bundle, provider="cpu", slots=2, threads=threads)
    other.encode([1], mel(1))
    assert close(other.prompt(1, TOKENS[:20]), alone(1, 0, 20))


# --- the end of the text context ---


def test_a_slot_can_be_filled_to_its_last_position_and_not_beyond(
    runtime: Runtime, alone: Callable[[int, int, int], Logits]
) -> None:
    expected = alone(0, 0, CONTEXT)
    runtime.encode([0, 1, 2], mel(1, 0, 2))
    runtime.prompt(0, TOKENS[:10])
    runtime.prompt(1, TOKENS[: CONTEXT - 3])
    runtime.prompt(2, TOKENS[:10])
    for position in range(CONTEXT - 3, CONTEXT):
        assert close(runtime.step([1], [TOKENS[position]])[0], expected[position])
    for _ in range(2):
        with pytest.raises(ContextFullError, match=f"slot 1 is full.*{CONTEXT}"):
            runtime.step([0, 1], [5, 5])


def test_a_refused_step_changes_no_slot_and_a_full_neighbour_disturbs_nobody(
    runtime: Runtime, alone: Callable[[int, int, int], Logits]
) -> None:
    around = {0: alone(1, 0, 40), 2: alone(2, 0, 40)}
    runtime.encode([0, 1, 2], mel(1, 0, 2))
    runtime.prompt(0, TOKENS[:10])
    runtime.prompt(1, TOKENS)
    runtime.prompt(2, TOKENS[:10])
    for n in range(10, 40):
        with pytest.raises(ContextFullError):
            runtime.step([2, 1, 0], [5, 5, 5])
        rows = runtime.step([0, 2], [TOKENS[n], TOKENS[n]])  # slot 1 lies between and is full
        assert close(rows[0], around[0][n])
        assert close(rows[1], around[2][n])
    assert close(runtime.prompt(1, TOKENS[:30]), alone(0, 0, 30))


def test_a_prompt_longer_than_the_context_is_refused_and_the_text_before_it_stays(
    runtime: Runtime, alone: Callable[[int, int, int], Logits]
) -> None:
    runtime.encode([0], mel(0))
    assert close(runtime.prompt(0, TOKENS), alone(0, 0, CONTEXT))
    runtime.prompt(0, TOKENS[:4])
    with pytest.raises(ContextFullError, match=f"{CONTEXT + 1} tokens"):
        runtime.prompt(0, [*TOKENS, 1])
    assert close(runtime.step([0], [TOKENS[4]])[0], alone(0, 0, 5)[4])


# --- calls out of turn ---


@pytest.fixture
def fresh(bundle: Bundle) -> Iterator[Runtime]:
    runtime = Runtime(bundle, provider="cpu", slots=2, threads=1)
    runtime.encode([0], mel(0))
    runtime.prompt(0, TOKENS[:3])
    yield runtime
    assert np.isfinite(runtime.step([0], [1])).all(), "a refused call has to leave the runtime usable"


REFUSED: dict[str, tuple[Callable[[Runtime], Any], type[Exception], str]] = {
    "a step before a prompt": (lambda r: r.step([1], [1]), SlotError, "call prompt first"),
    "a step with one such slot": (lambda r: r.step([0, 1], [1, 1]), SlotError, "slot 1 has no text"),
    "a prompt before audio": (lambda r: r.prompt(1, [1]), SlotError, "call encode first"),
    "a slot beyond the last": (lambda r: r.step([2], [1]), SlotError, "0 to 1"),
    "a negative slot": (lambda r: r.prompt(-1, [1]), SlotError, "0 to 1"),
    "a slot twice": (lambda r: r.step([0, 0], [1, 1]), SlotError, "twice"),
    "no slot": (lambda r: r.step([], []), SlotError, "at least one"),
    "an empty prompt": (lambda r: r.prompt(0, []), ValueError, "at least one token"),
    "a token beyond the vocabulary": (lambda r: r.step([0], [SMALL.n_vocab]), ValueError, "ids from 0"),
    "a negative token": (lambda r: r.prompt(0, [-1]), ValueError, "ids from 0"),
    "fewer tokens than slots": (lambda r: r.step([0], []), ValueError, "1 slots"),
    "a row beyond the prompt": (lambda r: r.prompt(0, [1, 2], rows=[2]), ValueError, "rows"),
    "a short window": (lambda r: r.encode([0], mel(0)[:, :, :100]), ValueError, "3000"),
    "a window of doubles": (lambda r: r.encode([0], mel(0).astype(float)), ValueError, "float32"),
    "fewer windows than slots": (lambda r: r.encode([0, 1], mel(0)), ValueError, "(2, 80, 3000)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_call_out_of_turn_or_range_is_refused_and_changes_nothing(fresh: Runtime, name: str) -> None:
    call, kind, said = REFUSED[name]
    with pytest.raises(kind) as caught:
        call(fresh)
    assert said in str(caught.value)


def test_after_encode_a_slot_has_no_text_until_it_is_prompted(runtime: Runtime) -> None:
    runtime.encode([0], mel(0))
    runtime.prompt(0, TOKENS[:3])
    runtime.encode([0], mel(1))
    with pytest.raises(SlotError, match="call prompt first"):
        runtime.step([0], [1])


@pytest.mark.parametrize("wrong", [{"slots": 0}, {"slots": 1, "threads": 0}, {"slots": 1, "threads": -2}])
def test_a_runtime_needs_a_slot_and_a_thread(bundle: Bundle, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Runtime(bundle, provider="cpu", **wrong)


# --- providers and files ---


def test_a_provider_other_than_the_bundles_is_refused(bundle: Bundle) -> None:
    with pytest.raises(ProviderError, match=r"built for cpu-fp32.*build the model for another target"):
        Runtime(bundle, provider="cuda", slots=1)
    with pytest.raises(ProviderError, match="unknown provider 'tpu'"):
        Runtime(bundle, provider="tpu", slots=1)  # type: ignore[arg-type]


def test_a_cuda_bundle_is_never_run_on_the_cpu_instead(checkpoint: Path, tmp_path: Path) -> None:
    cuda = build(checkpoint, tmp_path / "cuda", target="cuda-fp16")
    with pytest.raises(ProviderError, match="built for cuda-fp16"):
        Runtime(cuda, provider="cpu", slots=1)
    try:
        runtime = Runtime(cuda, provider="cuda", slots=1)
    except ProviderError as refused:  # no CUDA on this machine
        assert "pip install stenobox[gpu]" in str(refused)
    else:
        assert runtime.provider == "cuda"


def test_a_graph_changed_after_the_bundle_was_opened_is_not_run(checkpoint: Path, tmp_path: Path) -> None:
    opened = build(checkpoint, tmp_path / "model", weights="fp16")
    data = bytearray((opened.folder / "decoder.onnx").read_bytes())
    data[-1000] ^= 1
    (opened.folder / "decoder.onnx").write_bytes(data)
    with pytest.raises(BundleHashError):
        Runtime(opened, provider="cpu", slots=1)


def test_graphs_that_do_not_fit_the_manifest_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    opened = build(checkpoint, tmp_path / "model", weights="fp16")
    manifest = opened.folder / "model.toml"
    manifest.write_text(manifest.read_text().replace("n_text_head = 2", "n_text_head = 4"))
    with pytest.raises(BundleError, match="do not fit the dimensions"):
        Runtime(Bundle.load(opened.folder), provider="cpu", slots=1)


def test_physical_cores_are_at_least_one_and_at_most_the_processors_allowed() -> None:
    assert 1 <= physical_cores() <= len(os.sched_getaffinity(0))
