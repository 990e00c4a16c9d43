"""The model on ONNX Runtime: sessions over the slots' caches (caches.py). The only module that touches
onnxruntime.

A run over slots lo..hi-1 binds exactly that stretch of the caches by its address: nothing is copied to start,
step or change the set of active slots, on the CPU and on CUDA alike.

A step runs every slot from the lowest to the highest asked for. A slot in between that takes no part computes
too and writes one row, but at the position just after its text, where its own next token will write again; a
full slot rewrites its last row and can only be restarted. So no cache of an idle slot is ever damaged, and
the vocabulary projection, the dearest part, runs for the asked-for slots alone. Keep the active slots low and
dense.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

# Since 1.29 onnxruntime reports to its maker about the machine and the models it runs, unless this is set
# before its first import. Recordings are entrusted to us because nothing leaves the building.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime as ort

from .aligner import Aligner
from .arguments import checked_mel, checked_rows, checked_tokens
from .bundle import Bundle, GraphBytes
from .caches import Cache, DeviceCopier, HostCopier, cache_shapes, stretches
from .choosing import DeviceChooser
from .cores import physical_cores
from .decoder import Decoder
from .device_mel import MelMaker
from .dims import N_FRAMES
from .errors import BundleError, ContextFullError, OutOfMemory, ProviderError, SlotError
from .features import MelWindow
from .heap import large_blocks_given_back
from .held import Copy, Held
from .manifest import TARGETS
from .memory import check_fits, is_out_of_memory
from .needs import Chosen
from .providers import DEVICES, INSTALL, OPTIONS, PROVIDERS, TOGETHER, check_provider
from .rules import Allowed
from .session import LESS, Session, told, warn_of_strays

__all__ = ["Graph", "Runtime", "installation", "load_graph"]

_SLOTS: Final = "while room for the slots was made"


class Runtime:
    """A bundle's model with `slots` places for windows. Not thread safe: one thread owns it.

    Raises ProviderError when the provider cannot run this bundle here (never a silent fallback), BundleError
    when the bundle's files do not load, MemoryPlanError when it would need more memory than is free
    (memory.py), and OutOfMemory when that ran out all the same, while loading or from any method. A slot that
    took part in such a run keeps what it held; one that was being filled has to be filled again.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        provider: Literal["cpu", "cuda"],
        slots: int,
        threads: int | None = None,
    ) -> None:
        """`threads`: threads of one operator; None takes the physical cores this process may use."""
        if slots < 1 or (threads is not None and threads < 1):
            raise ValueError(f"slots is {slots} and threads is {threads}, at least one of each is needed")
        self.bundle = bundle
        self.dims = bundle.dims
        self.slots = slots
        self.provider = provider
        self._device = DEVICES.get(provider, "")
        compute = TARGETS[bundle.target].compute
        self.threads = threads or physical_cores()
        check_provider(bundle, provider, ort.get_available_providers())
        check_fits(bundle, provider, slots)
        self._alignment_graph = bundle.read_graph("alignment")  # small; whether it is sound is told now
        with large_blocks_given_back():
            # The decoder first: while a session starts, its weights are in memory twice.
            decoder = _session(bundle.read_graph("decoder"), provider, self.threads, bundle.name)
            self._encoder = _session(bundle.read_graph("encoder"), provider, self.threads, bundle.name)
        shapes = cache_shapes(self.dims, slots, compute)
        self._check_graphs(decoder, shapes)
        self._caches = {
            name: Cache(shape, decoder.dtype(name), self._device, _placed) for name, shape in shapes.items()
        }
        # An int8 target's cache of the audio is int8 too, and passes through the graph.
        self._decoder = Decoder(decoder, self._caches, self.dims.n_vocab, int8=compute == "int8")
        self._aligner: Aligner | None = None  # made by the first `align`: not everyone wants times of words
        self._mel_maker: MelMaker | None = None  # made by the first `listen`
        self._chooser: DeviceChooser | None = None  # made by the first `choose`
        self._held = Held(slots, self.dims.n_text_ctx)
        self._copiers = {kind: self._copier(kind) for kind in ("self", "cross")}

    def encode(self, slots: Sequence[int], mel: NDArray[np.float32]) -> None:
        """Encodes log-mel windows into slots, whose text starts over: call `prompt` next.

        `mel`: (n, n_mels, 3000) float32, the window of each slot. Raises SlotError for a slot that does not
        exist or is named twice, ValueError for a wrong shape.
        """
        mel = checked_mel(mel, len(slots), self.dims)
        self._encode(slots, lambda binding, some: binding.bind_cpu_input("mel", mel[some]))

    def listen(self, slots: Sequence[int], windows: Sequence[MelWindow]) -> None:
        """`encode` for windows whose features are made where that is fastest: on a device, there.

        Raises SlotError as that, and AudioError for samples that are not finite.
        """
        if len(windows) != len(slots):
            raise ValueError(f"{len(slots)} slots need as many windows, got {len(windows)}")
        if self.provider == "cpu":
            self.encode(slots, np.stack([window.values() for window in windows]))
            return
        maker = self._mel_maker = self._mel_maker or MelMaker(
            self.dims.n_mels, self.together, self._device, load=self._small_session, place=_placed
        )
        self._encode(slots, lambda binding, some: maker.bind(binding, "mel", windows[some]))

    def _encode(self, slots: Sequence[int], bind: Callable[[Any, slice], None]) -> None:
        """Encodes into slots; `bind` binds the log-mel of some windows, by their place among `slots`."""
        self._held.check(slots)
        self._held.clear(slots, audio=True)  # stays so if the run fails: the caches are then undefined
        for start, stop in stretches(slots, self.together):
            lo, hi = slots[start], slots[start] + (stop - start)
            binding = self._encoder.io_binding()
            bind(binding, slice(start, stop))
            for name, cache in self._caches.items():
                if name.startswith("cross_"):
                    cache.bind_output(binding, name, lo, hi)
            self._encoder.run_with_iobinding(binding)
        self._held.encoded(slots)

    def _allocate(self, shape: tuple[int, ...], dtype: type[np.generic]) -> Any:
        """Memory on the device, as it comes."""
        make = ort.OrtValue.ortvalue_from_shape_and_type
        return told(make, shape, dtype, self._device, 0, while_doing=_SLOTS)

    def _small_session(self, graph: GraphBytes) -> Session:
        """A graph that is made at run time and works beside the model's."""
        return _session(graph, self.provider, self.threads, "a part of the runtime")

    def warm_up(self) -> None:
        """Runs encoder, prompt and step once, on silence in slot 0, which is as good as empty afterwards."""
        self.encode([0], np.zeros((1, self.dims.n_mels, N_FRAMES), dtype=np.float32))
        self.prompt(0, [0])
        self.step([0], [0])
        self._held.clear([0], audio=True)

    def encoder_output(self, mel: NDArray[np.float32]) -> NDArray[np.float32]:
        """The encoder's last hidden state of (n, n_mels, 3000) windows, (n, 1500, state); fills no slot."""
        mel = checked_mel(mel, len(mel), self.dims)
        (output,) = self._encoder.run(["encoder_output"], {"mel": mel})
        return np.asarray(output, dtype=np.float32)

    @property
    def chooses(self) -> bool:
        """Whether `choose` saves time: on a device, from which the logits would have to be brought."""
        return self.provider != "cpu"

    @property
    def together(self) -> int:
        """How many windows it is worth encoding or prompting in one run."""
        return min(self.slots, TOGETHER[self.provider])

    def prompt(
        self, slot: int, tokens: Sequence[int], *, rows: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Starts the slot's text over with `tokens`; the logits of every position, (len(tokens), n_vocab)
        float32.

        `rows`: positions within `tokens` whose logits are wanted instead, (len(rows), n_vocab); for a long
        prompt most of the time goes into logits that nobody reads. Raises SlotError when no audio was encoded
        into the slot, ContextFullError when the tokens are more than the text context, ValueError for no
        tokens or a bad token.
        """
        wanted = range(len(tokens)) if rows is None else rows
        logits: NDArray[np.float32] = self.prompt_together([slot], [tokens], rows=wanted)[0]
        return logits

    def prompt_together(
        self, slots: Sequence[int], tokens: Sequence[Sequence[int]], *, rows: Sequence[int]
    ) -> NDArray[np.float32]:
        """`prompt` for slots that count up by one, each with its tokens, of which all have as many.

        The logits of the positions `rows` of each, (len(slots), len(rows), n_vocab) float32. Raises as
        `prompt`, and SlotError for slots that lie otherwise.
        """
        self._held.check(slots)
        lo, hi = slots[0], slots[-1] + 1
        if list(slots) != list(range(lo, hi)):
            raise SlotError(f"slots that are prompted together count up by one, not {list(slots)}")
        if len({len(some) for some in tokens}) != 1 or len(tokens) != len(slots):
            raise ValueError("each of the slots needs tokens, and as many as the others")
        ids = np.stack([checked_tokens(some, self.dims) for some in tokens])
        return self._restart(slots, ids, rows, self._decoder.binding(lo, hi))

    def align(
        self, slot: int, tokens: Sequence[int], *, positions: int, rows: Sequence[int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Where the alignment heads look while the slot's decoder reads `tokens`, which start its text over.

        Returns the attention weights over the first `positions` (20 ms each) of the slot's audio, (heads,
        len(tokens), positions) float32 with rows that sum to 1, the heads in the order of
        `Bundle.alignment_heads`; and the logits of the positions `rows` within `tokens`, (len(rows),
        n_vocab). Raises as `prompt`, ValueError for positions that the audio does not have, and BundleError
        when the alignment graph, whose session the first call makes, does not load.
        """
        if not 0 <= positions <= self.dims.n_audio_ctx:
            raise ValueError(f"positions must be from 0 to {self.dims.n_audio_ctx}")
        self._held.check([slot])
        ids = checked_tokens(tokens, self.dims)
        if self._aligner is None:
            graph, heads = self._alignment_graph, len(self.bundle.alignment_heads)
            session = _session(graph, self.provider, self.threads, self.bundle.name)
            self._aligner = Aligner(session, self._caches, heads, self.dims.n_text_state, self._allocate)
        decoding = self._decoder.new_binding(slot, slot + 1)
        aligning = self._aligner.bind(decoding, slot, len(ids))
        logits = self._restart([slot], ids[np.newaxis], rows, decoding)[0]
        return self._aligner.attention(aligning, len(ids), positions), logits

    def _restart(
        self, slots: Sequence[int], ids: NDArray[np.int64], rows: Sequence[int], binding: Any
    ) -> NDArray[np.float32]:
        """Replaces the text of `slots`, which are bound, by `ids` (slots, S); as `prompt_together`."""
        count, length = ids.shape
        if not length:
            raise ValueError("a prompt needs at least one token")
        if length > self.dims.n_text_ctx:
            raise ContextFullError(
                f"the prompt has {length} tokens, the model's text context holds {self.dims.n_text_ctx}; "
                "shorten the prompt"
            )
        for slot in slots:
            self._held.check_audio(slot)
        wanted = checked_rows(rows, length)
        self._held.clear(slots)  # stays so if the run fails: the cache is then undefined
        flat = (np.arange(count)[:, np.newaxis] * length + wanted).reshape(-1)
        logits = self._decoder.logits(binding, ids, np.zeros(count, dtype=np.int64), flat)
        self._held.appended(slots, ids.tolist())
        return logits.reshape(count, len(rows), self.dims.n_vocab)

    def step(self, slots: Sequence[int], tokens: Sequence[int]) -> NDArray[np.float32]:
        """Appends one token to each of these slots, in one run; the logits after it, (len(slots), n_vocab)
        float32.

        Row i belongs to slots[i]. Other slots keep their state. Raises SlotError when a slot was not
        prompted, ContextFullError when one has no room for a token (nothing is written then), ValueError for
        a bad token.
        """
        logits = np.empty((len(slots), self.dims.n_vocab), dtype=np.float32)
        self._append(slots, tokens, ("cpu", logits.ctypes.data))
        return logits

    def choose(self, slots: Sequence[int], tokens: Sequence[int], allowed: Sequence[Allowed]) -> list[Chosen]:
        """`step`, and for each slot the likeliest token of those `allowed`, chosen on the device.

        Raises as `step`.
        """
        if len(allowed) != len(slots):
            raise ValueError(f"{len(slots)} slots need as many sets of allowed tokens, got {len(allowed)}")
        if self._chooser is None:
            logits = self._allocate((self.slots, self.dims.n_vocab), np.float32)
            self._chooser = DeviceChooser(logits, self._device, load=self._small_session, place=_placed)
        self._append(slots, tokens, self._chooser.logits)
        return self._chooser.choose(allowed)

    def _append(self, slots: Sequence[int], tokens: Sequence[int], logits: tuple[str, int]) -> None:
        """Appends a token to each slot; the logits after it go to `logits`, a device and an address."""
        self._held.check(slots)
        ids = checked_tokens(tokens, self.dims)
        if len(ids) != len(slots):
            raise ValueError(f"{len(slots)} slots need as many tokens, got {len(ids)}")
        self._held.check_room(slots)
        lo, hi = min(slots), max(slots) + 1
        rows = np.asarray(slots, dtype=np.int64) - lo
        all_ids = np.zeros((hi - lo, 1), dtype=np.int64)
        all_ids[rows, 0] = ids
        past = np.minimum(self._held.lengths(lo, hi), self.dims.n_text_ctx - 1)
        self._decoder.run(self._decoder.binding(lo, hi), all_ids, past, rows, logits)
        self._held.appended(slots, ids[:, np.newaxis].tolist())

    def fork(self, source: int, slots: Sequence[int]) -> None:
        """Makes these slots hold what `source` does, its audio and its text.

        Audio that a slot shares with the source already is not copied again. Raises SlotError for a source
        without audio or text, and when it is one of `slots`.
        """
        self._held.check([source, *slots])
        if len(slots):
            self._make(self._held.copies(slots, [source] * len(slots), audio=True))

    def reorder(self, slots: Sequence[int], sources: Sequence[int]) -> None:
        """slots[i] takes over the text of sources[i], which has the same audio (see `fork`) and keeps it.

        Copies what is not alike already, and nothing where a slot is its own source. Raises SlotError for
        other audio or no text, and for a slot that is overwritten and another's source at once; nothing is
        copied then.
        """
        self._make(self._held.copies(slots, sources))

    def _copier(self, kind: str) -> HostCopier | DeviceCopier:
        caches = {name: cache for name, cache in self._caches.items() if name.startswith(kind)}
        if self.provider == "cpu":
            return HostCopier(caches)
        return DeviceCopier(caches, self._small_session)

    def _make(self, copies: Sequence[Copy]) -> None:
        for copy in copies:
            # Stays so if the copying fails: what the target holds is then undefined.
            self._held.clear([copy.target], audio=copy.audio)
            for kind in ("cross", "self") if copy.audio else ("self",):
                self._copiers[kind].copy(copy)
        self._held.copied(copies)

    def _check_graphs(self, decoder: Session, caches: Mapping[str, tuple[int, ...]]) -> None:
        """The graphs must have the names and shapes that the manifest's dimensions ask for."""
        expected = {name: list(shape[1:]) for name, shape in caches.items()}
        found = {i.name: list(i.shape[1:]) for i in decoder.get_inputs() if i.name in expected}
        mel = next((list(i.shape[1:]) for i in self._encoder.get_inputs() if i.name == "mel"), None)
        if found != expected or mel != [self.dims.n_mels, N_FRAMES]:
            raise BundleError(
                f"the graphs of {self.bundle.name} do not fit the dimensions in its manifest; build it again"
            )


class Graph:
    """Any ONNX graph, loaded; see `load_graph`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def run(self, outputs: Sequence[str], inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The values of `outputs`, in that order, for all the graph's inputs by name."""
        return [np.asarray(value) for value in self._session.run(list(outputs), dict(inputs))]


def load_graph(
    graph: bytes, provider: Literal["cpu", "cuda"], threads: int = 1, *, name: str = "it"
) -> Graph:
    """Loads a graph that is no part of a bundle, such as a speech detector.

    `name` is what an error calls it. Raises ProviderError when the provider does not run here, BundleError
    when the bytes are no graph that onnxruntime can load.
    """
    return Graph(_session(GraphBytes(graph), provider, threads, name))


def _session(graph: GraphBytes, provider: str, threads: int, name: str) -> Session:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # Spinning threads steal the time of everything else on the box: measured 1.7 to 2 times slower when it is
    # busy.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # It would set aside one block for all of a run's values, beside what the first run has left in the arena.
    options.enable_mem_pattern = False
    options.log_severity_level = 3  # errors; they are raised as well
    # Files of weights come from this table alone. Without one, onnxruntime would look for those that a graph
    # names in the current folder, where nothing vouches for them.
    data = graph.data or {"-": bytearray(1)}
    options.add_external_initializers_from_files_in_memory(
        list(data), list(data.values()), [len(content) for content in data.values()]
    )
    if provider == "cuda":
        ort.preload_dlls()  # finds CUDA and cuDNN in NVIDIA's Python packages
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    chosen = PROVIDERS[provider]
    try:
        session = ort.InferenceSession(
            graph.model, options, providers=[(chosen, dict(OPTIONS[provider]))], enable_fallback=0
        )
    except Exception as error:  # onnxruntime's exceptions share no base class but this one
        if is_out_of_memory(error):
            raise OutOfMemory(f"the memory ran out while {name} was loaded; {LESS}") from error
        if provider == "cuda":
            raise ProviderError(f"CUDA does not start ({error}); {INSTALL[provider]}") from error
        raise BundleError(f"a graph of {name} does not load ({error}); build the model again") from error
    # Asked for CUDA, onnxruntime falls back to the CPU with no more than a log line.
    if session.get_providers()[0] != chosen:
        raise ProviderError(
            f"onnxruntime chose {session.get_providers()[0]} instead of {provider!r}; {INSTALL[provider]}"
        )
    if provider == "cuda":
        warn_of_strays(session.get_provider_graph_assignment_info(), chosen, name)
    return Session(session)


def _placed(array: NDArray[Any], provider: str) -> Any:
    """An OrtValue of these contents on the provider's device; on the CPU it refers to the array's memory."""
    return told(ort.OrtValue.ortvalue_from_numpy, array, provider, 0, while_doing=_SLOTS)


def installation() -> tuple[str, tuple[str, ...]]:
    """The version of onnxruntime, and the execution providers that this installation has."""
    return ort.__version__, tuple(ort.get_available_providers())
