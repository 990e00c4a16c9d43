"""What `make parity` rests on, held without the peers that it installs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from making_checkpoints import SMALL, openai_file, tensors
from parity.answers import Answers, Segment, Transcript, Word
from parity.bundle_weights import bundle_weights
from parity.comparing import compare, word_errors
from parity.kept import KeptRows
from parity.recordings import composed
from parity.rows import Lines, Row
from whisper_onnx.build import build


def transcript(*texts: str, shifted: float = 0.0) -> Transcript:
    segments = tuple(
        Segment(0, i + shifted, i + 1.0, text, (i, len(text)), -0.5, 0.1, (Word(text, i, i + 1.0, 0.9),))
        for i, text in enumerate(texts)
    )
    return Transcript(segments, "".join(texts), 2.0)


def test_the_checkpoint_read_back_out_of_a_bundle_is_the_one_it_was_built_from(tmp_path: Path) -> None:
    values = tensors(SMALL, np.float16)
    build(openai_file(tmp_path / "model.pt", SMALL, values), tmp_path / "bundle")
    dims, found = bundle_weights(tmp_path / "bundle")
    assert dims == SMALL
    assert found.keys() == values.keys()
    for name, array in values.items():
        assert np.array_equal(found[name], array), name


def test_the_weights_of_the_demo_model_come_out_of_its_bundle_in_the_type_they_were_trained_to(
    demo_bundle: Path,
) -> None:
    _, found = bundle_weights(demo_bundle)
    assert {array.dtype for array in found.values()} == {np.dtype(np.float16)}


def test_a_composed_recording_is_the_same_samples_every_time_and_says_what_it_lists() -> None:
    first, second = composed(30.0, 3), composed(30.0, 3)
    assert first.sha256 == second.sha256 != composed(30.0, 4).sha256
    assert len(first.samples) == 30 * 16_000
    assert first.sentences


def test_equal_transcripts_compare_as_equal() -> None:
    found = compare(transcript(" one", " two"), transcript(" one", " two"))
    assert found.same_tokens
    assert found.text_equal
    assert (found.equal, found.segments, found.differing, found.furthest_time) == (2, 2, 0, 0.0)


def test_a_changed_a_missing_and_an_added_segment_are_each_counted() -> None:
    theirs = transcript(" one", " two", " three")
    for ours in (transcript(" one", " twofold", " three"), transcript(" one", " two"), transcript()):
        found = compare(ours, theirs)
        assert not found.same_tokens
        assert not found.text_equal
        assert found.differing == 3 - found.equal > 0


def test_a_moved_time_shows_in_the_comparison() -> None:
    found = compare(transcript(" one", shifted=0.25), transcript(" one"))
    assert found.same_tokens
    assert found.furthest_time == 0.25


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [("One two three.", "one TWO, three", 0), ("one two", "one", 1), ("one", "two one", 1), ("one", "", 1)],
)
def test_word_errors_are_edits_of_words_without_case_and_marks(said: str, heard: str, errors: int) -> None:
    assert word_errors(said, heard)[0] == errors


def test_a_peers_answer_is_made_once_for_the_same_key_and_anew_for_another(tmp_path: Path) -> None:
    answers, made = Answers(tmp_path), [transcript(" first"), transcript(" second")]
    first = answers.get({"audio": "a"}, lambda: made.pop(0))
    assert answers.get({"audio": "a"}, lambda: made.pop(0)) == first
    assert answers.get({"audio": "b"}, lambda: made.pop(0)) == transcript(" second")
    assert answers.spared == first.took


def test_a_difference_that_is_no_number_or_over_the_bound_breaks_the_promise() -> None:
    lines = Lines("part", "model", "peer")
    assert lines.bounded("x", 1e-4, bound=1e-4).verdict == "held"
    assert lines.bounded("x", 1.1e-4, bound=1e-4).verdict == "broken"
    assert lines.bounded("x", float("nan"), bound=1e-4).verdict == "broken"


def test_a_part_that_fails_is_a_broken_promise_that_says_why() -> None:
    def rows() -> list[Row]:
        raise ValueError("no such option")

    (row,) = Lines("part", "model", "peer").attempt("x", rows)
    assert row.verdict == "broken"
    assert "no such option" in row.measured


def test_a_part_that_broke_a_promise_is_measured_again_and_another_is_not(tmp_path: Path) -> None:
    kept, lines = KeptRows(tmp_path, 60.0), Lines("part", "model", "peer")
    good, bad = lines.bounded("x", 0.0, bound=1.0), lines.bounded("x", 2.0, bound=1.0)
    kept.put("demo", "mel", [good], 3.0)
    kept.put("demo", "words", [good, bad], 3.0)
    assert KeptRows(tmp_path, 60.0).get("demo", "mel") == ([good], 3.0)
    assert KeptRows(tmp_path, 60.0).get("demo", "words") is None
    assert KeptRows(tmp_path, 5.0).get("demo", "mel") is None
