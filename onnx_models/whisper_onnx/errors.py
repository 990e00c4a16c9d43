"""What the engine raises, as one tree.

    WhisperError
    ├── CheckpointError        a checkpoint that is unreadable, unsafe or not Whisper's
    ├── BundleError            a model folder that is incomplete or does not follow the format
    │   └── BundleHashError    a file whose bytes are not those that the manifest names
    ├── ProviderError          the asked-for execution provider cannot be used here
    ├── OutOfMemory            the memory, or the GPU's, ran out while loading or running
    │   └── MemoryPlanError    more than is free would be needed, so nothing was loaded
    ├── SlotError              a slot was used out of turn or out of range
    │   └── ContextFullError   more tokens than the text context holds
    ├── AudioError             samples that are no 16 kHz mono float32 audio
    └── OptionsError           a transcription option with a wrong value

Every message says what was found and what to do about it, and may be shown to an operator as it stands.
No message holds transcript text.
"""

from __future__ import annotations


class WhisperError(Exception):
    """Base of everything the engine raises on purpose."""


class CheckpointError(WhisperError):
    """The checkpoint cannot be read, is unsafe to read, or is not a Whisper model."""


class BundleError(WhisperError):
    """The model folder is incomplete or does not follow the bundle format."""


class BundleHashError(BundleError):
    """A file of the bundle is not the one that its manifest names.

    Attributes: `file`, the name inside the bundle.
    """

    def __init__(self, message: str, *, file: str) -> None:
        super().__init__(message)
        self.file = file


class ProviderError(WhisperError):
    """The execution provider is missing, or does not fit the bundle's target."""


class OutOfMemory(WhisperError):
    """The memory, or the GPU's, ran out. What was running can be run again, with less at once."""


class MemoryPlanError(OutOfMemory):
    """The model was not loaded, because it would need more memory than is free.

    Attributes: `need` and `available`, in bytes.
    """

    def __init__(self, message: str, *, need: int, available: int) -> None:
        super().__init__(message)
        self.need = need
        self.available = available


class SlotError(WhisperError):
    """A runtime slot was used out of range, twice in one call, or before it was filled."""


class ContextFullError(SlotError):
    """The slot's text context (`Dims.n_text_ctx` tokens) has no room for these tokens."""


class AudioError(WhisperError):
    """The samples given are not usable 16 kHz mono float32 audio."""


class OptionsError(WhisperError):
    """A transcription option has a wrong value.

    Attributes: `field`, the option's name.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
