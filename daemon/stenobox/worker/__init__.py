"""The part that turns queued jobs into transcripts.

`loop.py` claims jobs and keeps their leases, `attempt.py` is one attempt of one job, `engine.py` the one
thread that owns the speech models, `checkpoint.py` what a later attempt goes on from.
"""

from stenobox.worker.engine import Engine
from stenobox.worker.loop import Worker, WorkerStatus
from stenobox.worker.observer import Outcome, WorkerObserver

__all__ = ["Engine", "Outcome", "Worker", "WorkerObserver", "WorkerStatus"]
