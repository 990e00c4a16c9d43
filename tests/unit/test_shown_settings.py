"""What administrators see of the settings: all of them and where they come from, and no secret."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import msgspec

from stenobox.config import Settings, load_settings, reference
from stenobox.inboxes import inbox_reference
from stenobox.safety import warnings_of
from stenobox.safety.shown import inbox_shown, is_secret, sections_of

CANARY = "qcanary"

SECRET_LOOKING = re.compile(r"pass|secret|token|credential|private|api_?key|salt|pepper", re.IGNORECASE)


def shown(settings: Settings) -> bytes:
    return msgspec.json.encode(list(sections_of(settings)))


def test_every_setting_is_shown_in_its_section(tmp_path: Path) -> None:
    found = {(section, one.name): one for section, settings in sections_of(Settings()) for one in settings}
    assert list(found) == [(key.section, key.name) for key in reference()]
    # And the reference has all there are: a new section cannot be forgotten.
    walked = 0
    for item in fields(Settings):
        value = getattr(Settings(), item.name)
        walked += len(fields(value)) if is_dataclass(value) else item.name not in ("inboxes", "origins")
    assert len(found) == walked


def test_no_setting_that_may_hold_a_secret_is_shown() -> None:
    """Whatever looks like a secret is one; a canary in each of them is in no answer."""
    keys = [key for key in reference() if SECRET_LOOKING.search(key.name)]
    assert len(keys) >= 2
    assert all(is_secret(key.name) for key in keys)
    assert not [key.name for key in inbox_reference() if SECRET_LOOKING.search(key.name)]
    settings = load_settings(None, None, {key.variable: f"/{CANARY}/{key.name}" for key in keys})
    assert CANARY in repr(settings)
    assert CANARY.encode() not in shown(settings)
    for _, found in sections_of(settings):
        for one in found:
            if one.secret:
                assert (one.value, one.default, one.is_set, one.origin) == (None, None, True, "environment")


def test_what_a_file_of_a_secret_holds_is_in_no_warning(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(CANARY)
    password.chmod(0o644)
    env = {"STENOBOX_MAIL_HOST": "mail.invalid", "STENOBOX_MAIL_PASSWORD_FILE": str(password)}
    settings = load_settings(None, tmp_path, env)
    warnings = warnings_of(settings)
    assert [warning.name for warning in warnings] == ["mail"]
    assert CANARY not in warnings[0].text
    assert CANARY.encode() not in shown(settings)


def test_an_address_is_shown_without_who_signs_in_there() -> None:
    settings = load_settings(None, None, {"STENOBOX_OIDC_ISSUER": f"https://anna:{CANARY}@id.example/realm"})
    assert CANARY.encode() not in shown(settings)
    assert b"https://id.example/realm" in shown(settings)


def test_each_setting_tells_where_it_comes_from(tmp_path: Path) -> None:
    config = tmp_path / "stenobox.toml"
    config.write_text("[queue]\nmax_attempts = 7\nconcurrency = 4\n[audio]\nmax_hours = 2\n")
    settings = load_settings(config, tmp_path, {"STENOBOX_AUDIO_MAX_HOURS": "3"})
    found = {f"{name}.{one.name}": one for name, section in sections_of(settings) for one in section}
    assert (found["queue.max_attempts"].value, found["queue.max_attempts"].origin) == (7, "file")
    assert found["queue.max_attempts"].default == 3
    # Written down is not the same as left alone, even where the value is the same.
    assert found["queue.concurrency"].origin == "file"
    assert (found["audio.max_hours"].value, found["audio.max_hours"].origin) == (3.0, "environment")
    assert found[".data"].origin == "command"
    assert found["listen.host"].origin == "default"


def test_hot_folders_are_shown_too(tmp_path: Path) -> None:
    config = tmp_path / "stenobox.toml"
    config.write_text(
        '[[inbox]]\nname = "desk"\npath = "/srv/desk"\nowner = "anna"\nresults = ["txt", "srt"]\n'
    )
    (inbox,) = load_settings(config, None, {}).inboxes
    found = {one.name: one for one in inbox_shown(inbox)}
    assert set(found) == {key.name for key in inbox_reference()}
    assert (found["path"].value, found["path"].origin) == ("/srv/desk", "file")
    assert (found["results"].value, found["watch"].origin) == (["txt", "srt"], "default")
