"""Every way in which Stenobox refuses or fails, in one tree.

    StenoboxError
    ├── SettingsError           the settings file or environment is wrong; the process does not start
    ├── BadInput                the caller can fix the request
    │   ├── InvalidRequest, InvalidField, WeakPassword, UnknownModel, UnknownLanguage, NotAudio, EmptyFile,
    │   ├── FileTooLarge, QuotaExceeded, BadQuery
    │   ├── EmptyChunk, ChunkTooLarge, ChunkOutOfRange, ChunkConflict, ChunkCorrupt, WrongOffset,
    │   ├── UploadIncomplete, HashMismatch, UnsupportedTus
    ├── AccessError             who is calling
    │   ├── NotSignedIn, WrongCredentials, Forbidden, CrossSite, SetupRequired, SetupLinkInvalid, RateLimited,
    │   ├── ScopeMissing, NotByKey, TotpRequired, WrongCode, OidcRefused, OidcNoAccount,
    │   ├── WebhooksOff, MailOff, LinksOff, NotYours
    │   │   └── TooManyRequests (of RateLimited)
    ├── NotFound, StateConflict, ChangedMeanwhile, AudioRemoved, NameTaken, LastAdmin,
    │                           SecondFactorState, TooManyVersions, TooManyShares, KeyReused
    ├── Unavailable             true now, perhaps not later
    │   ├── DiskFull, TooBusy, UploadTaken, NoModel, ShuttingDown, DaemonUnreachable, ServerUnreachable,
    │   ├── ProviderUnreachable
    ├── ServerRefused           what `stenobox push` was told by a box
    ├── DataError               the data folder cannot be used; the process does not start
    │   ├── DataInUse
    ├── CertificateInvalid      a key or certificate that browsers would refuse
    ├── AddressUnusable         the address to listen on is taken or not ours; the process does not start
    ├── ModelError              a model that is not what its manifest says
    ├── AudioError              the recording cannot be decoded
    │   ├── UndecodableAudio, AudioTooLong, DecoderLimit
    ├── EngineFailed, DecoderFailed  a part of the box failed on a recording
    ├── JobCancelled, JobFailed what became of a job that somebody waited for
    ├── LeaseLost               control flow of the queue; never shown to a caller
    └── InternalError           ours; the log has the request id

An exception carries a stable `code` (what scripts match on), an HTTP `status`, and a `message` template for
people that says what to do; the template's fields are keyword arguments. One place renders them:
`web/problems.py` as RFC 9457 `application/problem+json`, `cli` as one line on stderr. Messages never hold
secrets; file names appear only in answers to the person who sent them, so nothing here is logged with its
fields, only by `code`.
"""

from __future__ import annotations

from stenobox.errors.access import (
    AccessError,
    CrossSite,
    Forbidden,
    LinksOff,
    MailOff,
    NotByKey,
    NotSignedIn,
    NotYours,
    OidcNoAccount,
    OidcRefused,
    RateLimited,
    ScopeMissing,
    SetupLinkInvalid,
    SetupRequired,
    TooManyRequests,
    TotpRequired,
    WebhooksOff,
    WrongCode,
    WrongCredentials,
)
from stenobox.errors.box import (
    AddressUnusable,
    CertificateInvalid,
    DaemonUnreachable,
    DataError,
    DataInUse,
    DiskFull,
    InternalError,
    ModelError,
    NoModel,
    ProviderUnreachable,
    ServerRefused,
    ServerUnreachable,
    SettingsError,
    ShuttingDown,
    TooBusy,
    Unavailable,
    UploadTaken,
)
from stenobox.errors.root import (
    StenoboxError,
)
from stenobox.errors.sent import (
    BadInput,
    BadQuery,
    ChunkConflict,
    ChunkCorrupt,
    ChunkOutOfRange,
    ChunkTooLarge,
    EmptyChunk,
    EmptyFile,
    FileTooLarge,
    HashMismatch,
    InvalidField,
    InvalidRequest,
    NotAudio,
    QuotaExceeded,
    UnknownLanguage,
    UnknownModel,
    UnsupportedTus,
    UploadIncomplete,
    WeakPassword,
    WrongOffset,
)
from stenobox.errors.things import (
    AudioRemoved,
    ChangedMeanwhile,
    KeyReused,
    LastAdmin,
    NameTaken,
    NotFound,
    SecondFactorState,
    StateConflict,
    TooManyShares,
    TooManyVersions,
)
from stenobox.errors.work import (
    AttemptLost,
    AudioError,
    AudioTooLong,
    DecoderFailed,
    DecoderLimit,
    EngineFailed,
    JobCancelled,
    JobFailed,
    LeaseLost,
    UndecodableAudio,
)

__all__ = [
    "AccessError",
    "AddressUnusable",
    "AttemptLost",
    "AudioError",
    "AudioRemoved",
    "AudioTooLong",
    "BadInput",
    "BadQuery",
    "CertificateInvalid",
    "ChangedMeanwhile",
    "ChunkConflict",
    "ChunkCorrupt",
    "ChunkOutOfRange",
    "ChunkTooLarge",
    "CrossSite",
    "DaemonUnreachable",
    "DataError",
    "DataInUse",
    "DecoderFailed",
    "DecoderLimit",
    "DiskFull",
    "EmptyChunk",
    "EmptyFile",
    "EngineFailed",
    "FileTooLarge",
    "Forbidden",
    "HashMismatch",
    "InternalError",
    "InvalidField",
    "InvalidRequest",
    "JobCancelled",
    "JobFailed",
    "KeyReused",
    "LastAdmin",
    "LeaseLost",
    "LinksOff",
    "MailOff",
    "ModelError",
    "NameTaken",
    "NoModel",
    "NotAudio",
    "NotByKey",
    "NotFound",
    "NotSignedIn",
    "NotYours",
    "OidcNoAccount",
    "OidcRefused",
    "ProviderUnreachable",
    "QuotaExceeded",
    "RateLimited",
    "ScopeMissing",
    "SecondFactorState",
    "ServerRefused",
    "ServerUnreachable",
    "SettingsError",
    "SetupLinkInvalid",
    "SetupRequired",
    "ShuttingDown",
    "StateConflict",
    "StenoboxError",
    "TooBusy",
    "TooManyRequests",
    "TooManyShares",
    "TooManyVersions",
    "TotpRequired",
    "Unavailable",
    "UndecodableAudio",
    "UnknownLanguage",
    "UnknownModel",
    "UnsupportedTus",
    "UploadIncomplete",
    "UploadTaken",
    "WeakPassword",
    "WebhooksOff",
    "WrongCode",
    "WrongCredentials",
    "WrongOffset",
]
