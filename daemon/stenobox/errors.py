"""Every way in which Stenobox refuses or fails, in one tree.

    StenoboxError
    ├── SettingsError           the settings file or environment is wrong; the process does not start
    ├── BadInput                the caller can fix the request
    │   ├── InvalidRequest, UnknownModel, UnknownLanguage, NotAudio, EmptyFile, FileTooLarge,
    │   ├── QuotaExceeded
    │   ├── EmptyChunk, ChunkTooLarge, ChunkOutOfRange, ChunkConflict, ChunkCorrupt, WrongOffset,
    │   ├── UploadIncomplete, HashMismatch, UnsupportedTus
    ├── AccessError             who is calling
    │   ├── NotSignedIn, WrongCredentials, Forbidden, CrossSite, SetupRequired, SetupLinkInvalid, RateLimited
    ├── NotFound, StateConflict, ChangedMeanwhile, AudioRemoved, NameTaken, LastAdmin
    ├── Unavailable             true now, perhaps not later
    │   ├── DiskFull, TooBusy, UploadTaken, NoModel, ShuttingDown, DaemonUnreachable, ServerUnreachable
    ├── ServerRefused           what `stenobox push` was told by a box
    ├── DataError               the data folder cannot be used; the process does not start
    │   ├── DataInUse
    ├── AddressUnusable         the address to listen on is taken or not ours; the process does not start
    ├── ModelError              a model that is not what its manifest says
    ├── AudioError              the recording cannot be decoded
    │   ├── UndecodableAudio, AudioTooLong, DecoderLimit
    ├── EngineFailed, DecoderFailed  a part of the box failed on a recording
    ├── JobCancelled, LeaseLost control flow of the queue; never shown to a caller
    └── InternalError           ours; the log has the request id

An exception carries a stable `code` (what scripts match on), an HTTP `status`, and a `message` template for
people that says what to do; the template's fields are keyword arguments. One place renders them:
`web/problems.py` as RFC 9457 `application/problem+json`, `cli` as one line on stderr. Messages never hold
secrets; file names appear only in answers to the person who sent them, so nothing here is logged with its
fields, only by `code`.
"""

from __future__ import annotations

from typing import ClassVar


class StenoboxError(Exception):
    """Root of the tree. `exit_code` is what a command ends with: 1 the work failed, 2 the call was wrong."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"
    message: ClassVar[str] = "Something went wrong."
    exit_code: ClassVar[int] = 1

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(self.message.format(**fields))

    @property
    def detail(self) -> str:
        """The message with its fields filled in, for the person who made the request."""
        return str(self.args[0])

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only constructors do not survive the default pickling.
        return (_restore, (type(self), self.fields))


def _restore(kind: type[StenoboxError], fields: dict[str, object]) -> StenoboxError:
    return kind(**fields)


class SettingsError(StenoboxError):
    code, status, title, exit_code = "settings_invalid", 500, "The settings are wrong", 2
    message = "{source}: {problem}"


class BadInput(StenoboxError):
    code, status, title, exit_code = "bad_input", 400, "The request cannot be used", 2
    message = "{problem}"


class InvalidRequest(BadInput):
    code, title = "invalid_request", "The request is not of the expected form"
    message = "{problem}"


class UnknownModel(BadInput):
    code, title = "unknown_model", "No such model on this box"
    message = "There is no model {model!r} here. Installed: {installed}."


class UnknownLanguage(BadInput):
    code, title = "unknown_language", "No such language"
    message = (
        "The model does not know the language {language!r}. Use a code such as 'en' or 'de', or leave it out."
    )


class NotAudio(BadInput):
    code, status, title = "not_audio", 415, "This is not audio or video"
    message = (
        "The file is not in an audio or video format that this box can read. "
        "Send WAV, FLAC, MP3, M4A, OGG, WebM or MP4."
    )


class EmptyFile(BadInput):
    code, title = "empty_file", "The file is empty"
    message = "The file has no bytes. Check that the recording was finished before it was sent."


class FileTooLarge(BadInput):
    code, status, title = "file_too_large", 413, "The file is too large"
    message = "The file is larger than the {limit} bytes that this box accepts (setting uploads.max_bytes)."


class QuotaExceeded(BadInput):
    code, status, title = "quota_exceeded", 413, "Your space on the box is used up"
    message = (
        "Your recordings may take {quota} bytes on this box, and {free} of them are free; this needs {size}. "
        "Delete recordings for good (what is in the trash counts too), or ask the administrator for more."
    )


class EmptyChunk(BadInput):
    code, title = "empty_chunk", "The piece is empty"
    message = "The request has no bytes. Send the piece as its body, with a Content-Length."


class ChunkTooLarge(BadInput):
    code, status, title = "chunk_too_large", 413, "The piece is too large"
    message = "A piece has at most {limit} bytes here. Send it as several."


class ChunkOutOfRange(BadInput):
    code, title = "chunk_out_of_range", "The piece does not fit the file"
    message = "The piece reaches beyond the {size} bytes of the upload."


class ChunkConflict(BadInput):
    code, status, title = "chunk_conflict", 422, "Other bytes are there already"
    message = "From byte {offset} on the box holds other bytes. Begin a new upload if the file has changed."


class ChunkCorrupt(BadInput):
    # The status is the tus protocol's own.
    code, status, title = "chunk_corrupt", 460, "The piece was damaged on its way"
    message = "The bytes do not match their checksum, so they were dropped. Send them again."


class WrongOffset(BadInput):
    # 409 by the tus protocol: its clients ask for the offset and go on from there.
    code, status, title = "wrong_offset", 409, "The upload goes on elsewhere"
    message = "The box holds {offset} bytes of this upload. Go on from there."


class UploadIncomplete(BadInput):
    code, status, title = "upload_incomplete", 422, "Bytes are missing"
    message = "Bytes from {first} on are missing. Send them, then finish the upload."


class HashMismatch(BadInput):
    code, status, title = "hash_mismatch", 422, "The file has another SHA-256"
    message = (
        "The bytes are not those of the SHA-256 that was announced, so they were dropped. Send them again."
    )


class UnsupportedTus(BadInput):
    code, status, title = "unsupported_tus", 412, "Another version of tus"
    message = "This box speaks tus {version}. Send the header 'Tus-Resumable: {version}'."


class AccessError(StenoboxError):
    code, status, title = "access_denied", 403, "Access denied"
    message = "Access denied."


class NotSignedIn(AccessError):
    code, status, title = "not_signed_in", 401, "Sign in first"
    message = "Sign in, or send an API key as 'Authorization: Bearer KEY'."


class WrongCredentials(AccessError):
    code, status, title = "wrong_credentials", 401, "Name or password is wrong"
    message = "The name or the password is wrong."


class Forbidden(AccessError):
    code, title = "forbidden", "Not allowed"
    message = "Your account ({role}) may not do this."


class CrossSite(AccessError):
    code, title = "cross_site", "The request comes from another site"
    message = "The request was made by a page of another site, so it was refused."


class SetupRequired(AccessError):
    code, title = "setup_required", "The box is not set up yet"
    message = "No account exists yet. Open the set-up link that the box printed at its start."


class SetupLinkInvalid(AccessError):
    code, title = "setup_link_invalid", "The set-up link does not work"
    message = "The set-up link was used or has expired. Restart the box to get a new one."


class RateLimited(AccessError):
    code, status, title = "rate_limited", 429, "Too many attempts"
    message = "Too many attempts. Try again in {retry_after} seconds."


class NotFound(StenoboxError):
    code, status, title = "not_found", 404, "Not found"
    message = "There is no such {what}, or it is not yours."


class StateConflict(StenoboxError):
    # 422 and not 409: standard clients retry 409, and this refusal is permanent.
    code, status, title = "state_conflict", 422, "Not possible in this state"
    message = "A job that is {state} cannot be {action}."


class ChangedMeanwhile(StenoboxError):
    code, status, title = "changed_meanwhile", 412, "Somebody else changed it"
    message = "It was changed since you loaded it. Load it again, then make your change."


class AudioRemoved(StenoboxError):
    code, status, title = "audio_removed", 410, "The audio is gone"
    message = (
        "The audio of this recording was kept for as long as was agreed and then removed. "
        "Its transcripts are still there. To work on it again, send the file again."
    )


class NameTaken(StenoboxError):
    code, status, title, exit_code = "name_taken", 422, "The name is taken", 2
    message = "There is already a user of that name."


class LastAdmin(StenoboxError):
    code, status, title = "last_admin", 422, "The last administrator stays"
    message = "This is the last administrator. Make another one first."


class Unavailable(StenoboxError):
    code, status, title = "unavailable", 503, "Not available now"
    message = "The box cannot do this now. Try again later."


class DiskFull(Unavailable):
    code, status, title = "disk_full", 507, "The disk is full"
    message = (
        "There is not enough free space to keep the file safely. Free some space, or ask the administrator."
    )


class UploadTaken(Unavailable):
    code, status, title = "upload_taken", 423, "Another request writes to this upload"
    message = "A newer request took over this upload. Ask for its state, then go on from there."


class TooBusy(Unavailable):
    code, title = "too_busy", "Too many files at once"
    message = "The box is receiving as many files as it can. Try again in a moment."


class NoModel(Unavailable):
    code, title = "no_model", "No model is installed"
    message = "No speech model is installed. On the box run 'stenobox models list' to see what it looks for."


class ShuttingDown(Unavailable):
    code, title = "shutting_down", "The box is stopping"
    message = "The box is being stopped. Try again when it is back."


class DaemonUnreachable(Unavailable):
    code, title = "daemon_unreachable", "The daemon does not answer"
    message = "The data folder is in use by a running daemon that does not answer on {socket}."


class ServerUnreachable(Unavailable):
    code, title = "server_unreachable", "The server does not answer"
    message = "{problem}"


class ServerRefused(StenoboxError):
    code, status, title = "server_refused", 500, "The server refused the file"
    message = "{problem}"


class DataError(StenoboxError):
    code, status, title = "data_unusable", 500, "The data folder cannot be used"
    message = "{problem}"


class DataInUse(DataError):
    code, title = "data_in_use", "The data folder is in use"
    message = "The data folder {folder} is in use by another process (pid {pid}). Stop it first."


class AddressUnusable(StenoboxError):
    code, status, title = "address_unusable", 500, "The address cannot be used"
    message = (
        "Cannot listen on {host} port {port}: {problem}. Choose another with listen.host and listen.port."
    )


class ModelError(StenoboxError):
    code, status, title = "model_invalid", 500, "A model cannot be trusted"
    message = "Model {model!r} was not loaded: {problem}"


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


class JobCancelled(StenoboxError):
    code, status, title = "job_cancelled", 422, "The job was cancelled"
    message = "The job was cancelled."


class LeaseLost(StenoboxError):
    code, title = "lease_lost", "The job belongs to another attempt"
    message = "Job {job_id} is no longer held by attempt {attempt}."


class AttemptLost(StenoboxError):
    code, title = "attempt_lost", "The work was cut off"
    message = "The box stopped or stalled while it worked on this recording ({attempts} times)."


class EngineFailed(StenoboxError):
    code, title = "engine_failed", "The speech engine failed"
    message = "The speech engine failed on this recording. The log of the box has the details."


class DecoderFailed(StenoboxError):
    code, title = "decoder_failed", "The audio decoder does not work"
    message = "The audio decoder of this box failed ({error}). Run 'stenobox doctor' on the box to see why."


class InternalError(StenoboxError):
    code, title = "internal", "An error of ours"
    message = "This is a fault of the box, not yours. Give the administrator the request id {request_id}."
