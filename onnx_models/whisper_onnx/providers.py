"""What the engine knows of onnxruntime's execution providers. Whether one is there is runtime.py's to ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from .bundle import Bundle
from .errors import ProviderError
from .manifest import TARGETS

__all__ = ["DEVICES", "INSTALL", "OPTIONS", "PROVIDERS", "TOGETHER", "check_provider"]

PROVIDERS: Final[Mapping[str, str]] = MappingProxyType(
    {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
)
DEVICES: Final[Mapping[str, str]] = MappingProxyType({"cpu": "cpu", "cuda": "cuda"})
"""As onnxruntime calls where a provider's memory is."""

OPTIONS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "cpu": {},
        "cuda": {
            "arena_extend_strategy": "kSameAsRequested",  # not in powers of two: memory is planned
            "use_tf32": "0",  # of what computes in float32, the log-mel, 10 bits would not be enough
        },
    }
)

TOGETHER: Final[Mapping[str, int]] = MappingProxyType({"cpu": 1, "cuda": 16})
"""Windows encoded or prompted in a run: more would only take memory, on the CPU more than one."""

INSTALL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cpu": "install the package onnxruntime (`pip install stenobox[cpu]`)",
        "cuda": "install the NVIDIA driver, and onnxruntime-gpu with NVIDIA's libraries "
        "(`pip install stenobox[gpu]` without the cpu extra)",
    }
)


def check_provider(bundle: Bundle, provider: str, available: Sequence[str]) -> None:
    """Raises ProviderError unless the provider is among those `available` and the bundle's target's own."""
    if provider not in PROVIDERS:
        raise ProviderError(f"unknown provider {provider!r}; there are {', '.join(PROVIDERS)}")
    needed = TARGETS[bundle.target].provider
    if provider != needed:
        raise ProviderError(
            f"{bundle.name} is built for {bundle.target}, which runs on {needed!r}, not {provider!r}; use "
            "that provider, or build the model for another target"
        )
    if PROVIDERS[provider] not in available:
        raise ProviderError(
            f"this installation of onnxruntime cannot run on {provider!r}; {INSTALL[provider]}"
        )
