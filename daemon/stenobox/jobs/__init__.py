"""The queue: durable, fair, at least once run and exactly once committed.

A job is claimed with an attempt number that only grows and a lease that has to be renewed. Everything a
worker writes is guarded by (job, attempt, state running), so an attempt that was overtaken cannot write any
more: it gets LeaseLost. The transcript and the state `done` commit in one transaction.

    queued ──claim──> running ──complete──> done
      ^                  │ ──fail (input is bad)──────────────> failed
      │<─release, fail,  │ ──fail or crash for the last time──> quarantined
      │  crash, expiry───┘
    queued, running ──cancel──> cancelled
    failed, cancelled, quarantined ──retry──> queued
"""

from stenobox.jobs.page import Page
from stenobox.jobs.queue import Jobs

__all__ = ["Jobs", "Page"]
