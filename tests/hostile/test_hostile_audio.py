"""Hand-made and damaged files against the real daemon: it stays up, its child stays small, words are clear.

A sample of what `make fuzz-audio` sends.
"""

from __future__ import annotations

from pathlib import Path

from harness.daemon import Daemon
from hostile.fuzz_audio import damaged
from hostile.hostile_audio import hand_made
from hostile.mutating_audio import mutated, sound_recordings
from hostile.sending_audio import SETTINGS, bait, send_all, visited

DAMAGED = 60


def test_hostile_files_leave_the_daemon_up_and_are_each_told_what_is_wrong(
    tmp_path: Path, demo_bundle: Path
) -> None:
    made, broken = tmp_path / "made", tmp_path / "broken"
    made.mkdir()
    broken.mkdir()
    with bait() as (address, server):
        files = [*hand_made(made, address), *damaged(broken, 0, range(DAMAGED))]
        assert len(files) >= 30 + DAMAGED
        with Daemon(tmp_path / "data", model=demo_bundle, settings=SETTINGS) as box:
            box.set_up()
            report = send_all(box, files)
            assert report.wrong == []
            assert report.outcomes.total() == len(files)
            assert box.stop() == 0
        assert not visited(server), "an address that a file names was visited"


def test_damage_depends_on_its_seed_and_number_alone_and_is_damage(tmp_path: Path) -> None:
    sound = sound_recordings(tmp_path)
    cases = [mutated(sound, 3, number) for number in range(200)]
    assert cases == [mutated(sound, 3, number) for number in range(200)]
    assert cases != [mutated(sound, 4, number) for number in range(200)]
    assert sum(content != sound[name] for name, content in cases) > 190
