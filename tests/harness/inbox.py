"""A daemon with one hot folder: `with HotBox(folder, model=demo_bundle) as box: ...`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from .daemon import ADMIN, PATIENCE_S, Daemon

NAME = "office"


class HotBox(Daemon):
    """`inbox` holds its settings as TOML values by key, `settings` the daemon's; its log level is `debug`."""

    def __init__(
        self, folder: Path, *, model: Path, settings: Mapping[str, object] | None = None, **inbox: str
    ) -> None:
        self.inbox = folder / "inbox"
        self.inbox.mkdir(parents=True, exist_ok=True)
        self.config = folder / "stenobox.toml"
        keys = {"name": f'"{NAME}"', "path": f'"{self.inbox}"', "owner": f'"{ADMIN}"'} | inbox
        self.config.write_text("[[inbox]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()))
        super().__init__(
            folder / "data",
            model=model,
            settings={"config": self.config, "log.level": "debug"} | dict(settings or {}),
        )

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.set_up()
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)

    def files(self) -> set[str]:
        """Every file in the inbox, by its path there."""
        return {str(path.relative_to(self.inbox)) for path in self.inbox.rglob("*") if path.is_file()}

    def wait_until(self, holds: Callable[[], object], what: object = "it did not happen") -> None:
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, (what, self.files())
            time.sleep(0.05)

    def wait_for_files(self, *names: str) -> None:
        self.wait_until(lambda: set(names) <= self.files(), names)

    def jobs(self) -> list[dict[str, object]]:
        """All jobs, the newest first."""
        return list(self.get("/api/jobs?limit=200").json["jobs"])

    def stored(self, job: dict[str, object]) -> bytes:
        """The recording of a job as the box keeps it."""
        return self.get(f"/api/recordings/{job['recording_id']}/audio").body
