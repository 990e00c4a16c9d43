"""The box itself over HTTP: its models, its settings, how fast it is."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.application import Box, Person, ended, running_box, settings_for
from stenobox.config import MetricsSettings, ModelsSettings, OidcSettings
from stenobox.web.operations import OPERATIONS
from storing import wave_bytes

MODELS = "/api/admin/models"


@pytest.fixture
async def box(tmp_path: Path, demo_bundle: Path) -> AsyncIterator[Box]:
    """With a second model in its data folder, which nobody uses."""
    spare = tmp_path / "data" / "models" / "spare"
    shutil.copytree(demo_bundle, spare)
    manifest = spare / "model.toml"
    manifest.write_text(manifest.read_text().replace('name = "demo"', 'name = "spare"'))
    async with running_box(settings_for(tmp_path / "data", demo_bundle)) as box:
        yield box


async def read(person: Person, path: str) -> Any:
    """The answer, which has to be what the document says."""
    answer = await person.get(path)
    assert answer.status == 200, await answer.text()
    return msgspec.json.decode(await answer.read(), type=OPERATIONS["GET", path].answers[200].kind)


async def code(answer: Any) -> tuple[int, str]:
    return answer.status, (await answer.json())["code"]


async def test_models_are_listed_verified_and_removed(box: Box, anna: Person) -> None:
    job = await (await anna.upload(wave_bytes(0.3))).json()
    await ended(anna, job["id"])
    demo, spare = (await read(anna, MODELS)).models
    assert (demo.name, demo.default, demo.loaded, demo.usable) == ("demo", True, True, True)
    assert (spare.name, spare.default, spare.loaded, spare.waiting) == ("spare", False, False, 0)
    verdict = await (await anna.post(f"{MODELS}/spare/verify")).json()
    assert verdict == {"ok": True, "code": None, "file": None, "detail": None}
    assert (await anna.delete(f"{MODELS}/spare")).status == 204
    assert [model.name for model in (await read(anna, MODELS)).models] == ["demo"]
    assert await code(await anna.delete(f"{MODELS}/spare")) == (404, "not_found")
    assert await code(await anna.post(f"{MODELS}/spare/verify")) == (404, "not_found")
    assert await code(await anna.delete(f"{MODELS}/demo")) == (409, "model_in_use")


async def test_a_damaged_model_is_named_with_its_file(box: Box, anna: Person, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "models" / "spare"
    damaged = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    damaged.write_bytes(bytes(damaged.stat().st_size))
    verdict = await (await anna.post(f"{MODELS}/spare/verify")).json()
    assert (verdict["ok"], verdict["code"], verdict["file"]) == (False, "file_differs", damaged.name)


async def test_a_model_that_was_not_installed_here_is_not_removed(tmp_path: Path, demo_bundle: Path) -> None:
    settings = settings_for(tmp_path / "data", demo_bundle)
    settings = replace(settings, models=replace(settings.models, default="another"))
    async with running_box(settings) as box:
        anna = await box.set_up()
        assert await code(await anna.delete(f"{MODELS}/demo")) == (422, "model_not_removable")


async def test_the_settings_are_shown_with_what_is_unsafe_in_them(tmp_path: Path, demo_bundle: Path) -> None:
    secret = tmp_path / "qcanary"
    secret.write_text("qcanary")
    settings = settings_for(
        tmp_path / "data",
        demo_bundle,
        metrics=MetricsSettings(public=True),
        oidc=OidcSettings(secret_file=secret),
    )
    async with running_box(settings) as box:
        anna = await box.set_up()
        found = await read(anna, "/api/admin/settings")
        assert "qcanary" not in await (await anna.get("/api/admin/settings")).text()
    values = {f"{section.name}.{one.name}": one for section in found.sections for one in section.settings}
    assert values["metrics.public"].value is True
    assert (values["oidc.secret_file"].secret, values["oidc.secret_file"].is_set) == (True, True)
    assert [warning.code for warning in found.warnings] == ["metrics"]
    assert "metrics.public" in found.warnings[0].text
    assert ModelsSettings().slots == values["models.slots"].default


async def test_the_performance_tells_of_the_work_the_queue_and_the_machine(box: Box, anna: Person) -> None:
    before = await read(anna, "/api/admin/health/performance")
    assert (before.last_day.jobs, before.waiting_seconds.count) == (0, 0)
    job = await (await anna.upload(wave_bytes(1.0))).json()
    assert (await ended(anna, job["id"]))["state"] == "done"
    found = await read(anna, "/api/admin/health/performance")
    assert found.complete
    assert found.last_hour == found.last_day
    assert (found.last_hour.jobs, found.last_hour.audio_seconds) == (1, pytest.approx(1.0, abs=0.1))
    assert [model.model for model in found.last_hour.models] == ["demo"]
    assert found.last_hour.work_seconds > 0
    assert found.waiting_seconds.count == 1
    assert found.requests.count > before.requests.count
    assert found.requests.p99_seconds is not None
    assert found.host.cpus and found.host.memory_total and found.host.disk_size
