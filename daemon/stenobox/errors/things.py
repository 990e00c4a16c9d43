"""What the things of the box refuse in the state they are in."""

from __future__ import annotations

from stenobox.errors.root import StenoboxError


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


class TooManyVersions(StenoboxError):
    code, status, title = "too_many_versions", 422, "The transcript has too many versions"
    message = "A transcript has at most {limit} versions. Export it, and go on with the file."


class TooManyShares(StenoboxError):
    code, status, title = "too_many_shares", 422, "Too much is shared"
    message = "An account shares at most {limit} things. Take something back first."


class KeyReused(StenoboxError):
    # 422 as the draft of the header has it for a key that came with something else.
    code, status, title = "key_reused", 422, "The Idempotency-Key belongs to another request"
    message = "This Idempotency-Key came with another file or other wishes before. Take a new key."


class AudioRemoved(StenoboxError):
    code, status, title = "audio_removed", 410, "The audio is gone"
    message = (
        "The audio of this recording was kept for as long as was agreed and then removed. "
        "Its transcripts are still there. To work on it again, send the file again."
    )


class NameTaken(StenoboxError):
    code, status, title, exit_code = "name_taken", 422, "The name is taken", 2
    message = "There is already a user of that name."


class SecondFactorState(StenoboxError):
    code, status, title = "second_factor_state", 422, "Not possible with the second factor as it is"
    message = "{problem}"


class LastAdmin(StenoboxError):
    code, status, title = "last_admin", 422, "The last administrator stays"
    message = "This is the last administrator. Make another one first."
