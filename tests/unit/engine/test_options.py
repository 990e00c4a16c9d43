"""Options: every one is documented with its default, and a wrong value is refused by name."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import whisper_onnx
from whisper_onnx.errors import OptionsError
from whisper_onnx.options import TranscribeOptions

README = Path(whisper_onnx.__file__).parent / "README.md"
NAMES = [field.name for field in fields(TranscribeOptions)]
# Defaults that the table gives in other words than Python's.
IN_WORDS = {
    "vad_parameters": "`VadOptions()`",
    "prepend_punctuations": "as openai-whisper",
    "append_punctuations": "as openai-whisper",
}


def documented() -> dict[str, tuple[str, str]]:
    """Option -> its default and meaning in the README's table."""
    section = README.read_text().split("\n## Options\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {name.strip("`"): (default, " | ".join(meaning)) for name, default, *meaning in rows}


def test_every_option_is_in_the_readme_and_no_other() -> None:
    assert sorted(documented()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_gives_the_options_default_and_says_what_it_means(name: str) -> None:
    default, meaning = documented()[name]
    assert len(meaning) > 10
    if name in IN_WORDS:
        assert default == IN_WORDS[name]
    else:
        stated = TranscribeOptions(**{name: ast.literal_eval(default.strip("`"))})
        assert getattr(stated, name) == getattr(TranscribeOptions(), name)
        assert type(getattr(stated, name)) is type(getattr(TranscribeOptions(), name))


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_explained_where_it_is_defined(name: str) -> None:
    assert re.search(rf"^    ([a-z_]+, )*{name}(, [a-z_]+)*: ", TranscribeOptions.__doc__ or "", re.MULTILINE)


WRONG: list[tuple[str, dict[str, Any]]] = [
    *(("beam_size", {"beam_size": value}) for value in (0, -1, 2.0, True, "5", 101)),
    *(("best_of", {"best_of": value}) for value in (0, 1.5, 101)),
    *(("sample_len", {"sample_len": value}) for value in (0, -3, 1.5)),
    *(("patience", {"patience": value, "beam_size": 5}) for value in (0, -1.0, 0.05, float("nan"), "2", 101)),
    ("patience", {"patience": 2.0}),
    ("patience", {"patience": 2.0, "best_of": 5}),
    *(("length_penalty", {"length_penalty": value}) for value in (-0.1, 1.1, float("nan"), "1")),
    *(("hotwords", {"hotwords": value}) for value in (7, ["Ada"])),
    *(("initial_prompt", {"initial_prompt": value}) for value in (7, ["Ada"])),
    *(("prefix", {"prefix": value}) for value in (7, (1, -1), (1.0,), ("Ada",), (True,))),
    *(("carry_initial_prompt", {"carry_initial_prompt": value}) for value in (None, 1)),
    *(("temperature", {"temperature": value}) for value in ((), (0.0, -0.2), "0", (float("nan"),))),
    *(("suppress_tokens", {"suppress_tokens": value}) for value in ("a", (-2,), 5)),
    *(("max_initial_timestamp", {"max_initial_timestamp": value}) for value in (-0.1, 31, "1")),
    *(("task", {"task": value}) for value in ("lang_id", None)),
    *(("seed", {"seed": value}) for value in (-1, 2**63, 1.0, True)),
]


@pytest.mark.parametrize(("field", "options"), WRONG, ids=str)
def test_a_wrong_value_is_refused_by_the_options_name(field: str, options: dict[str, Any]) -> None:
    with pytest.raises(OptionsError) as caught:
        TranscribeOptions(**options)
    assert caught.value.field == field


def test_beams_and_samples_may_be_asked_for_together_as_each_has_its_temperatures() -> None:
    options = TranscribeOptions(beam_size=5, best_of=3, patience=1.5, length_penalty=1)
    assert [options.texts(temperature) for temperature in (0.0, 0.2)] == [5, 3]
    assert options.slots == 5
    assert TranscribeOptions(beam_size=5, best_of=3, temperature=(0.4,)).slots == 3
    assert TranscribeOptions(beam_size=5, best_of=7, temperature=(0.0,)).slots == 5
    assert TranscribeOptions().slots == 1


def test_a_prefix_may_be_a_list_of_ids() -> None:
    assert TranscribeOptions(prefix=[1, 2]).prefix == (1, 2)  # type: ignore[arg-type]
