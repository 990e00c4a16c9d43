"""`stenobox push` before the first byte goes out: which files, which server, which key, what was sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stenobox.cli.finding import recordings_of
from stenobox.cli.push import key_given, server_of
from stenobox.cli.receipts import KEPT_SECONDS, Receipt, Receipts, Snapshot, key_of
from stenobox.config import load_settings
from stenobox.errors import InvalidRequest


def make(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_a_folder_gives_its_recordings_sorted_and_nothing_else(tmp_path: Path) -> None:
    wanted = [tmp_path / "a.wav", tmp_path / "B.MP3", tmp_path / "call" / "2.m4a"]
    make(*wanted)
    others = ("notes.txt", ".hidden.wav", "~lock.wav", "a.wav.part", ".git/x.wav", "Thumbs.db")
    make(*(tmp_path / name for name in others))
    assert recordings_of([tmp_path]) == [tmp_path / "B.MP3", tmp_path / "a.wav", tmp_path / "call" / "2.m4a"]


def test_a_file_that_is_named_is_taken_whatever_its_name_and_only_once(tmp_path: Path) -> None:
    make(tmp_path / "voice.dat", tmp_path / "a.wav")
    files = [tmp_path / "voice.dat", tmp_path, tmp_path / "a.wav", tmp_path / "." / "voice.dat"]
    assert recordings_of(files) == [tmp_path / "voice.dat", tmp_path / "a.wav"]


def test_a_name_that_is_nothing_and_a_folder_without_recordings_are_wrong_calls(tmp_path: Path) -> None:
    make(tmp_path / "notes.txt")
    for wrong in (tmp_path / "missing.wav", tmp_path):
        with pytest.raises(InvalidRequest) as caught:
            recordings_of([wrong])
        assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "wrong", ["", "box", "box:8080", "ftp://box", "http://", "http://anna:secret@box", "file:///etc"]
)
def test_a_server_is_an_http_address_without_a_password_in_it(wrong: str) -> None:
    with pytest.raises(InvalidRequest):
        server_of(wrong, {})


def test_the_option_names_the_server_before_the_variable() -> None:
    environment = {"STENOBOX_SERVER": "https://box.example/"}
    assert server_of(None, environment) == "https://box.example"
    assert server_of("http://127.0.0.1:8080", environment) == "http://127.0.0.1:8080"


def test_a_key_comes_from_a_file_or_a_variable_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("stbx_from_file\n")
    environment = {"STENOBOX_KEY": "stbx_from_variable"}
    assert key_given(None, tmp_path / "key", environment) == "stbx_from_file"
    assert key_given(None, None, environment) == "stbx_from_variable"
    assert key_given("stbx_given", None, environment) == "stbx_given"


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
def test_a_key_that_cannot_be_one_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        key_given(key, None, {})
    assert not key or key not in caught.value.detail


def test_the_variables_of_push_do_not_keep_other_commands_from_their_settings() -> None:
    environment = {"STENOBOX_KEY": "stbx_x", "STENOBOX_SERVER": "http://box", "STENOBOX_LISTEN_PORT": "81"}
    assert load_settings(None, None, environment).listen.port == 81


def test_other_bytes_another_wish_or_another_server_is_another_upload(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"1234")
    first = Snapshot.of(path)
    keys = {key_of("http://box", first, {})}
    assert keys == {key_of("http://box", Snapshot.of(path), {})}
    keys |= {key_of("http://other", first, {}), key_of("http://box", first, {"language": "de"})}
    os.utime(path, ns=(first.changed_ns, first.changed_ns + 1))
    keys.add(key_of("http://box", Snapshot.of(path), {}))
    path.write_bytes(b"12345")
    keys.add(key_of("http://box", Snapshot.of(path), {}))
    assert len(keys) == 5


def test_receipts_are_kept_privately_and_a_damaged_one_counts_as_none(tmp_path: Path) -> None:
    receipts = Receipts.of_user({"XDG_STATE_HOME": str(tmp_path)})
    assert receipts.find("k") is None
    receipts.keep("k", Receipt("http://box/api/tus/1"))
    receipts.keep("k", Receipt("http://box/api/tus/1", "job"))
    assert receipts.find("k") == Receipt("http://box/api/tus/1", "job")
    (file,) = (tmp_path / "stenobox" / "push").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    file.write_text('{"url": 5')
    assert receipts.find("k") is None
    receipts.drop("k")
    receipts.drop("k")
    assert list((tmp_path / "stenobox" / "push").iterdir()) == []


def test_a_receipt_is_forgotten_a_year_after_it_was_last_of_use(tmp_path: Path) -> None:
    receipts = Receipts.of_user({"XDG_STATE_HOME": str(tmp_path)})
    receipts.prune(0.0)  # before there is a folder
    for key in ("old", "used"):
        receipts.keep(key, Receipt("http://box/api/tus/1"))
    folder = tmp_path / "stenobox" / "push"
    for key in ("old", "used"):
        os.utime(folder / f"{key}.json", (1000.0, 1000.0))
    assert receipts.find("used") == Receipt("http://box/api/tus/1")
    receipts.prune(1001.0 + KEPT_SECONDS)
    assert receipts.find("old") is None
    assert receipts.find("used") is not None
