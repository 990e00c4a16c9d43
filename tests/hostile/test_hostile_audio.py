"""Hand-made and damaged files against the real daemon: it stays up, its child stays small, words are clear.

A sample of what `make fuzz-audio` sends.
"""

from __future__ import annotations

import os
from pathlib import Path

from harness.daemon import Daemon
from hostile.fuzz_audio import damaged
from hostile.hostile_audio import hand_made
from hostile.mutating_audio import mutated, sound_recordings
from hostile.sending_audio import SETTINGS, bait, send_all, visited
from stenobox.audio import readers

# Seed 7 has, among them, tables that send the decoder to places before the beginning of the file.
SEED, DAMAGED = 7, 60


def test_hostile_files_leave_the_daemon_up_and_are_each_told_what_is_wrong(
    tmp_path: Path, demo_bundle: Path
) -> None:
    made, broken = tmp_path / "made", tmp_path / "broken"
    made.mkdir()
    broken.mkdir()
    with bait() as (address, server):
        files = [*hand_made(made, address), *damaged(broken, SEED, range(DAMAGED))]
        assert len(files) >= 30 + DAMAGED
        with Daemon(tmp_path / "data", model=demo_bundle, settings=SETTINGS) as box:
            box.set_up()
            report = send_all(box, files)
            assert report.wrong == []
            assert report.outcomes.total() == len(files)
            assert box.stop() == 0
        assert not visited(server), "an address that a file names was visited"


def test_a_place_before_the_beginning_of_the_file_is_an_answer_and_no_fault_of_ours(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    descriptor = os.open(tmp_path / "a", os.O_RDONLY)
    try:
        source = readers._Input(descriptor)
        assert source.seek(4) == 4
        for offset, whence in ((-1, os.SEEK_SET), (-11, os.SEEK_END), (-(2**63), os.SEEK_SET)):
            assert source.seek(offset, whence) < 0
        assert (source.tell(), source.read(2)) == (4, b"45")
        source.close()
    finally:
        os.close(descriptor)


def test_damage_depends_on_its_seed_and_number_alone_and_is_damage(tmp_path: Path) -> None:
    sound = sound_recordings(tmp_path)
    cases = [mutated(sound, 3, number) for number in range(200)]
    assert cases == [mutated(sound, 3, number) for number in range(200)]
    assert cases != [mutated(sound, 4, number) for number in range(200)]
    assert sum(content != sound[name] for name, content in cases) > 190
