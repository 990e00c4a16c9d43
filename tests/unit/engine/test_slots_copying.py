"""Slots that take over what others hold go on exactly as those would have, and disturb nobody."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from golden.scrambled import scrambled_mel, scrambled_tokens
from making_checkpoints import SMALL, hugging_face_folder, tensors
from whisper_onnx import runtime as runtime_module
from whisper_onnx.build import build
from whisper_onnx.caches import DeviceCopier
from whisper_onnx.errors import SlotError
from whisper_onnx.held import Copy, Held
from whisper_onnx.runtime import Runtime
from whisper_onnx.search import placed

TOKENS = scrambled_tokens(SMALL.n_vocab, 60)
EQUAL = 1e-5  # logits are of the size of 1 to 10
Logits = NDArray[np.float32]


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copying")
    checkpoint = hugging_face_folder(folder / "hf", SMALL, tensors(SMALL))
    for target in ("cpu-fp32", "cpu-int8"):
        build(checkpoint, folder / target, target=target)
    return folder


@pytest.fixture(scope="module", params=["host", "device"])
def runtime(model_folder: Path, request: pytest.FixtureRequest) -> Runtime:
    """Five slots, copied by numpy, or by the graph that a device uses, here run on the CPU."""
    from whisper_onnx import Bundle

    made = Runtime(Bundle.load(model_folder / "cpu-fp32"), provider="cpu", slots=5, threads=1)
    if request.param == "device":
        made._copiers = {
            kind: DeviceCopier(
                {name: cache for name, cache in made._caches.items() if name.startswith(kind)},
                lambda graph: runtime_module._session(graph, "cpu", 1, "copying"),
            )
            for kind in ("self", "cross")
        }
    return made


def mel(*shifts: int) -> Logits:
    return np.stack([np.roll(scrambled_mel(SMALL.n_mels), 101 * shift, axis=1) for shift in shifts])


def whole(runtime: Runtime, shift: int, tokens: Sequence[int]) -> Logits:
    """The logits after these tokens over window `shift`, computed in slot 4 in one go."""
    runtime.encode([4], mel(shift))
    return runtime.prompt(4, tokens)[-1]


def close(ours: Logits, theirs: Logits) -> bool:
    return float(np.abs(ours - theirs).max()) < EQUAL


def test_forked_slots_go_on_each_its_own_way(runtime: Runtime) -> None:
    runtime.encode([1, 3], mel(0, 1))
    runtime.prompt(1, TOKENS[:7])
    runtime.prompt(3, TOKENS[:4])
    runtime.fork(1, [0, 2])
    rows = runtime.step([0, 1, 2, 3], [5, 6, 7, TOKENS[4]])
    for row, token in zip(rows, (5, 6, 7), strict=False):
        assert close(row, whole(runtime, 0, [*TOKENS[:7], token]))
    assert close(rows[3], whole(runtime, 1, TOKENS[:5]))


def test_a_fork_with_an_8_bit_audio_cache_answers_as_its_source(model_folder: Path) -> None:
    from whisper_onnx import Bundle

    quantised = Runtime(Bundle.load(model_folder / "cpu-int8"), provider="cpu", slots=4, threads=1)
    quantised.encode([0, 3], mel(0, 1))
    quantised.prompt(0, TOKENS[:7])
    quantised.prompt(3, TOKENS[:7])
    quantised.fork(0, [1, 2])
    rows = quantised.step([0, 1, 2, 3], [5, 5, 5, 5])
    assert close(rows[1], rows[0])
    assert close(rows[2], rows[0])
    assert not close(rows[3], rows[0])
    assert quantised.step([0, 1], [6, 7]).shape == (2, SMALL.n_vocab)
    quantised.reorder([1], [0])
    rows = quantised.step([0, 1], [8, 8])
    assert close(rows[0], rows[1])


def test_a_fork_to_nowhere_and_a_fork_after_the_next_prompt_are_right_too(runtime: Runtime) -> None:
    runtime.encode([0], mel(2))
    runtime.prompt(0, TOKENS[:9])
    runtime.fork(0, [])
    runtime.fork(0, [1])
    runtime.step([0, 1], [5, 6])
    runtime.prompt(0, TOKENS[3:10])  # the next attempt, whose audio slot 1 has already
    runtime.fork(0, [1])
    assert close(runtime.step([0, 1], [8, 9])[1], whole(runtime, 2, [*TOKENS[3:10], 9]))


@settings(max_examples=15)
@given(data=st.data())
def test_any_reordering_of_beams_gives_what_each_text_gives_in_one_go(
    runtime: Runtime, data: st.DataObject
) -> None:
    texts = [list(TOKENS[:3])]
    runtime.encode([0], mel(3))
    runtime.prompt(0, texts[0])
    runtime.fork(0, [1, 2, 3])
    texts *= 4
    token = st.integers(0, SMALL.n_vocab - 1)
    for _ in range(data.draw(st.integers(1, 6))):
        wanted = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1, max_size=4))
        tokens = data.draw(st.lists(token, min_size=len(wanted), max_size=len(wanted)))
        places = placed(wanted)
        assert sorted(places) == list(range(len(wanted)))
        order = sorted(range(len(wanted)), key=places.__getitem__)
        runtime.reorder(range(len(wanted)), [wanted[i] for i in order])
        texts = [[*texts[wanted[i]], tokens[i]] for i in order]
        rows = runtime.step(range(len(wanted)), [tokens[i] for i in order])
    for row, text in zip(rows, texts, strict=True):
        assert close(row, whole(runtime, 3, text))


def test_what_cannot_be_copied_is_refused_and_changes_nothing(runtime: Runtime) -> None:
    runtime.encode([0, 1, 2], mel(0, 1, 0))
    runtime.prompt(0, TOKENS[:3])
    runtime.prompt(1, TOKENS[:3])
    with pytest.raises(SlotError, match="other audio"):
        runtime.reorder([1], [0])
    with pytest.raises(SlotError, match="has no text"):
        runtime.fork(2, [0])
    with pytest.raises(SlotError, match="twice"):
        runtime.fork(0, [0])
    runtime.fork(0, [2])
    with pytest.raises(SlotError, match="slot 0 is to be read and overwritten"):
        runtime.reorder([0, 2], [2, 0])
    assert close(runtime.step([0], [TOKENS[3]])[0], whole(runtime, 0, TOKENS[:4]))


def test_only_what_differs_is_copied() -> None:
    held = Held(3, 448)
    held.encoded([0])
    held.appended([0], [[1, 2, 3, 4]])
    first = held.copies([1], [0], audio=True)
    assert first == [Copy(0, 1, 0, 4, audio=True)]
    held.copied(first)
    held.appended([0, 1], [[5, 6], [5, 9]])
    assert held.copies([1], [0]) == [Copy(0, 1, 5, 6, audio=False)]
    assert held.copies([0, 1], [0, 1]) == []


@given(sources=st.lists(st.integers(0, 9), min_size=1, max_size=8))
def test_as_many_texts_as_can_stay_where_they_are_and_none_is_overwritten_before_it_is_read(
    sources: list[int],
) -> None:
    places = placed(sources)
    assert sorted(places) == list(range(len(sources)))
    stay = {source for source in sources if source < len(sources)}
    assert {place for place, source in zip(places, sources, strict=True) if place == source} == stay
