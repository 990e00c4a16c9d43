"""The whole transcript with its provenance, for scripts."""

from __future__ import annotations

import msgspec

from stenobox.exports.options import ExportOptions
from stenobox.moments import moment
from stenobox.types import Transcript


def render(transcript: Transcript, _options: ExportOptions, _title: str) -> str:
    """`{job_id, language, duration, text, segments, provenance, created_at}`; times of day in ISO 8601,
    UTC. The segments have `words` where these were asked for.
    """
    document = msgspec.to_builtins(transcript)
    for segment in document["segments"]:
        # Of use to the model alone.
        del segment["seek"], segment["tokens"]
        if segment["words"] is None:
            del segment["words"]
    document["created_at"] = moment(transcript.created_at)
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
