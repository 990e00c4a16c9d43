"""What goes wrong with a recording or a job."""

from __future__ import annotations

from stenobox.errors.root import StenoboxError


class AudioError(StenoboxError):
    code, status, title = "audio_error", 422, "The recording cannot be used"
    message = "The recording cannot be used: {problem}"


class UndecodableAudio(AudioError):
    code, title = "undecodable_audio", "The recording cannot be decoded"
    message = (
        "The recording cannot be decoded: {problem} Check that it plays on your computer, then send it again."
    )


class AudioTooLong(AudioError):
    code, title = "audio_too_long", "The recording is too long"
    message = (
        "The recording is longer than the {hours} hours that this box accepts (setting audio.max_hours)."
    )


class DecoderLimit(AudioError):
    code, title = "decoder_limit", "The recording needs more than it may use"
    message = "Decoding was stopped at its limit of {limit}. The file is damaged or built to do harm."


class EngineFailed(StenoboxError):
    code, title = "engine_failed", "The speech engine failed"
    message = "The speech engine failed on this recording. The log of the box has the details."


class DecoderFailed(StenoboxError):
    code, title = "decoder_failed", "The audio decoder does not work"
    message = "The audio decoder of this box failed ({error}). Run 'stenobox doctor' on the box to see why."


class JobCancelled(StenoboxError):
    code, status, title = "job_cancelled", 422, "The job was cancelled"
    message = "The job was cancelled."


class JobFailed(StenoboxError):
    code, status, title = "job_failed", 422, "The recording could not be transcribed"
    message = "The recording could not be transcribed. {problem}"


class LeaseLost(StenoboxError):
    code, title = "lease_lost", "The job belongs to another attempt"
    message = "Job {job_id} is no longer held by attempt {attempt}."


class AttemptLost(StenoboxError):
    code, title = "attempt_lost", "The work was cut off"
    message = "The box stopped or stalled while it worked on this recording ({attempts} times)."
