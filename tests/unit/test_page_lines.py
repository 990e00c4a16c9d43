"""What the page's editor does to the lines of a transcript: the modules that know no page, under Node."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stenobox.editing.lines import Line, checked

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "harness" / "node" / "edit_lines.mjs"

Edit = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def edit(tmp_path_factory: pytest.TempPathFactory) -> Edit:
    """`edit(segments, *steps, latest=...)`: each step is (name, *arguments) of the script."""
    folder = tmp_path_factory.mktemp("modules")
    for name in ("lines.js", "line_history.js", "timecode.js"):
        shutil.copy(ROOT / "webui" / "js" / name, folder)
    # Browsers are told in the page that these are modules, Node here.
    (folder / "package.json").write_text('{"type": "module"}')

    def run(segments: list[dict[str, Any]], *steps: tuple[Any, ...], latest: float = 60.0) -> dict[str, Any]:
        given = {"segments": segments, "latest": latest, "steps": steps}
        done = subprocess.run(
            ["node", SCRIPT, folder], input=json.dumps(given), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    return run


def lines(*texts: str, seconds: float = 4.0) -> list[dict[str, Any]]:
    """Lines one after another with a pause of a second between them."""
    return [
        {
            "id": n,
            "start": n * (seconds + 1),
            "end": n * (seconds + 1) + seconds,
            "text": text,
            "channel": None,
        }
        for n, text in enumerate(texts)
    ]


def told(result: dict[str, Any]) -> list[tuple[float, float, str]]:
    return [(line["start"], line["end"], line["text"]) for line in result["lines"]]


def refused(result: dict[str, Any]) -> str:
    return str(result["answers"][-1]["refused"])


def words(*timed: tuple[str, float, float]) -> list[dict[str, Any]]:
    return [{"word": word, "start": start, "end": end, "probability": 0.9} for word, start, end in timed]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1:23.45", 83.45),
        (" 83.45 ", 83.45),
        ("83,45", 83.45),
        ("1:02:03", 3723.0),
        ("0:05", 5.0),
        ("5.", 5.0),
        (".5", 0.5),
        ("90", 90.0),
        ("1:75", None),
        ("1:60:00", None),
        ("-1", None),
        ("1:2:3:4", None),
        ("soon", None),
        ("", None),
        ("1e3", None),
    ],
)
def test_a_time_is_read_as_people_write_it(edit: Edit, written: str, seconds: float | None) -> None:
    assert edit([], ("parse", written))["answers"] == [seconds]


def test_a_time_is_written_so_that_it_is_read_again(edit: Edit) -> None:
    seconds = [0.0, 7.0, 59.99, 59.999, 83.45, 3599.995, 3723.25]
    shown = edit([], *(("format", each) for each in seconds))["answers"]
    assert shown == ["0:00.00", "0:07.00", "0:59.99", "1:00.00", "1:23.45", "1:00:00.00", "1:02:03.25"]
    read = edit([], *(("parse", each) for each in shown))["answers"]
    assert read == pytest.approx(seconds, abs=0.0051)


def test_a_line_is_cut_where_its_words_were_heard(edit: Edit) -> None:
    line = lines("One two three.")
    line[0]["words"] = words((" One", 0.2, 0.5), (" two", 1.0, 1.5), (" three.", 3.0, 3.9))
    result = edit(line, ("split", 0, "One two", " three."))
    assert told(result) == [(0.0, 1.5, "One two"), (3.0, 4.0, "three.")]
    assert [len(each["words"]) for each in result["lines"]] == [2, 1]
    again = edit(line, ("split", 0, "One two ", "three."), ("split", 0, "One ", "two"))
    assert told(again) == [(0.0, 0.5, "One"), (1.0, 1.5, "two"), (3.0, 4.0, "three.")]


def test_words_that_were_corrected_still_tell_when_they_were_said(edit: Edit) -> None:
    line = lines("One two three.")
    line[0]["words"] = words((" One", 0.2, 0.5), (" two", 1.0, 1.5), (" three.", 3.0, 3.9))
    result = edit(line, ("write", 0, "One too free."), ("split", 0, "One too", "free."))
    assert told(result) == [(0.0, 1.5, "One too"), (3.0, 4.0, "free.")]


def test_a_cut_within_a_word_falls_within_its_time(edit: Edit) -> None:
    line = lines("今日は")
    line[0]["words"] = words(("今日は", 1.0, 4.0))
    assert told(edit(line, ("split", 0, "今", "日は"))) == [(0.0, 2.0, "今"), (2.0, 4.0, "日は")]


def test_without_words_the_cut_goes_by_the_share_of_the_characters(edit: Edit) -> None:
    result = edit(lines("abcd efghijkl"), ("split", 0, "abcd", " efghijkl"))
    assert told(result) == [(0.0, 1.33, "abcd"), (1.33, 4.0, "efghijkl")]
    line = lines("One two three four")
    line[0]["words"] = words((" One", 0.2, 0.5), (" two", 1.0, 1.5))
    assert told(edit(line, ("split", 0, "One two", "three four")))[0][1] == pytest.approx(1.65, abs=0.01)


def test_the_player_says_where_a_line_is_cut_if_it_stands_within(edit: Edit) -> None:
    line = lines("One two.", "Three.")
    line[0]["words"] = words((" One", 0.2, 0.5), (" two.", 1.0, 1.5))
    result = edit(line, ("split", 0, "One", "two.", 0.8))
    assert told(result)[:2] == [(0.0, 0.8, "One"), (0.8, 4.0, "two.")]
    assert "where the player stands" in result["answers"][0]["said"]
    for elsewhere in (0.0, 4.0, 30.0):
        result = edit(line, ("split", 0, "One", "two.", elsewhere))
        assert told(result)[:2] == [(0.0, 0.5, "One"), (1.0, 4.0, "two.")]
        assert "player" not in result["answers"][0]["said"]


@pytest.mark.parametrize(("before", "after"), [("", "One."), ("One.", " "), ("  ", "One.")])
def test_nothing_is_split_off_a_line(edit: Edit, before: str, after: str) -> None:
    result = edit(lines("One."), ("split", 0, before, after))
    assert "between two words" in refused(result)
    assert (result["past"], result["changed"]) == (0, 0)


def test_lines_are_merged_with_either_neighbour(edit: Edit) -> None:
    given = lines("One,", "two,", "three.")
    up = edit(given, ("merge", 1, -1))
    assert told(up) == [(0.0, 9.0, "One, two,"), (10.0, 14.0, "three.")]
    assert up["answers"][0]["after"] == {"index": 0, "caret": 5}
    down = edit(given, ("merge", 1, 1))
    assert told(down) == [(0.0, 4.0, "One,"), (5.0, 14.0, "two, three.")]
    assert down["answers"][0]["after"] == {"index": 1, "caret": 4}
    assert told(edit(lines("今日は。", "晴れ"), ("merge", 0, 1)))[0][2] == "今日は。晴れ"


def test_what_is_split_and_merged_again_is_the_line_that_it_was(edit: Edit) -> None:
    result = edit(lines("One two.", "Three."), ("split", 0, "One", "two."), ("merge", 1, -1))
    assert (told(result), result["changed"]) == ([(0.0, 4.0, "One two."), (5.0, 9.0, "Three.")], 0)


def test_what_is_not_together_is_not_merged(edit: Edit) -> None:
    given = lines("One.", "Two.")
    assert "no line above" in refused(edit(given, ("merge", 0, -1)))
    assert "no line below" in refused(edit(given, ("merge", 1, 1)))
    given[1]["channel"] = 1
    assert "another channel" in refused(edit(given, ("merge", 0, 1)))


def test_times_that_cannot_be_are_refused_in_words(edit: Edit) -> None:
    given = lines("One.", "Two.")
    assert "ends after it starts" in refused(edit(given, ("retime", 0, {"start": 4.0})))
    assert "ends after it starts" in refused(edit(given, ("retime", 0, {"start": 5.0, "end": 4.5})))
    assert "The recording ends at 0:09.00." in refused(edit(given, ("retime", 1, {"end": 9.5}), latest=9.0))
    assert told(edit(given, ("retime", 1, {"end": 9.0}), latest=9.0))[1] == (5.0, 9.0, "Two.")


def test_lines_keep_the_order_of_their_starts(edit: Edit) -> None:
    given = lines("One.", "Two.", "Three.", "Four.")
    later = edit(given, ("retime", 0, {"start": 11.0, "end": 12.0}))
    assert [line["text"] for line in later["lines"]] == ["Two.", "Three.", "One.", "Four."]
    assert later["answers"][0]["after"]["index"] == 2
    assert "It is now line 3 of 4." in later["answers"][0]["said"]
    sooner = edit(given, ("retime", 3, {"start": 4.5}))
    assert [line["text"] for line in sooner["lines"]] == ["One.", "Four.", "Two.", "Three."]
    # Two people who talk at once: the rest of the long line starts after the short one.
    crossing = [{**line, "channel": n} for n, line in enumerate(lines("Long and longer.", "Yes."))]
    crossing[0]["end"], crossing[1]["start"] = 20.0, 1.0
    apart = edit(crossing, ("split", 0, "Long and", "longer.", 10.0))
    assert [line["text"] for line in apart["lines"]] == ["Long and", "Yes.", "longer."]


def test_a_new_line_takes_the_pause_or_room_beside_the_next_one(edit: Edit) -> None:
    given = lines("One.", "Two.")
    assert told(edit(given, ("add", 0)))[1] == (4.0, 5.0, "")
    assert told(edit(given, ("add", 1), latest=9.0))[2] == (8.0, 9.0, "")
    assert told(edit(given, ("add", 1)))[2] == (9.0, 11.0, "")
    given[1]["start"] = 4.0
    assert told(edit(given, ("add", 0)))[1] == (4.0, 5.0, "")
    given[1]["start"] = 2.0
    assert told(edit(given, ("add", 0)))[1] == (2.0, 3.0, "")


def test_a_new_line_that_nobody_wrote_in_is_no_change(edit: Edit) -> None:
    result = edit(lines("One."), ("add", 0))
    assert (result["changed"], [line["text"] for line in result["kept"]]) == (0, ["One."])
    result = edit(lines("One."), ("add", 0), ("write", 1, "Two."))
    assert (result["changed"], [line["text"] for line in result["kept"]]) == (1, ["One.", "Two."])


def test_a_line_is_deleted_or_emptied(edit: Edit) -> None:
    gone = edit(lines("One.", "Two."), ("remove", 0))
    emptied = edit(lines("One.", "Two."), ("write", 0, " "))
    assert gone["kept"] == emptied["kept"] == [{"start": 5, "end": 9, "text": "Two.", "channel": None}]
    assert gone["changed"] == emptied["changed"] == 1
    assert edit(lines("One."), ("remove", 0))["kept"] == []


def test_typing_is_undone_word_by_word_and_not_across_a_rest(edit: Edit) -> None:
    typed = [("write", 0, "One. Yes it is"[:size]) for size in range(5, 15)]
    result = edit(lines("One."), *typed)
    assert result["past"] == 3
    result = edit(lines("One."), *typed, ("undo",))
    assert told(result)[0][2] == "One. Yes it"
    result = edit(lines("One."), *typed, ("undo",), ("undo",), ("undo",), ("undo",))
    assert (told(result)[0][2], result["changed"], result["answers"][-1]) == ("One.", 0, None)
    result = edit(lines("One."), ("write", 0, "One.a"), ("rest",), ("write", 0, "One.ab"), ("undo",))
    assert told(result)[0][2] == "One.a"


def test_a_new_step_after_an_undo_leaves_nothing_to_redo(edit: Edit) -> None:
    given = lines("One.", "Two.")
    again = edit(given, ("remove", 0), ("undo",), ("redo",))
    assert [line["text"] for line in again["lines"]] == ["Two."]
    other = edit(given, ("remove", 0), ("undo",), ("remove", 1), ("redo",))
    assert (other["answers"][-1], [line["text"] for line in other["lines"]]) == (None, ["One."])


@pytest.mark.parametrize("seed", range(8))
def test_any_course_of_steps_is_taken_by_the_box_and_undone_to_the_last_letter(edit: Edit, seed: int) -> None:
    rng = random.Random(seed)
    given = [
        {**line, "channel": n % 2} for n, line in enumerate(lines(*["Some words of talk."] * 9, seconds=3.0))
    ]
    steps = [step(rng) for _ in range(150)]
    done = edit(given, *steps)
    kept = [Line(**line) for line in done["kept"]]
    assert checked(kept, 60.0) == kept
    assert any(not (answer or {}).get("refused") for answer in done["answers"])
    back = edit(given, *steps, *[("undo",)] * done["past"])
    assert [{**line, "words": None} for line in back["lines"]] == [{**line, "words": None} for line in given]
    assert (back["changed"], back["past"]) == (0, 0)
    forth = edit(given, *steps, *[("undo",)] * done["past"], *[("redo",)] * done["past"])
    assert (forth["lines"], forth["changed"]) == (done["lines"], done["changed"])


def step(rng: random.Random) -> tuple[Any, ...]:
    """One that may be refused, on one of the first lines: there are always some."""
    index = rng.randrange(3)
    start = round(rng.uniform(0, 40), 2)
    return rng.choice([
        ("write", index, rng.choice(["New words.", "", "More of them, and more."])),
        ("split", index, "Some words", "of talk.", rng.choice([None, start])),
        ("add", index),
        ("retime", index, {"start": start, "end": round(start + rng.uniform(-1, 9), 2)}),
        ("retime", index, {"end": start}),
        ("merge", index, -1) if index else ("add", index),
        ("merge", index, 1) if rng.random() < 0.5 else ("add", index),
        ("remove", index) if rng.random() < 0.3 else ("add", index),
    ])  # fmt: skip
