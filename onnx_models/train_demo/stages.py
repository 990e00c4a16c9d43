"""The stages of training, as a table.  Their lengths are shares of the whole time."""

from __future__ import annotations

from dataclasses import dataclass

from .batches import BatchOptions
from .targets import TargetOptions
from .windows import Mix


@dataclass(frozen=True)
class Stage:
    """One stage: how long, how fast, on what, and which losses count how much.

    The rate warms up over ``warm_up`` steps to ``rate`` and falls along a cosine to ``last_rate`` times that.
    """

    name: str
    share: float
    rate: float
    batches: BatchOptions
    last_rate: float = 0.4
    warm_up: int = 100
    decoder_layers: int = 2
    """More than before: new layers are inserted.  Two layers learn sooner, three keep their place better."""
    decode: bool = True
    """False: the encoder is trained alone."""
    guide: float = 0.3
    phones: float = 0.3
    words: float = 0.3


CALMER = Mix(noise=0.3, echo=0.05, masks=0.2)
"""For the later stages: less to fight against, now that they learn whole windows."""

STAGES = (
    Stage(
        "listen",
        share=0.10,
        rate=2e-3,
        warm_up=200,
        last_rate=0.7,
        decode=False,
        phones=1.0,
        words=1.0,
        batches=BatchOptions(passages=0.0, mix=Mix(no_speech=0.02, disturbance=0.05)),
    ),
    Stage(
        "write",
        share=0.15,
        rate=1.8e-3,
        last_rate=0.7,
        guide=0.5,
        phones=0.3,
        words=0.5,
        batches=BatchOptions(passages=0.15, targets=TargetOptions(prompts=0.25, longest_prompt=80)),
    ),
    Stage(
        "passages",
        share=0.53,
        decoder_layers=3,
        rate=1.3e-3,
        last_rate=0.4,
        batches=BatchOptions(passages=0.5, mix=CALMER, targets=TargetOptions(prompts=0.5)),
    ),
    Stage(
        "settle",
        share=0.22,
        decoder_layers=3,
        rate=6e-4,
        last_rate=0.05,
        guide=0.1,
        phones=0.1,
        words=0.2,
        batches=BatchOptions(passages=0.6, mix=CALMER, targets=TargetOptions(prompts=0.6)),
    ),
)
