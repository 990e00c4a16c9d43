"""The training loop: stages by the clock, a state that can be resumed, an export that is always whole."""

from __future__ import annotations

import math
import os
import random
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from .batches import Batch, Batches
from .corpus import CorpusOptions, make_corpus
from .model import Dimensions, Losses, Trainee
from .stages import Stage
from .vocabulary import ReducedVocabulary

SAVE_EVERY_S = 180
REPORT_EVERY = 100
CLIP_NORM = 1.0
WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class TrainOptions:
    """``minutes`` is the time the steps take, without the making of the corpus.  The work folder holds everything."""

    work: Path
    minutes: float
    seed: int
    stages: tuple[Stage, ...]
    threads: int = 2
    resume: bool = False
    corpus: CorpusOptions | None = None


@dataclass
class _Progress:
    """Where training stands; saved with the weights."""

    stage: int = 0
    seconds: float = 0.0
    step: int = 0
    total_steps: int = 0
    windows: int = 0


class Trainer:
    """Trains through the stages.  ``state.pt`` in the work folder resumes it, ``demo.pt`` is the newest export."""

    def __init__(self, options: TrainOptions) -> None:
        self._options = options
        torch.set_num_threads(options.threads)
        torch.manual_seed(options.seed)
        random.seed(options.seed)
        np.random.seed(options.seed)
        self._model = Trainee(ReducedVocabulary(), Dimensions())
        self._optimizer = torch.optim.AdamW(
            self._model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY, foreach=True
        )
        self._progress = _Progress()
        self._means: dict[str, float] = {}

    def run(self) -> None:
        """All stages, from the beginning or from where the saved state left off."""
        options = self._options
        options.work.mkdir(parents=True, exist_ok=True)
        make_corpus(options.work, options.corpus or CorpusOptions(seed=options.seed))
        if options.resume and self._state.exists():
            self._load()
        while self._progress.stage < len(options.stages):
            self._run_stage(options.stages[self._progress.stage])
            self._progress.stage += 1
            self._progress.seconds = 0.0
            self._progress.step = 0
            self._save()

    @property
    def _state(self) -> Path:
        return self._options.work / "state.pt"

    def _run_stage(self, stage: Stage) -> None:
        progress = self._progress
        length = stage.share * self._options.minutes * 60
        # The steps done are part of the seed, so that a resumed stage goes on with new windows.
        seed = self._options.seed * 1_000_003 + progress.stage * 10_007 + progress.total_steps
        batches = Batches(self._options.work, stage.batches, seed)
        self._means.clear()
        saved = last = time.monotonic()
        for batch in DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=24):
            if progress.seconds >= length:
                break
            rate = learning_rate(stage, progress.step, progress.seconds / length)
            self._step(stage, batch, rate)
            progress.step += 1
            progress.total_steps += 1
            progress.windows += len(batch.inputs)
            now = time.monotonic()
            progress.seconds += now - last
            last = now
            if progress.step % REPORT_EVERY == 0 or progress.step in (1, 10):
                self._report(stage, rate)
            if now - saved > SAVE_EVERY_S:
                self._save()
                saved = now

    def _step(self, stage: Stage, batch: Batch, rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):
            losses = self._model(batch) if stage.decode else self._model.listen(batch)[1]
        loss = losses.tokens + stage.guide * losses.guide + stage.phones * losses.phones + stage.words * losses.words
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._model.parameters(), CLIP_NORM, error_if_nonfinite=False)
        self._optimizer.step()
        self._average(losses)

    def _average(self, losses: Losses) -> None:
        for field in fields(losses):
            value = float(getattr(losses, field.name).detach())
            if math.isfinite(value):
                self._means[field.name] = 0.98 * self._means.get(field.name, value) + 0.02 * value

    def _report(self, stage: Stage, rate: float) -> None:
        progress = self._progress
        means = " ".join(f"{name}={value:.3f}" for name, value in self._means.items() if value)
        print(
            f"{time.strftime('%H:%M:%S')} {stage.name} {progress.seconds / 60:.1f} min step {progress.step} "
            f"windows {progress.windows} rate {rate:.1e} {means}",
            flush=True,
        )

    def _save(self) -> None:
        """The state for ``resume`` and the export, each whole at every moment."""
        state: dict[str, Any] = {
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "progress": vars(self._progress),
            "torch_rng": torch.get_rng_state(),
        }
        temporary = self._state.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self._state)
        self._model.export(self._options.work / "demo.pt")

    def _load(self) -> None:
        state = torch.load(self._state)
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._progress = _Progress(**state["progress"])
        torch.set_rng_state(state["torch_rng"])


def learning_rate(stage: Stage, step: int, done: float) -> float:
    """The rate at this step, a share ``done`` of the stage's time being over."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return stage.rate * min(1.0, (step + 1) / stage.warm_up) * (stage.last_rate + (1 - stage.last_rate) * cosine)
