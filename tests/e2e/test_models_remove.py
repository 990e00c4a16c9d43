"""`stenobox models remove` beside a running daemon and without one, with the same rules."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.daemon import Daemon, command


def add(demo: Path, data: Path, name: str) -> Path:
    folder = data / "models" / name
    shutil.copytree(demo, folder)
    manifest = folder / "model.toml"
    manifest.write_text(manifest.read_text().replace('name = "demo"', f'name = "{name}"'))
    return folder


def test_a_model_goes_beside_the_daemon_and_without_it_and_is_in_the_trail(
    tmp_path: Path, demo_bundle: Path
) -> None:
    data = tmp_path / "data"
    folders = [add(demo_bundle, data, name) for name in ("one", "two")]
    with Daemon(data, model=demo_bundle) as box:
        box.set_up()
        done = command("models", "remove", "one", data=data)
        assert (done.returncode, done.stdout) == (0, "one: removed\n"), done.stderr
        again = command("models", "remove", "one", data=data)
        assert (again.returncode, again.stdout) == (1, "")
        default = command("models", "remove", "demo", data=data)
        assert default.returncode == 1
        assert "it is the default" in default.stderr
        (row,) = box.get("/api/admin/audit?action=model.removed").json["rows"]
        assert (row["target"], row["via"]) == ("model:one", "local")
        assert box.get("/api/admin/models").json["models"][-1]["name"] == "two"
    assert command("models", "remove", "two", data=data).returncode == 0
    assert not any(folder.exists() for folder in folders)
    rows = command("audit", "export", data=data).stdout.splitlines()
    assert '"model:two"' in rows[-1]
    assert '"operator"' in rows[-1]
