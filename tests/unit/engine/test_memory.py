"""Memory: planned before a model is loaded, refused when it is short, and survived when it runs out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from making_checkpoints import hugging_face_folder, tensors
from whisper_onnx import Batcher, MemoryPlanError, OutOfMemory, Task, TranscribeOptions, WhisperModel, memory
from whisper_onnx.build import build
from whisper_onnx.bundle import Bundle
from whisper_onnx.dims import Dims
from whisper_onnx.memory import available, is_out_of_memory, plan, planned
from whisper_onnx.narrowing import Narrowing
from whisper_onnx.runtime import Runtime

MIB = 1 << 20
Samples = NDArray[np.float32]
Say = Callable[..., Samples]
ENGLISH = TranscribeOptions(language="en")

# --- the plan ---

SHAPES = {"tiny": (384, 6, 4), "base": (512, 8, 6)}

# A process that uses a model to the full, and says by how much it grew at most, in bytes.
GROWTH = """
import sys
from pathlib import Path
import numpy as np
from whisper_onnx.bundle import Bundle
from whisper_onnx.runtime import Runtime

def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(key))

slots = int(sys.argv[2])
before = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
runtime = Runtime(Bundle.load(Path(sys.argv[1]), verify=False), provider="cpu", slots=slots, threads=1)
runtime.encode(range(slots), np.zeros((slots, runtime.dims.n_mels, 3000), np.float32))
for slot in range(slots):
    runtime.prompt(slot, [7] * 400, rows=[0, 399])
for _ in range(40):
    runtime.step(range(slots), [7] * slots)
print(status("VmHWM") - before)
"""


def growth(bundle: Bundle, slots: int) -> int:
    root = Path(__file__).parents[3]
    paths = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(root / "onnx_models")])}
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, str(bundle.folder), str(slots)],
        env=paths | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def shaped(shape: str, target: str, tmp_path: Path) -> Bundle:
    state, heads, layers = SHAPES[shape]
    dims = Dims(80, 1500, state, heads, layers, 51865, 448, state, heads, layers)
    checkpoint = hugging_face_folder(tmp_path / "hf", dims, tensors(dims, np.float16))
    return build(checkpoint, tmp_path / "bundle", target=target)


@pytest.mark.parametrize("slots", [1, 8])
def test_the_demo_model_stays_within_its_plan_and_the_plan_within_twice_of_that(
    demo_bundle: Path, slots: int
) -> None:
    bundle = Bundle.load(demo_bundle, verify=False)
    used = growth(bundle, slots)
    assert used <= plan(bundle, slots) <= 2 * used


@pytest.mark.parametrize(
    ("shape", "target", "counts"),
    [("tiny", "cpu-fp32", (1, 8)), ("tiny", "cpu-int8", (1, 8)), ("base", "cpu-int8", (4,))],
)
def test_the_official_shapes_stay_within_their_plan_and_the_plan_within_twice_of_that(
    shape: str, target: str, counts: tuple[int, ...], tmp_path: Path
) -> None:
    bundle = shaped(shape, target, tmp_path)
    for slots in counts:
        used = growth(bundle, slots)
        assert used <= plan(bundle, slots) <= 2 * used


def test_every_slot_more_needs_more_and_its_caches_are_what_the_shapes_say(demo_bundle: Path) -> None:
    bundle = Bundle.load(demo_bundle, verify=False)
    assert plan(bundle, 1) < plan(bundle, 2) < plan(bundle, 40)
    d = bundle.dims
    assert planned(bundle, 3).caches == 3 * 2 * d.n_text_layer * d.n_text_state * (1500 + d.n_text_ctx) * 4
    with pytest.raises(ValueError, match="slots is 0"):
        plan(bundle, 0)


# --- refused before loading ---


def test_a_model_that_does_not_fit_is_refused_with_how_many_slots_would(
    demo_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle.load(demo_bundle, verify=False)
    monkeypatch.setattr(memory, "available", lambda provider: plan(bundle, 5) + 1)
    with pytest.raises(MemoryPlanError, match=r"demo with 40 slots needs.*use at most 5 slots") as caught:
        WhisperModel(demo_bundle, slots=40)
    assert (caught.value.need, caught.value.available) == (plan(bundle, 40), plan(bundle, 5) + 1)
    assert isinstance(caught.value, OutOfMemory)
    assert WhisperModel(demo_bundle, slots=5, threads=1).runtime.slots == 5
    monkeypatch.setattr(memory, "available", lambda provider: 1 * MIB)
    with pytest.raises(MemoryPlanError, match="use a smaller model, or free some memory"):
        WhisperModel(demo_bundle, slots=1)


def test_where_it_cannot_be_told_what_is_free_nothing_is_refused(
    demo_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda provider: None)
    assert Runtime(Bundle.load(demo_bundle), provider="cpu", slots=2, threads=1).slots == 2


def test_what_is_free_is_less_than_what_the_machine_has() -> None:
    free = available("cpu")
    assert free is not None
    assert 0 < free < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_a_control_groups_limit_counts_and_so_does_that_of_a_group_around_it(tmp_path: Path) -> None:
    inner = tmp_path / "system.slice" / "stenobox.service"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (inner / "memory.current").write_text("400\n")
    (inner.parent / "memory.max").write_text("1000\n")
    (inner.parent / "memory.current").write_text("700\n")
    (inner.parent / "memory.stat").write_text("anon 500\ninactive_file 150\n")
    left = memory._left_in_group(tmp_path, "/system.slice/stenobox.service", "memory.max", "memory.current")
    assert list(left) == [1000 - 700 + 150]


# --- told apart from other failures ---

TOLD_BY_CUDA = [
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running MatMul node. "
    "Status Message: bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Failed "
    "to allocate memory for requested buffer of size 939524096",
    "[ONNXRuntimeError] : 1 : FAIL : CUDA failure 2: out of memory ; GPU=0 ; expr=cudaMalloc((void**)&p, n)",
    "[ONNXRuntimeError] : 1 : FAIL : CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0",
]


@pytest.mark.parametrize("text", TOLD_BY_CUDA)
def test_what_cuda_says_of_too_little_memory_is_recognised(text: str) -> None:
    assert is_out_of_memory(RuntimeError(text))


@pytest.mark.parametrize("text", ["CUDA failure 700: an illegal memory access", "Non-zero status code", ""])
def test_other_failures_are_not_taken_for_it(text: str) -> None:
    assert not is_out_of_memory(RuntimeError(text))


# A process whose address space is limited at the worst moment; the model runs again once the limit is lifted.
SHORT = """
import json, resource, sys
from pathlib import Path
import numpy as np
from whisper_onnx import OutOfMemory
from whisper_onnx.bundle import Bundle
from whisper_onnx.runtime import Runtime

def limited(action):
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 2 * 2**20, -1))
    try:
        action()
    except OutOfMemory as error:
        return type(error.__cause__).__name__
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    return "nothing"

bundle = Bundle.load(Path(sys.argv[1]), verify=False)
runtime = Runtime(bundle, provider="cpu", slots=1, threads=1)
mel = np.random.default_rng(1).standard_normal((1, 80, 3000), np.float32)
runtime.encode([0], mel)
before = runtime.prompt(0, [7] * 9)
told = limited(lambda: runtime.encoder_output(np.zeros((64, 80, 3000), np.float32)))
kept = runtime.step([0], [8])
after = runtime.prompt(0, [7] * 9)
print(json.dumps([told, bool((before == after).all()), bool(np.isfinite(kept).all())]))
"""


def test_when_memory_runs_out_in_onnxruntime_it_is_said_so_and_the_runtime_still_works(
    demo_bundle: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHORT, str(demo_bundle)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told, same, kept = json.loads(done.stdout)
    assert told in ("Fail", "RuntimeError", "RuntimeException")  # onnxruntime's own: its text was understood
    assert same
    assert kept


# --- survived ---


class Scarce:
    """Puts itself before a runtime's operation: it fails as onnxruntime does when it runs over more than
    `most` neighbouring slots.
    """

    def __init__(self, runtime: Runtime, operation: str, most: int) -> None:
        self._real: Callable[..., Any] = getattr(runtime, operation)
        self.most = most
        self.failed = 0
        self.widths: list[int] = []

    def __call__(self, slots: Sequence[int], *arguments: Any) -> Any:
        width = max(slots) - min(slots) + 1
        if width > self.most:
            self.failed += 1
            raise OutOfMemory("the memory ran out during a run of the model")
        self.widths.append(width)
        return self._real(slots, *arguments)


@pytest.fixture(scope="module")
def wide(demo_bundle: Path) -> WhisperModel:
    return WhisperModel(demo_bundle, threads=1, slots=6)


def transcribed(model: WhisperModel, audios: Sequence[Samples], options: TranscribeOptions) -> list[Any]:
    """What each recording ended with: its segments' tokens and times, or its error."""
    ends: list[Any] = [None] * len(audios)
    batcher = Batcher(model, slots=6)
    for index, audio in enumerate(audios):

        def done(result: Any, index: int = index) -> None:
            ends[index] = [(segment.tokens, segment.start, segment.end) for segment in result.segments]

        def failed(error: Exception, index: int = index) -> None:
            ends[index] = error

        batcher.add(Task(audio, options, on_done=done, on_error=failed))
    batcher.run()
    return ends


@pytest.mark.parametrize("options", [ENGLISH, replace(ENGLISH, beam_size=3)], ids=["greedy", "beam"])
@pytest.mark.parametrize("operation", ["encode", "step"])
@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_run_that_is_short_of_memory_goes_on_with_fewer_slots_and_every_result_is_the_same(  # noqa: PLR0917
    wide: WhisperModel,
    say: Say,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    most: int,
    options: TranscribeOptions,
) -> None:
    audios = [say("digits"), say("table"), say("table", 0.5, "digits"), say("digits", 1.0, "digits")] * 2
    before = transcribed(wide, audios, options)
    scarce = Scarce(wide.runtime, operation, most)
    monkeypatch.setattr(wide.runtime, operation, scarce)
    assert transcribed(wide, audios, options) == before
    assert scarce.failed or (operation == "encode" and max(scarce.widths) <= most)
    assert scarce.failed <= 3 + len(scarce.widths) // 256  # and is not tried again and again


def test_a_window_without_memory_even_alone_ends_its_task_with_what_to_do_and_the_next_one_works(
    wide: WhisperModel, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(wide.runtime, "step", Scarce(wide.runtime, "step", 0))
        ends = transcribed(wide, [say("digits")] * 3, ENGLISH)
    assert [type(end) for end in ends] == [OutOfMemory] * 3
    [after] = transcribed(wide, [say("digits")], ENGLISH)
    assert isinstance(after, list)


def test_only_the_slot_that_lacks_memory_fails() -> None:
    ran: list[list[int]] = []

    def run(some: list[int]) -> None:
        if 2 in some:
            raise MemoryError
        ran.append(some)

    slots = [5, 0, 3, 1]
    failed = Narrowing(8).run(slots, run)
    assert failed.keys() == {slots[2]}
    assert isinstance(failed[3], OutOfMemory)
    assert sorted(index for some in ran for index in some) == [0, 1, 3]


def test_the_width_comes_back_once_there_is_memory_again() -> None:
    narrowing = Narrowing(8)
    most = 1

    def run(some: list[int]) -> None:
        if len(some) > most:
            raise OutOfMemory("short")

    narrowing.run(range(8), run)
    assert narrowing.width == 1
    most = 8
    for _ in range(300):
        narrowing.run(range(8), run)
    assert narrowing.width == 8


def test_what_is_no_lack_of_memory_comes_out_as_it_is() -> None:
    def run(some: list[int]) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        Narrowing(8).run([0, 1], run)
