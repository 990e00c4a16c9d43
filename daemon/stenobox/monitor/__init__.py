"""What lets people and machines see how the box is.

`health.py` answers "is it ready, and if not why", `metrics.py` counts, `collectors.py`, `gpu.py` and
`host.py` look at one subject each when Prometheus asks, `lag.py` measures the event loop,
`performance.py` answers "why is it slow" from the same `figures.py`, `watchdog.py` tells systemd.
"""
