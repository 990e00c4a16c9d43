"""Being told of changes in a folder, where the kernel can tell: watchdog's inotify, a thread of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from stenobox.hotfolder.folders import Place

__all__ = ["Watch", "tells_of_changes"]

_TOLD_NOTHING = ("cifs", "smb3", "smbfs", "nfs", "nfs4", "9p", "ceph", "afs", "fuse", "vboxsf", "virtiofs")
# Not "modified": of a file that is being written there are thousands, and "closed" comes after them.
_WATCHED = frozenset({"created", "closed", "moved"})


def tells_of_changes(path: Path, mounts: str) -> bool:
    """Whether other machines' changes of the folder can be heard of; `mounts` is /proc/self/mountinfo."""
    best, kind = "", ""
    where = str(path)
    for line in mounts.splitlines():
        fields = line.split(" ")
        point = fields[4].encode().decode("unicode_escape")
        inside = where == point or where.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[fields.index("-") + 1]
    return kind.partition(".")[0] not in _TOLD_NOTHING


class Watch:
    """Tells `changed` the place of each file in the folder that changed, or None for "look at everything".

    `changed` is called in another thread. Where the kernel has no watches left, nothing is told: rescans do
    the work then.
    """

    def __init__(self, root: Path, changed: Callable[[Place | None], object]) -> None:
        self._root = root
        self._observer = Observer()
        self._observer.schedule(_Handler(root, changed), str(root), recursive=True)

    def start(self) -> None:
        """Blocks while the folders are walked. Raises OSError where there are no watches left."""
        self._observer.start()

    def stop(self) -> None:
        """Blocks until the thread has ended."""
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()


class _Handler(FileSystemEventHandler):
    def __init__(self, root: Path, changed: Callable[[Place | None], object]) -> None:
        self._root = root
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type not in _WATCHED:
            return
        if event.is_directory:
            # Files may have come into it before it was watched.
            if event.event_type in ("created", "moved"):
                self._changed(None)
            return
        path = event.dest_path if event.event_type == "moved" and event.dest_path else event.src_path
        changed = Path(os.fsdecode(path))
        if changed.is_relative_to(self._root):
            self._changed(changed.relative_to(self._root).parts)
