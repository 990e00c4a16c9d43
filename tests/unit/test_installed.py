"""The models of the box while it works: verified, and removed only when nobody needs them."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from stenobox import installed as module
from stenobox.audit import Filter, Trail
from stenobox.config import ModelsSettings, Settings
from stenobox.errors import DiskFull, ModelInUse, ModelNotRemovable, NotFound, VerificationRuns
from stenobox.installed import LOWEST, InstalledModels
from stenobox.models import ModelStore
from stenobox.types import Identity
from storing import Store


@dataclass
class Loaded:
    name: str


class Shelf:
    """A box with the demo model from a folder of the settings, and copies of it in its data folder."""

    def __init__(self, store: Store, demo: Path, default: str = "demo") -> None:
        self.folder = store.layout.models
        self._demo = demo
        settings = Settings(data=store.layout.root, models=ModelsSettings(path=(demo,), default=default))
        self.store = ModelStore(settings, store.layout)
        self.loaded: list[Loaded] = []
        self.models = InstalledModels(self.store, store.db, lambda: self.loaded)

    def add(self, name: str) -> Path:
        folder = self.folder / name
        shutil.copytree(self._demo, folder)
        manifest = folder / "model.toml"
        manifest.write_text(manifest.read_text().replace('name = "demo"', f'name = "{name}"'))
        return folder

    def names(self) -> list[str]:
        return [info.name for info in self.store.list()]


@pytest.fixture
def shelf(store: Store, demo_bundle: Path) -> Shelf:
    return Shelf(store, demo_bundle)


async def told(trail: Trail) -> list[tuple[str, str | None, dict[str, object]]]:
    """The oldest first."""
    rows = (await trail.page(Filter(subject="model"), 50)).rows
    return [(row.action, row.target, dict(row.values)) for row in reversed(rows)]


async def test_each_model_is_listed_with_who_needs_it(shelf: Shelf, store: Store, ann: Identity) -> None:
    shelf.add("spare")
    await store.job(ann)
    shelf.loaded.append(Loaded("demo"))
    demo, spare = await shelf.models.list()
    assert (demo.info.name, demo.default, demo.loaded, demo.waiting) == ("demo", True, True, 1)
    assert (spare.info.name, spare.default, spare.loaded, spare.waiting) == ("spare", False, False, 0)
    assert (spare.provider, spare.problem) == ("cpu", "")
    assert spare.info.source and spare.info.licence and len(spare.info.sha256) == 64


async def test_a_model_that_the_settings_keep_from_running_says_why(store: Store, demo_bundle: Path) -> None:
    models = ModelsSettings(path=(demo_bundle,), provider="cuda")
    shelf = ModelStore(Settings(data=store.layout.root, models=models), store.layout)
    (demo,) = await InstalledModels(shelf, store.db, tuple).list()
    assert demo.provider == "cpu"
    assert "built for cpu-fp32" in demo.problem


async def test_a_broken_model_is_listed_with_its_problem(shelf: Shelf) -> None:
    (shelf.add("broken") / "model.toml").write_text("format = 99")
    found = {model.info.name: model for model in await shelf.models.list()}
    assert found["broken"].provider == ""
    assert "format" in found["broken"].problem


async def test_verifying_names_the_file_that_differs_and_is_recorded(shelf: Shelf, trail: Trail) -> None:
    folder = shelf.add("spare")
    assert (await shelf.models.verify("spare")).code is None
    damaged = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(damaged.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(data)
    found = await shelf.models.verify("spare")
    assert (found.code, found.file) == ("file_differs", damaged.name)
    assert damaged.name in found.problem
    damaged.unlink()
    assert (await shelf.models.verify("spare")).code == "unreadable"
    (whole, differs, missing) = await told(trail)
    assert whole[:2] == ("model.verified", "model:spare")
    assert (whole[2]["problem"], whole[2]["file"]) == (None, None)
    assert (differs[2]["problem"], differs[2]["file"]) == ("file_differs", damaged.name)
    assert missing[2]["problem"] == "unreadable"
    with pytest.raises(NotFound):
        await shelf.models.verify("nothing")


async def test_one_model_is_verified_at_a_time(shelf: Shelf) -> None:
    shelf.add("spare")
    first, second = await asyncio.gather(
        shelf.models.verify("spare"), shelf.models.verify("demo"), return_exceptions=True
    )
    assert not isinstance(first, BaseException)
    assert isinstance(second, VerificationRuns)
    assert (await shelf.models.verify("demo")).code is None


async def test_verifying_steps_behind_all_other_work_and_leaves_the_rest_as_it_was() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert await module._humbly(lambda: os.getpriority(os.PRIO_PROCESS, 0)) == LOWEST
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


async def test_a_model_that_nobody_needs_goes_with_its_files(shelf: Shelf, trail: Trail) -> None:
    shelf.add("spare")
    await shelf.models.remove("spare")
    assert shelf.names() == ["demo"]
    assert list(shelf.folder.iterdir()) == []
    assert [row[:2] for row in await told(trail)] == [("model.removed", "model:spare")]
    with pytest.raises(NotFound):
        await shelf.models.remove("spare")


async def test_a_model_that_is_needed_stays(store: Store, demo_bundle: Path, trail: Trail) -> None:
    shelf = Shelf(store, demo_bundle, default="spare")
    shelf.add("spare")
    shelf.add("other")
    with pytest.raises(ModelInUse, match="default"):
        await shelf.models.remove("spare")
    shelf.loaded.append(Loaded("other"))
    with pytest.raises(ModelInUse, match="in memory"):
        await shelf.models.remove("other")
    assert shelf.names() == ["demo", "other", "spare"]
    assert await told(trail) == []


async def test_a_model_that_jobs_wait_for_stays(
    store: Store, demo_bundle: Path, ann: Identity, trail: Trail
) -> None:
    """And so while one runs."""
    shelf = Shelf(store, demo_bundle, default="spare")
    shelf.add("demo")  # goes before the one of the settings
    job = await store.job(ann)
    for _ in range(2):
        with pytest.raises(ModelInUse, match="wait or run"):
            await shelf.models.remove("demo")
        await store.jobs.claim(60)
    await store.jobs.cancel(job.id, ann)
    await shelf.models.remove("demo")
    assert [info.folder for info in shelf.store.list()] == [demo_bundle]
    with pytest.raises(ModelNotRemovable):
        await shelf.models.remove("demo")


async def test_a_removal_that_cannot_be_recorded_removes_nothing(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise DiskFull

    folder = shelf.add("spare")
    monkeypatch.setattr(module, "record", full)
    with pytest.raises(DiskFull):
        await shelf.models.remove("spare")
    assert folder.is_dir()
    monkeypatch.undo()
    assert (await shelf.models.verify("spare")).code is None


async def test_what_a_power_cut_left_of_a_removal_is_swept(shelf: Shelf) -> None:
    shelf.add("spare")
    (info,) = [info for info in shelf.store.list() if info.name == "spare"]
    aside = shelf.store.set_aside(info)
    elsewhere = shelf.add("kept")
    (shelf.folder / ".b.removed-0").symlink_to(elsewhere)
    assert shelf.names() == ["demo", "kept"]
    shelf.store.sweep()
    assert not aside.exists()
    assert list(shelf.folder.iterdir()) == [elsewhere]
    assert (elsewhere / "model.toml").is_file()
