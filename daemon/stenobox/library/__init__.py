"""The library: what people see of recordings, how long they are kept, and how much of them.

What holds, whatever happens in which order:
- A recording is in the trash if and only if all its jobs are.
- A job that waits or runs is not in the trash, and its recording has its audio.
- Bytes are in `media/` exactly as long as a row names them (`recordings.py`).
"""

from stenobox.library.entries import Change, Entry, EntryPage, Filter, Library
from stenobox.library.quotas import Quotas, Use
from stenobox.library.retention import Cleared, Retention
from stenobox.library.trash import Trash
from stenobox.library.waveforms import Waveform, Waveforms

__all__ = [
    "Change",
    "Cleared",
    "Entry",
    "EntryPage",
    "Filter",
    "Library",
    "Quotas",
    "Retention",
    "Trash",
    "Use",
    "Waveform",
    "Waveforms",
]
