"""Why two transcripts part: what the reference thinks of both candidates at the first token that differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from parity.comparing import Difference
from parity.recordings import Recording
from parity.setup import Engines

__all__ = ["explained"]


def explained(engines: Engines, recording: Recording, differences: Sequence[Difference]) -> Iterator[str]:
    """One line for each difference between two segments of one window, with the reference's own scores.

    Scores are log probabilities before any rule, after the start sequence and the tokens that agree, without
    the text before the window. A difference of less than about 1e-4 is a near tie that rounding decides.
    """
    for difference in differences:
        pairs = zip(difference.ours, difference.theirs, strict=False)
        pair = next(((a, b) for a, b in pairs if a.seek == b.seek and a.tokens != b.tokens), None)
        if pair is None:
            yield f"at {difference.start:.2f} s: the windows themselves are not the same"
            continue
        ours, theirs = pair
        agreed = next(
            (i for i, (a, b) in enumerate(zip(ours.tokens, theirs.tokens, strict=False)) if a != b), None
        )
        if agreed is None:
            yield f"at {difference.start:.2f} s: one segment's tokens begin as the other's"
            continue
        mel = engines.openai.log_mel(recording.audio)[:, ours.seek : ours.seek + 3000]
        encoded = engines.openai.encode(np.ascontiguousarray(mel)[np.newaxis])
        row = engines.openai.logits(encoded, [*engines.start, *ours.tokens[:agreed]])[-1]
        apart = float(row[ours.tokens[agreed]] - row[theirs.tokens[agreed]])
        yield (
            f"at {difference.start:.2f} s, token {agreed} of the segment: ours {ours.tokens[agreed]}, theirs "
            f"{theirs.tokens[agreed]}; the reference's logits differ by {apart:.2e}; mean log probability of "
            f"the window: ours {ours.avg_logprob:.6f}, theirs {theirs.avg_logprob:.6f}"
        )
