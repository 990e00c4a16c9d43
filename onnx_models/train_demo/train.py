"""The training loop: stages by the clock, a state that can be resumed, an export that is always whole.

Every core gets a process of its own with its own batches; their gradients are averaged at each step.
On two cores this is a third faster than one process with two threads.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
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
    """``minutes`` is the time the steps take, without the making of the corpus."""

    work: Path
    minutes: float
    seed: int
    stages: tuple[Stage, ...]
    processes: int = 2
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


def train(options: TrainOptions) -> None:
    """Makes the corpus, then trains all stages, from the beginning or from where the saved state left off."""
    options.work.mkdir(parents=True, exist_ok=True)
    make_corpus(options.work, options.corpus or CorpusOptions(seed=options.seed))
    # Freed memory stays with the process: giving it back at every step costs a tenth of the time.
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(32 << 20))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(8 << 30))
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(  # type: ignore[attr-defined, no-untyped-call]
            _train_in_process, (options, Path(folder) / "meet"), nprocs=options.processes
        )


def _train_in_process(rank: int, options: TrainOptions, meeting: Path) -> None:
    dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=options.processes)
    Trainer(options, rank).run()
    dist.destroy_process_group()


class Trainer:
    """One process of the training.  The first writes ``state.pt``, to resume, and ``demo.pt``."""

    def __init__(self, options: TrainOptions, rank: int) -> None:
        self._options = options
        self._rank = rank
        torch.set_num_threads(1)
        torch.manual_seed(options.seed)
        self._model = Trainee(ReducedVocabulary(), Dimensions())
        self._optimizer = self._new_optimizer()
        self._progress = _Progress()
        self._means: dict[str, float] = {}

    def run(self) -> None:
        """All stages that are left."""
        options = self._options
        if options.resume and self._state.exists():
            self._load()
        while self._progress.stage < len(options.stages):
            self._run_stage(options.stages[self._progress.stage])
            self._progress.stage += 1
            self._progress.seconds = 0.0
            self._progress.step = 0
            if self._rank == 0:
                self._save()

    def _new_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self._model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY, foreach=True
        )

    @property
    def _state(self) -> Path:
        return self._options.work / "state.pt"

    def _run_stage(self, stage: Stage) -> None:
        progress = self._progress
        options = self._options
        length = stage.share * options.minutes * 60
        # The steps done are part of the seed, so that a resumed stage goes on with new windows.
        seed = options.seed * 1_000_003 + progress.stage * 10_007 + progress.total_steps
        seed = seed * options.processes + self._rank
        batches = Batches(options.work, stage.batches, seed)
        if stage.decoder_layers > self._model.dims.n_text_layer:
            torch.manual_seed(seed // options.processes)  # the same new layers in every process
            self._model.grow(stage.decoder_layers)
            self._optimizer = self._new_optimizer()
        self._means.clear()
        saved = last = time.monotonic()
        for batch in DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=24):
            if progress.seconds >= length:
                break
            rate = learning_rate(stage, progress.step, progress.seconds / length)
            now = time.monotonic()
            seconds, windows = self._step(stage, batch, rate, now - last)
            last = now
            progress.step += 1
            progress.total_steps += 1
            progress.seconds += seconds
            progress.windows += windows
            if self._rank > 0:
                continue
            if progress.step % REPORT_EVERY == 0 or progress.step in (1, 10):
                self._report(stage, rate)
            if now - saved > SAVE_EVERY_S:
                self._save()
                saved = now

    def _step(self, stage: Stage, batch: Batch, rate: float, seconds: float) -> tuple[float, int]:
        """One step of all processes together; returns the seconds since the last one and the windows of this.

        Both are agreed among the processes, which so end their stages at the same step.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):
            losses = self._model(batch) if stage.decode else self._model.listen(batch)[1]
        loss = (
            losses.tokens
            + stage.guide * losses.guide
            + stage.phones * losses.phones
            + stage.words * losses.words
        )
        self._optimizer.zero_grad()
        loss.backward()
        seconds, windows = self._average_gradients(seconds, len(batch.inputs))
        nn.utils.clip_grad_norm_(self._model.parameters(), CLIP_NORM, error_if_nonfinite=False)
        self._optimizer.step()
        self._average(losses)
        return seconds, windows

    def _average_gradients(self, seconds: float, windows: int) -> tuple[float, int]:
        gradients = [p.grad for p in self._model.parameters() if p.grad is not None]
        together = torch.cat([torch.tensor([seconds, float(windows)]), *(g.flatten() for g in gradients)])
        dist.all_reduce(together)
        together /= self._options.processes
        averaged = torch.split(together[2:], [g.numel() for g in gradients])
        for gradient, values in zip(gradients, averaged, strict=True):
            gradient.copy_(values.view_as(gradient))
        return float(together[0]), round(float(together[1]) * self._options.processes)

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
            "decoder_layers": self._model.dims.n_text_layer,
            "progress": vars(self._progress),
            "torch_rng": torch.get_rng_state(),
        }
        temporary = self._state.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(self._state)
        self._model.export(self._options.work / "demo.pt")

    def _load(self) -> None:
        state = torch.load(self._state)
        self._model.grow(state.get("decoder_layers", 2))
        self._optimizer = self._new_optimizer()
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._progress = _Progress(**state["progress"])
        torch.set_rng_state(state["torch_rng"])


def learning_rate(stage: Stage, step: int, done: float) -> float:
    """The rate at this step, a share ``done`` of the stage's time being over."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return (
        stage.rate * min(1.0, (step + 1) / stage.warm_up) * (stage.last_rate + (1 - stage.last_rate) * cosine)
    )
