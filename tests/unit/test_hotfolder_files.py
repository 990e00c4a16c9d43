"""The parts of hot folders that touch files: names, folders, and whether a copy has ended."""

from __future__ import annotations

import itertools
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stenobox.cli.checks import check_inbox
from stenobox.hotfolder.complete import Look, State, look_at, state_of
from stenobox.hotfolder.folders import folder, move, open_file, remove, sweep, write_new
from stenobox.hotfolder.names import Rules, free_names, result_names, shown, tags_of
from stenobox.hotfolder.watching import tells_of_changes
from stenobox.inboxes import InboxSettings
from stenobox.safety import Verdict


@pytest.mark.parametrize(
    ("place", "skipped"),
    [
        (("talk.wav",), False),
        (("TALK.MP3",), False),
        (("sub", "talk.wav"), False),
        (("sub", "done", "talk.wav"), False),  # only at the top is it ours
        (("done", "talk.wav"), True),
        (("failed", "sub", "talk.wav"), True),
        ((".talk.wav",), True),
        ((".stenobox-1a2b.tmp",), True),
        (("~$talk.wav",), True),
        (("talk.wav~",), True),
        (("talk.wav.part",), True),
        (("talk.wav.CRDOWNLOAD",), True),
        (("Thumbs.db",), True),
        (("stenobox.toml",), True),
        ((".git", "talk.wav"), True),
        (("talk.txt",), True),
        (("talk.SRT",), True),
        (("talk.wav.error.txt",), True),
        (("talk.bak",), True),
    ],
)
def test_names_that_programs_and_systems_leave_behind_are_not_recordings(
    place: tuple[str, ...], skipped: bool
) -> None:
    assert Rules(["*.BAK"]).skips(place) is skipped


def test_results_are_called_after_the_recording_and_other_names_follow_when_that_is_taken() -> None:
    assert list(itertools.islice(result_names("a.b.wav", "txt"), 3)) == [
        "a.b.txt",
        "a.b.wav.txt",
        "a.b.wav (2).txt",
    ]
    assert next(result_names("talk", "srt")) == "talk.srt"
    assert next(result_names(".wav", "srt")) == ".wav.srt"
    assert list(itertools.islice(free_names("a.wav"), 3)) == ["a.wav", "a (2).wav", "a (3).wav"]
    assert list(itertools.islice(free_names("a"), 2)) == ["a", "a (2)"]


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_any_name_can_be_shown(name: bytes) -> None:
    shown(os.fsdecode(name)).encode("utf-8")


def test_folders_become_tags_once_each() -> None:
    assert tags_of(("clients", "smith", "clients", "a.wav")) == ("clients", "smith")
    assert tags_of(("a.wav",)) == ()


# Folders


def test_no_link_leads_out_of_the_inbox(tmp_path: Path) -> None:
    inbox, outside = tmp_path / "inbox", tmp_path / "outside"
    inbox.mkdir()
    outside.mkdir()
    (outside / "a.wav").write_bytes(b"secret")
    (inbox / "link").symlink_to(outside)
    (inbox / "a.wav").symlink_to(outside / "a.wav")
    for place in (("link", "a.wav"), ("a.wav",)):
        with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
            os.close(open_file(inbox, place))
        assert look_at(inbox, place) is None
    with pytest.raises(NotADirectoryError):
        write_new(inbox, ("link",), iter(["b.txt"]), b"text")
    (inbox / "c.wav").write_bytes(b"ours")
    with pytest.raises(NotADirectoryError):
        move(inbox, ("c.wav",), ("link",), iter(["c.wav"]))
    assert [path.name for path in outside.iterdir()] == ["a.wav"]


def test_a_result_is_written_whole_under_the_first_free_name_and_only_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"somebody else's")
    for _ in range(2):  # again, as after a crash
        write_new(tmp_path, (), result_names("a.wav", "txt"), b"the words")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a.txt": b"somebody else's",
        "a.wav.txt": b"the words",
    }


def test_what_is_new_has_the_folders_rights(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    inbox.chmod(0o2770)
    write_new(inbox, ("failed", "sub"), iter(["a.txt"]), b"text")
    assert stat.S_IMODE((inbox / "failed" / "sub" / "a.txt").stat().st_mode) == 0o660
    assert stat.S_IMODE((inbox / "failed" / "sub").stat().st_mode) == 0o2770


def test_nothing_is_replaced_by_a_move(tmp_path: Path) -> None:
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "a.wav").write_bytes(b"older")
    (tmp_path / "a.wav").write_bytes(b"newer")
    look = look_at(tmp_path, ("a.wav",))
    assert move(tmp_path, ("a.wav",), ("done",), free_names("a.wav")) == "a (2).wav"
    assert (tmp_path / "done" / "a.wav").read_bytes() == b"older"
    assert look_at(tmp_path, ("done", "a (2).wav")) == look
    remove(tmp_path, ("done", "a (2).wav"))
    assert look_at(tmp_path, ("done", "a (2).wav")) is None


def test_descriptors_of_folders_are_closed_whatever_happens(tmp_path: Path) -> None:
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    with pytest.raises(FileNotFoundError), folder(tmp_path, ("a", "b")):
        pass
    with pytest.raises(RuntimeError), folder(tmp_path, ("a", "b"), create=True):
        raise RuntimeError
    assert len(list(descriptors.iterdir())) == before


# Whether a copy has ended


def state(path: Path) -> State:
    descriptor = open_file(path.parent, (path.name,))
    try:
        return state_of(descriptor)
    finally:
        os.close(descriptor)


def test_a_file_is_open_as_long_as_somebody_may_write_to_it(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with path.open("wb") as writer:
        writer.write(b"x" * 100_000)
        writer.flush()
        assert state(path) is State.OPEN
        with path.open("rb"):
            pass
        assert state(path) is State.OPEN
    assert state(path) is State.CLOSED
    with path.open("rb"):
        assert state(path) is State.CLOSED


def test_a_file_whose_end_was_never_written_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"x" * 300_000)
    os.truncate(path, 1_000_000)
    assert state(path) is State.CUT_OFF
    with path.open("r+b") as file:
        file.seek(999_999)
        file.write(b"x")
    assert state(path) is State.CLOSED  # a hole inside may be a recording's silence


def test_a_writer_that_comes_meanwhile_ends_nobody(tmp_path: Path) -> None:
    """The signal of a broken lease would end a process that is not ready for it."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"x")
    for _ in range(200):
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", f"echo y >> '{path}'"], os.environ)
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            assert state(path) in (State.OPEN, State.CLOSED)


def test_another_content_looks_different(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"one")
    first = look_at(tmp_path, ("a.wav",))
    assert isinstance(first, Look)
    path.with_name("b.wav").write_bytes(b"two")
    path.with_name("b.wav").rename(path)
    assert look_at(tmp_path, ("a.wav",)) != first


# Watching


def test_what_was_being_written_when_the_power_went_is_swept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "inbox" / "deep" / "er").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "inbox" / "link").symlink_to(tmp_path / "elsewhere")
    left = ("inbox/.stenobox-1a2b.tmp", "inbox/deep/er/.stenobox-0123456789abcdef.tmp")
    others = (
        "inbox/.stenobox-notes.tmp", "inbox/.stenobox-1a2b.tmp.txt", "inbox/x.stenobox-1a2b.tmp",
        "inbox/deep/talk.wav", "elsewhere/.stenobox-1a2b.tmp",
    )  # fmt: skip
    for name in (*left, *others):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "inbox" / "deep" / ".stenobox-ff.tmp").mkdir()
    assert sweep(tmp_path / "inbox") == 2
    assert not [name for name in left if (tmp_path / name).exists()]
    assert all((tmp_path / name).exists() for name in others)
    with pytest.raises(FileNotFoundError):
        sweep(tmp_path / "nothing")


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv/share rw,relatime shared:7 - cifs //nas/share rw
31 30 8:2 / /srv/share/local rw,relatime - xfs /dev/sdb1 rw
32 22 0:41 / /srv/two\\040words rw - nfs4 nas:/x rw
33 22 0:42 / /srv/fuse rw - fuse.sshfs x rw
"""


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/srv/office", True),
        ("/srv/share", False),
        ("/srv/share/deep/er", False),
        ("/srv/share/local/x", True),
        ("/srv/sharedfolder", True),
        ("/srv/two words/x", False),
        ("/srv/fuse", False),
    ],
)
def test_shares_of_other_machines_are_looked_through(path: str, told: bool) -> None:
    assert tells_of_changes(Path(path), MOUNTS) is told


def test_doctor_names_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    inbox = InboxSettings(name="office", path=tmp_path / "inbox", owner="anna")
    assert check_inbox(inbox).verdict is Verdict.FAIL
    (tmp_path / "inbox").mkdir()
    assert check_inbox(inbox).verdict in (Verdict.OK, Verdict.WARN)
