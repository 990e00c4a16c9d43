"""What whoever has a link may read and hear. The token in the address is all that they show.

It stands in a path and not in a header, since a browser's player and downloads send no headers of ours: a
capability URL, as the W3C's "Good Practices for Capability URLs" has them. Our log holds routes and never
paths; headers of every answer keep it out of Referer and of search engines; and it ends.
"""

from __future__ import annotations

from aiohttp import web

from stenobox.audit import Actor, Kind, acting
from stenobox.errors import AudioRemoved
from stenobox.moments import moment
from stenobox.sharing.links import Link, LinkedRecording
from stenobox.types import Job
from stenobox.web import share_shapes as shapes
from stenobox.web.bodies import json_response
from stenobox.web.keys import LINKS, READS
from stenobox.web.query import flag
from stenobox.web.recordings import send_audio, send_peaks
from stenobox.web.transcripts import send_transcript


async def contents(request: web.Request) -> web.Response:
    links = request.app[LINKS]
    link = await links.open(request.match_info["token"])
    found, more = await links.recordings(link)
    with acting(_actor(request)):
        await request.app[READS].note_opened(link.share_id, link.owner.id)
    return json_response(
        shapes.LinkContents(
            title=link.title,
            owner=link.owner.name,
            folder=link.tag_id is not None,
            expires_at=moment(link.expires_at),
            recordings=[_recording(each) for each in found],
            more=more,
        )
    )


async def transcript(request: web.Request) -> web.Response:
    """Query: as of `/api/jobs/{id}/transcript`."""
    links = request.app[LINKS]
    link = await links.open(request.match_info["token"])
    await links.check_job(link, request.match_info["id"])

    async def note(job: Job, download: bool) -> None:
        await _note(request, link, "transcript", f"job:{job.id}", download=download)

    return await send_transcript(request, link.as_owner, note)


async def audio(request: web.Request) -> web.StreamResponse:
    """The bytes as they were sent, whole or in part. `download=1`: as an attachment."""
    links, download = request.app[LINKS], flag(request, "download")
    link = await links.open(request.match_info["token"])
    found = await links.recording(link, request.match_info["id"])
    if found.audio_removed_at is not None:
        raise AudioRemoved
    await _note(request, link, "audio", f"recording:{found.id}", download=download)
    return await send_audio(request, found, download=download)


async def peaks(request: web.Request) -> web.Response:
    links = request.app[LINKS]
    link = await links.open(request.match_info["token"])
    return await send_peaks(request, await links.recording(link, request.match_info["id"]))


async def _note(request: web.Request, link: Link, what: Kind, target: str, *, download: bool) -> None:
    """Before anything of it is sent; by whoever has the link, even if somebody is signed in."""
    with acting(_actor(request)):
        await request.app[READS].note_by_link(link.share_id, what, target, link.owner.id, download=download)


def _actor(request: web.Request) -> Actor:
    return Actor(None, None, "link", request.remote or None)


def _recording(value: LinkedRecording) -> shapes.LinkedRecording:
    jobs = [
        shapes.LinkedJob(
            job.id, job.language, "split" if job.channels == "split" else "mix", moment(job.finished_at)
        )
        for job in value.jobs
    ]
    return shapes.LinkedRecording(
        id=value.id,
        title=value.title,
        duration=value.duration,
        recorded=value.recorded,
        created_at=moment(value.created_at),
        has_audio=value.has_audio,
        jobs=jobs,
    )
