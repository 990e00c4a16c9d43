"""Settings: what is right is taken, what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from stenobox.cli.check_config import effective
from stenobox.config import Settings, load_settings, reference
from stenobox.errors import SettingsError
from stenobox.inboxes import inbox_reference, overridden

ROOT = Path(__file__).resolve().parents[2]


def written(folder: Path, text: str) -> Path:
    path = folder / "stenobox.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_file_and_environment_the_defaults_hold() -> None:
    assert load_settings(None, None, {}) == Settings()


def test_environment_wins_over_file_and_option_over_both(tmp_path: Path) -> None:
    config = written(tmp_path, 'data = "/a"\n[listen]\nport = 1\nhost = "::1"\n[audio]\nmax_hours = 2\n')
    settings = load_settings(
        config, Path("/c"), {"STENOBOX_LISTEN_PORT": "2", "STENOBOX_DATA": "/b", "PATH": "x"}
    )
    assert (settings.listen.port, settings.listen.host) == (2, "::1")
    assert settings.data == Path("/c")
    assert settings.audio.max_hours == 2.0


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    config = written(tmp_path, "[queue]\nmax_attempts = 7\n")
    assert load_settings(None, None, {"STENOBOX_CONFIG": str(config)}).queue.max_attempts == 7


def test_lists_of_folders_come_from_toml_and_from_a_variable(tmp_path: Path) -> None:
    config = written(tmp_path, '[models]\npath = ["/m", "/n"]\n')
    assert load_settings(config, None, {}).models.path == (Path("/m"), Path("/n"))
    assert load_settings(None, None, {"STENOBOX_MODELS_PATH": "/x:/y"}).models.path == (
        Path("/x"),
        Path("/y"),
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[uploads]\nmax_byte = 5\n", "uploads.max_bytes"),
        ("[upload]\nmax_bytes = 5\n", "uploads"),
        ('dat = "/x"\n', "data"),
        ("[listen]\nport = 70000\n", "listen.port"),
        ('[listen]\nport = "8080"\n', "listen.port"),
        ("[listen]\nport = true\n", "listen.port"),
        ("listen = 5\n", "[listen]"),
        ('[models]\nprovider = "tpu"\n', "models.provider"),
        ("[audio]\nmax_hours = nan\n", "audio.max_hours"),
        ("[audio]\nmax_hours = -1\n", "audio.max_hours"),
        ("data = 5\n", "data"),
        ('data = ""\n', "data"),
        ("[listen\n", "TOML"),
    ],
)
def test_a_wrong_file_is_refused_naming_source_and_key(tmp_path: Path, text: str, named: str) -> None:
    config = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(config, None, {})
    assert str(config) in caught.value.detail
    assert named in caught.value.detail


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("STENOBOX_LISTEN_PROT", "1", "STENOBOX_LISTEN_PORT"),
        ("STENOBOX_LISTEN_PORT", "many", "STENOBOX_LISTEN_PORT"),
        ("STENOBOX_QUEUE_MAX_ATTEMPTS", "0", "STENOBOX_QUEUE_MAX_ATTEMPTS"),
        ("STENOBOX_AUDIO_MAX_HOURS", "inf", "STENOBOX_AUDIO_MAX_HOURS"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(variable: str, value: str, named: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, None, {variable: value})
    assert "environment" in caught.value.detail
    assert named in caught.value.detail


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "none.toml", None, {})
    assert "cannot be read" in caught.value.detail


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "stenobox.toml"
    config.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError):
        load_settings(config, None, {})


def test_a_list_of_names_can_be_set_by_a_variable() -> None:
    settings = load_settings(None, None, {"STENOBOX_LISTEN_NAMES": "box.lan, steno.lan"})
    assert settings.listen.names == ("box.lan", "steno.lan")


def test_every_default_can_be_set_by_its_variable() -> None:
    env = {}
    for key in reference():
        if isinstance(key.default, tuple):
            env[key.variable] = ":".join(str(part) for part in key.default)
        elif key.default is not None:
            env[key.variable] = str(key.default)
    assert load_settings(None, None, env) == Settings()


def shown(default: object) -> str:
    return "none" if default in (None, (), "") else f"`{default}`"


def test_the_readme_documents_every_setting_with_its_default_and_no_other() -> None:
    text = (ROOT / "daemon" / "README.md").read_text("utf-8")
    settings = text.split("## Settings")[1].split("## Inboxes")[0]
    rows = [line for line in settings.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{key.path}` | {shown(key.default)} | {key.meaning} |" for key in reference()]


# Inboxes


def with_inboxes(folder: Path, text: str) -> Settings:
    config = folder / "stenobox.toml"
    config.write_text(text)
    return load_settings(config, None, {})


INBOX = '[[inbox]]\nname = "{name}"\npath = "{path}"\nowner = "anna"\n'


def test_the_readme_documents_every_key_of_an_inbox_and_no_other() -> None:
    text = (ROOT / "daemon" / "README.md").read_text("utf-8").split("## Inboxes")[1]
    rows = [line for line in text.splitlines() if line.startswith("| `")]

    def default(value: object) -> str:
        if value is None:
            return "needed"
        return "none" if value in ((), "") else f"`{list(value) if isinstance(value, tuple) else value}`"

    assert rows == [f"| `{key.name}` | {default(key.default)} | {key.meaning} |" for key in inbox_reference()]


def test_an_inbox_has_the_defaults_that_are_documented(tmp_path: Path) -> None:
    (inbox,) = with_inboxes(tmp_path, INBOX.format(name="a", path="/srv/a")).inboxes
    for key in inbox_reference():
        if key.default is not None:
            assert getattr(inbox, key.name) == key.default


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('inbox = "x"\n', "write \\[\\[inbox\\]\\]"),
        ('[[inbox]]\nname = "a"\npath = "/srv/a"\n', "owner is missing"),
        (INBOX.format(name="a b", path="/srv/a"), "inbox 1: name"),
        (INBOX.format(name="a", path="srv/a"), "from the root"),
        (INBOX.format(name="a", path="/srv/a") + 'lanugage = "en"\n', "Did you mean 'language'"),
        (INBOX.format(name="a", path="/srv/a") + 'results = ["pdf"]\n', "inbox 1: results"),
        (INBOX.format(name="a", path="/srv/a") + "settle_seconds = 0\n", "inbox 1: settle_seconds"),
        (INBOX.format(name="a", path="/srv/a") + INBOX.format(name="a", path="/srv/b"), "is taken"),
        (INBOX.format(name="a", path="/srv/a") + INBOX.format(name="b", path="/srv/a/b"), "another inbox"),
    ],
)
def test_an_inbox_that_cannot_be_is_refused_with_what_is_wrong(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(SettingsError, match=problem):
        with_inboxes(tmp_path, text)


def test_check_config_writes_inboxes_that_read_as_the_same(tmp_path: Path) -> None:
    text = INBOX.format(name="a", path="/srv/a") + 'results = ["vtt", "json"]\nlanguage = "de"\n'
    settings = with_inboxes(tmp_path, text)
    assert with_inboxes(tmp_path, effective(settings)).inboxes == settings.inboxes


def test_a_folders_own_file_names_an_owner_only_among_those_that_the_settings_list(tmp_path: Path) -> None:
    text = INBOX.format(name="a", path="/srv/a") + 'owners = ["ben"]\n'
    (inbox,) = with_inboxes(tmp_path, text).inboxes
    assert overridden(inbox, b'owner = "Ben"').owner == "Ben"  # names differ in more than case
    assert overridden(inbox, f'owner = "{inbox.owner}"'.encode()).owner == inbox.owner
    with pytest.raises(SettingsError, match="do not list this account"):
        overridden(inbox, b'owner = "eve"')


def test_a_folders_own_file_changes_what_it_may_and_nothing_else(tmp_path: Path) -> None:
    (inbox,) = with_inboxes(tmp_path, INBOX.format(name="a", path="/srv/a")).inboxes
    changed = overridden(inbox, b'language = "de"\nresults = ["vtt", "srt"]\noriginal = "keep"\n')
    assert (changed.language, changed.results, changed.original) == ("de", ("vtt", "srt"), "keep")
    assert (changed.owner, changed.path, changed.name) == (inbox.owner, inbox.path, inbox.name)
    for text in (
        b'owner = "eve"',
        b'path = "/etc"',
        b"settle_seconds = 0.1",
        b"\xff",
        b"a = [",
        b'task = "sing"',
    ):
        with pytest.raises(SettingsError):
            overridden(inbox, text)
