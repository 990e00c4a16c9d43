"""``python -m train_demo --work FOLDER``: makes the corpus, trains all stages, leaves ``demo.pt`` there."""

from __future__ import annotations

import argparse
from pathlib import Path

from .stages import STAGES
from .train import TrainOptions, train


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(prog="train_demo", description="Trains Stenobox's demonstration model.")
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for the corpus, the state and demo.pt"
    )
    parser.add_argument(
        "--minutes", type=float, default=100.0, help="training time, without making the corpus"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2, help="one for each core")
    parser.add_argument("--resume", action="store_true", help="go on from the folder's saved state")
    arguments = parser.parse_args()
    train(TrainOptions(stages=STAGES, **vars(arguments)))


if __name__ == "__main__":
    main()
