"""How many processors there are to compute on."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["physical_cores"]


def physical_cores() -> int:
    """Physical cores among the processors that this process may run on (hyper-threads counted once)."""
    cores = set()
    for processor in os.sched_getaffinity(0):
        topology = Path(f"/sys/devices/system/cpu/cpu{processor}/topology")
        try:
            package = (topology / "physical_package_id").read_text()
            cores.add((package, (topology / "core_id").read_text()))
        except OSError:  # no sysfs in this container: count processors
            cores.add(("", str(processor)))
    return len(cores)
