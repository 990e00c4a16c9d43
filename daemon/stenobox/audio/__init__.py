"""From a recording of any common format to 16 kHz mono samples, in a process that the file cannot escape
from.

`probe.py` and `decode.py` are what the rest of the product calls; `sandbox.py` is the parent's side of the
decoding child, `child.py`, `confine.py`, `readers.py` and `resample.py` are the child's. Nothing is imported
here: the child starts once per recording and must start quickly.
"""
