"""What the caller can mend: the request, or the bytes in it."""

from __future__ import annotations

from stenobox.errors.root import StenoboxError


class BadInput(StenoboxError):
    code, status, title, exit_code = "bad_input", 400, "The request cannot be used", 2
    message = "{problem}"


class InvalidRequest(BadInput):
    code, title = "invalid_request", "The request is not of the expected form"
    message = "{problem}"


class InvalidField(BadInput):
    """`param` is the field's name, for callers who are told it apart."""

    code, title = "invalid_field", "A field cannot be used"
    message = "{problem} (field {param})"


class WeakPassword(BadInput):
    code, title = "weak_password", "The password is easy to guess"
    message = "This password would soon be guessed. {why} Take a longer one: a few unrelated words will do."


class BadQuery(BadInput):
    code, title = "bad_query", "The search cannot be read"
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
