"""What requests and answers about shares and links hold."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from stenobox.sharing.shares import MAX_DAYS
from stenobox.web.answers import Moment, Said, Seconds

Rights = Annotated[Literal["read", "edit"], Meta(description="To read and listen, or to correct too")]
Days = Annotated[int, Meta(ge=1, le=MAX_DAYS)]


class NewShare(msgspec.Struct, forbid_unknown_fields=True):
    """Either `recording` or `tag`; without `user` it is a link, which only reads."""

    recording: Annotated[str, Meta(description="Id of one recording")] | UnsetType = UNSET
    tag: (
        Annotated[
            str, Meta(description="A tag of one's own: everything that has it or will have it, as a folder")
        ]
        | UnsetType
    ) = UNSET
    user: Annotated[str | None, Meta(description="Name of the account with which it is shared")] = None
    rights: Rights = "read"
    days: Annotated[
        Days | None,
        Meta(description="Null: until it is taken back; a link for as long as the settings say"),
    ] = None


class ShareFields(Said):
    id: str
    recording: Annotated[str | None, Meta(description="Id, when it is one recording")]
    tag: Annotated[str | None, Meta(description="When it is everything with a tag")]
    title: Annotated[str, Meta(description="The recording's, or the tag")]
    owner: Annotated[str, Meta(description="Name of the account")]
    user: Annotated[str | None, Meta(description="With whom it is shared; null for a link")]
    link: bool
    rights: Rights
    created_at: Moment
    expires_at: Moment | None
    used_at: Annotated[Moment | None, Meta(description="When the link was opened last, to the minute")]


class Share(ShareFields):
    """Something that is shared."""


class ShareMade(ShareFields):
    """A new share. No other answer holds the path of a link."""

    path: Annotated[
        str | None, Meta(description="Where a link begins on this box, shown this once; null for an account")
    ]


class SharePage(Said):
    """Shares, the newest first."""

    shares: list[Share]
    next: Annotated[str | None, Meta(description="The `cursor` of the next page; null on the last")]


class People(Said):
    """With whom one may share."""

    people: list[str]


class LinkedJob(Said):
    """A transcript that a link leads to."""

    id: str
    language: str
    channels: Annotated[Literal["mix", "split"], Meta(description="Mixed, or each with lines of its own")]
    finished_at: Moment


class LinkedRecording(Said):
    """A recording that a link leads to."""

    id: str
    title: str
    duration: Seconds | None
    recorded: Annotated[str | None, Meta(description="When, as exactly as the file says")]
    created_at: Moment
    has_audio: bool
    jobs: Annotated[list[LinkedJob], Meta(description="Its transcripts, the newest last")]


class LinkContents(Said):
    """What a link leads to."""

    title: str
    owner: Annotated[str, Meta(description="Name of the account that shares it")]
    folder: Annotated[bool, Meta(description="Whether it is everything with a tag")]
    expires_at: Moment
    recordings: list[LinkedRecording]
    more: Annotated[bool, Meta(description="Whether there are more, older than these")]
