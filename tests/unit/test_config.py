"""Settings: what is right is taken, what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from stenobox.config import Settings, load_settings, reference
from stenobox.errors import SettingsError

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
    return "none" if default in (None, ()) else f"`{default}`"


def test_the_readme_documents_every_setting_with_its_default_and_no_other() -> None:
    text = (ROOT / "daemon" / "README.md").read_text("utf-8")
    rows = [line for line in text.split("## Settings")[1].splitlines() if line.startswith("| `")]
    assert rows == [f"| `{key.path}` | {shown(key.default)} | {key.meaning} |" for key in reference()]
