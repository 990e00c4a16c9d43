"""Windows packed from spans: nothing lost, none too long, and times that find their way back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisper_onnx.packing import PackedWindow, Span, pack, within

RATE = 16_000


@st.composite
def _spans(draw: st.DrawFn) -> list[Span]:
    found: list[Span] = []
    at = 0
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 100)), max_size=40)):
        found.append((at + gap, at + gap + length))
        at += gap + length
    return found


@given(spans=_spans())
def test_windows_hold_every_span_in_order_and_none_is_too_long(spans: list[Span]) -> None:
    windows = pack(spans, 100)
    audio = np.arange(6001, dtype=np.float32)
    spoken = np.concatenate([audio[start:end] for start, end in spans] or [audio[:0]])
    packed = np.concatenate([window.samples(audio) for window in windows] or [audio[:0]])
    assert (spoken == packed).all()
    assert all(0 < window.n_samples == len(window.samples(audio)) <= 100 for window in windows)
    for one, other in itertools.pairwise(windows):
        following = next(end - start for start, end in spans if start == other.pieces[0][0])
        assert one.n_samples + following > 100  # else it would have taken that span too


@given(spans=_spans(), times=st.lists(st.integers(0, 120), min_size=2, max_size=20))
def test_what_is_in_order_in_a_window_is_in_order_in_the_recording(
    spans: list[Span], times: list[int]
) -> None:
    marks = sorted(times)
    for window in pack(spans, 100):
        edges: list[float] = []
        for first, last in zip(marks[::2], marks[1::2], strict=False):
            if first < last and first < window.n_samples:
                edges += window.span(first / RATE, last / RATE, 0.0)
        assert edges == sorted(edges)
        assert all(window.pieces[0][0] <= round(e * RATE) <= window.pieces[-1][1] for e in edges)


def test_times_are_those_of_the_piece_they_fall_in() -> None:
    window = PackedWindow(((16_000, 32_000), (80_000, 96_000)))  # 1 to 2 s and 5 to 6 s
    assert window.span(0.25, 0.75, 0.0) == (1.25, 1.75)
    assert window.span(0.25, 1.0, 0.0) == (1.25, 2.0)
    assert window.span(1.0, 1.5, 0.0) == (5.0, 5.5)
    assert window.span(0.25, 1.5, 0.1) == (1.25, 5.5)
    assert window.span(1.5, 9.0, 0.0) == (5.5, 6.0)


def test_what_reaches_over_a_cut_by_less_than_the_padding_does_not_reach_over_the_pause() -> None:
    window = PackedWindow(((16_000, 32_000), (80_000, 96_000)))
    assert window.span(0.75, 1.5, 0.4) == (5.0, 5.5)
    assert window.span(0.25, 1.25, 0.4) == (1.25, 2.0)
    assert window.span_of_word(0.5, 1.2) == (1.5, 2.0)
    assert window.span_of_word(0.9, 1.2) == (5.0, 5.2)


def test_a_span_longer_than_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        pack([(0, 101)], 100)


def test_only_the_parts_within_clips_are_kept() -> None:
    assert within([(0, 10), (20, 40)], [(5, 25), (30, 35)]) == ((5, 10), (20, 25), (30, 35))
    assert within([(0, 10)], [(10, 20)]) == ()
