"""What the audit trail tells of. The names are stable: scripts match on them, and old rows keep theirs."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """`subject.what_happened`. The target of a row is `kind:id`, such as `job:5f0c...`."""

    BOX_STARTED = "box.started"

    LOGIN = "auth.login"
    LOGIN_FAILED = "auth.failed"
    LOGOUT = "auth.logout"

    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    USER_REMOVED = "user.removed"
    PASSWORD_CHANGED = "user.password_changed"  # noqa: S105 - the name of what happened
    QUOTA_CHANGED = "user.quota_changed"
    SESSIONS_ENDED = "user.sessions_ended"
    SECOND_FACTOR_ON = "user.second_factor_on"
    SECOND_FACTOR_OFF = "user.second_factor_off"
    RECOVERY_CODES = "user.recovery_codes"

    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"

    TRANSCRIPT_READ = "transcript.read"
    TRANSCRIPT_EXPORTED = "transcript.exported"
    TRANSCRIPT_CORRECTED = "transcript.corrected"
    AUDIO_READ = "audio.read"
    AUDIO_EXPORTED = "audio.exported"
    AUDIO_EXPIRED = "audio.expired"

    JOB_DELETED = "job.deleted"
    JOB_RESTORED = "job.restored"
    JOB_ERASED = "job.erased"
    RECORDING_DELETED = "recording.deleted"
    RECORDING_RESTORED = "recording.restored"
    RECORDING_ERASED = "recording.erased"
    RECORDING_EXPIRED = "recording.expired"
    RETENTION_CHANGED = "recording.retention_changed"

    SHARE_CREATED = "share.created"
    SHARE_CHANGED = "share.changed"
    SHARE_REVOKED = "share.revoked"
    SHARE_OPENED = "share.opened"

    SNAPSHOT_CREATED = "snapshot.created"
    SNAPSHOT_RESTORED = "snapshot.restored"
    SNAPSHOT_REMOVED = "snapshot.removed"

    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_REMOVED = "webhook.removed"
    WEBHOOK_DISABLED = "webhook.disabled"
    MAIL_CHANGED = "mail.changed"

    AUDIT_EXPORTED = "audit.exported"
    AUDIT_PRUNED = "audit.pruned"
    AUDIT_BROKEN = "audit.broken"


SUBJECTS: Final = tuple(sorted({action.partition(".")[0] for action in Action}))
"""What stands before the dot: a filter may ask for all actions of one."""

MEANINGS: Final[dict[Action, str]] = {
    Action.BOX_STARTED: "The daemon started; digest of its settings, and whether they changed",
    Action.LOGIN: "Somebody signed in",
    Action.LOGIN_FAILED: "A sign-in was refused; `count` of many at once",
    Action.LOGOUT: "Somebody signed out, or signed in anew",
    Action.USER_CREATED: "An account was made",
    Action.USER_CHANGED: "An account was changed",
    Action.USER_DISABLED: "An account lost its access and stays for its recordings",
    Action.USER_ENABLED: "A disabled account has access again",
    Action.USER_REMOVED: "An account was removed",
    Action.PASSWORD_CHANGED: "A password was changed, by its owner or an administrator",
    Action.QUOTA_CHANGED: "How much an account may keep was changed",
    Action.SESSIONS_ENDED: "Sessions of an account were ended from outside",
    Action.SECOND_FACTOR_ON: "An account needs a second factor from now on",
    Action.SECOND_FACTOR_OFF: "An account's second factor was removed, by its owner or an administrator",
    Action.RECOVERY_CODES: "An account has new recovery codes",
    Action.KEY_CREATED: "An API key was made",
    Action.KEY_REVOKED: "An API key was revoked",
    Action.TRANSCRIPT_READ: "A transcript was read by somebody other than its owner",
    Action.TRANSCRIPT_EXPORTED: "A transcript was downloaded",
    Action.TRANSCRIPT_CORRECTED: "A transcript has a new version",
    Action.AUDIO_READ: "Audio was heard by somebody other than its owner",
    Action.AUDIO_EXPORTED: "Audio was downloaded",
    Action.AUDIO_EXPIRED: "Audio was removed after its days",
    Action.JOB_DELETED: "A job was put in the trash",
    Action.JOB_RESTORED: "A job was taken out of the trash",
    Action.JOB_ERASED: "A job was removed for good",
    Action.RECORDING_DELETED: "A recording was put in the trash with its jobs",
    Action.RECORDING_RESTORED: "A recording was taken out of the trash",
    Action.RECORDING_ERASED: "A recording was removed for good",
    Action.RECORDING_EXPIRED: "A recording was removed after its days",
    Action.RETENTION_CHANGED: "How long a recording is kept was changed",
    Action.SHARE_CREATED: "Something was shared, with an account or by a link",
    Action.SHARE_CHANGED: "What an account may do with what is shared with it was changed",
    Action.SHARE_REVOKED: "A share was taken back, or left by the account that had it",
    Action.SHARE_OPENED: "Somebody without an account opened a link",
    Action.SNAPSHOT_CREATED: "A snapshot was made",
    Action.SNAPSHOT_RESTORED: "A snapshot was restored",
    Action.SNAPSHOT_REMOVED: "A snapshot was removed",
    Action.WEBHOOK_CREATED: "A webhook was made",
    Action.WEBHOOK_CHANGED: "A webhook was changed",
    Action.WEBHOOK_REMOVED: "A webhook was removed",
    Action.WEBHOOK_DISABLED: "A webhook was switched off because it failed or is gone",
    Action.MAIL_CHANGED: "Somebody wants e-mail about their jobs, or no longer",
    Action.AUDIT_EXPORTED: "The trail was exported over HTTP",
    Action.AUDIT_PRUNED: "Old rows of the trail went, up to the one that is named",
    Action.AUDIT_BROKEN: "At a start the trail was not what it had been",
}
