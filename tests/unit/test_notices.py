"""Notices of jobs that are over: the outbox fills in the transaction that ends a job and empties safely."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable

import pytest
from standardwebhooks import Webhook as Verifier

from harness.receiver import Receiver, Reply
from stenobox.config import WebhooksSettings
from stenobox.errors import InvalidRequest, NotFound, UndecodableAudio
from stenobox.notices import Allowed, Due, MailNotice, MailNotices, Outbox, Webhook, Webhooks, Wishes
from stenobox.notices.signing import new_signing_secret, signed_headers
from stenobox.notices.webhooks import link
from stenobox.notifying import Poster
from stenobox.notifying.outcome import Outcome
from stenobox.notifying.posting import payload
from stenobox.types import Identity, Job, Role
from storing import Store, claimed, finished, transcript_of

URL = "https://example.org/hook"
ALL = Wishes(on_cancelled=True)
HOUR = 3_600.0


async def events(store: Store) -> list[tuple[str, str | None]]:
    async with store.db.read() as reader:
        rows = await reader.fetch_all("SELECT event, job_id FROM outbox ORDER BY id")
    return [(row["event"], row["job_id"]) for row in rows]


async def the_notice(outbox: Outbox) -> Due:
    (notice,) = await outbox.due(10)
    return notice


async def the_webhook(webhooks: Webhooks, owner: Identity) -> Webhook:
    (webhook,) = await webhooks.list(owner)
    return webhook


# How the outbox fills.


async def done(store: Store, ann: Identity) -> Job:
    return await finished(store, ann)


async def failed(store: Store, ann: Identity) -> Job:
    await store.job(ann)
    return await store.jobs.fail(await claimed(store), UndecodableAudio(problem="It is cut off."))


async def quarantined(store: Store, ann: Identity) -> Job:
    job = await store.job(ann)
    for _ in range(3):
        await claimed(store)
        await store.jobs.recover()
    return job


async def cancelled(store: Store, ann: Identity) -> Job:
    job = await store.job(ann)
    return await store.jobs.cancel(job.id, ann)


async def cancelled_running(store: Store, ann: Identity) -> Job:
    job = await store.job(ann)
    await claimed(store)
    return await store.jobs.cancel(job.id, ann)


async def trashed_waiting(store: Store, ann: Identity) -> Job:
    job = await store.job(ann)
    await store.trash.put_job(job.id, ann)
    return job


ENDS = {
    done: "job.done",
    failed: "job.failed",
    quarantined: "job.quarantined",
    cancelled: "job.cancelled",
    cancelled_running: "job.cancelled",
    trashed_waiting: "job.cancelled",
}


@pytest.mark.parametrize("end", ENDS)
async def test_however_a_job_ends_one_notice_is_in_the_outbox(
    store: Store, ann: Identity, webhooks: Webhooks, end: Callable[..., object]
) -> None:
    await webhooks.create(ann, URL, ALL)
    job = await end(store, ann)  # type: ignore[misc]
    assert await events(store) == [(ENDS[end], job.id)]


async def test_a_job_whose_end_is_rolled_back_is_not_told(
    store: Store, ann: Identity, webhooks: Webhooks
) -> None:
    await webhooks.create(ann, URL, ALL)
    job = await store.job(ann)
    lease = await claimed(store)
    wrong = transcript_of(lease.job)
    async with store.db.write() as tx:
        await tx.execute("CREATE TRIGGER no BEFORE INSERT ON segments BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(Exception, match="no"):
        await store.jobs.complete(lease, wrong)
    assert await events(store) == []
    async with store.db.write() as tx:
        await tx.execute("DROP TRIGGER no")
    await store.jobs.complete(lease, wrong)
    assert await events(store) == [("job.done", job.id)]


async def test_a_job_that_is_tried_again_and_ends_again_is_told_again_under_another_id(
    store: Store, ann: Identity, webhooks: Webhooks, outbox: Outbox
) -> None:
    await webhooks.create(ann, URL, ALL)
    job = await cancelled(store, ann)
    first = await the_notice(outbox)
    await outbox.delivered(first, 200)
    await store.jobs.retry(job.id, ann)
    await store.jobs.cancel(job.id, ann)
    assert (await the_notice(outbox)).message_id != first.message_id


async def test_only_the_owner_is_told_and_only_of_what_they_want(
    store: Store, ann: Identity, webhooks: Webhooks
) -> None:
    ben = await store.user("ben", Role.ADMIN)
    await webhooks.create(ben, URL, ALL)
    await webhooks.create(ann, URL, Wishes(on_done=False))
    await done(store, ann)
    assert await events(store) == []


async def test_a_webhook_for_single_jobs_is_told_of_those_that_name_it(
    store: Store, ann: Identity, webhooks: Webhooks
) -> None:
    webhook, _ = await webhooks.create(ann, URL, ALL, every_job=False)
    await cancelled(store, ann)
    job = await store.job(ann)
    async with store.db.write() as tx:
        await link(tx, job.id, webhook.id, ann.user.id)
    await store.jobs.cancel(job.id, ann)
    assert await events(store) == [("job.cancelled", job.id)]


async def test_nobody_can_have_a_job_told_to_anothers_webhook(
    store: Store, ann: Identity, webhooks: Webhooks
) -> None:
    ben = await store.user("ben")
    webhook, _ = await webhooks.create(ben, URL, ALL, every_job=False)
    job = await store.job(ann)
    with pytest.raises(InvalidRequest):
        async with store.db.write() as tx:
            await link(tx, job.id, webhook.id, ann.user.id)


async def test_a_webhook_that_is_off_is_told_nothing(store: Store, ann: Identity, webhooks: Webhooks) -> None:
    webhook, _ = await webhooks.create(ann, URL, ALL)
    await webhooks.change(webhook.id, ann, {"enabled": False})
    await done(store, ann)
    assert await events(store) == []


async def test_a_notice_outlives_its_job_and_not_its_account(
    store: Store, ann: Identity, webhooks: Webhooks, outbox: Outbox
) -> None:
    await webhooks.create(ann, URL, ALL)
    job = await done(store, ann)
    await store.trash.put_job(job.id, ann)
    await store.trash.erase_job(job.id, ann)
    assert (await the_notice(outbox)).job_id == job.id
    async with store.db.write() as tx:
        await tx.execute("DELETE FROM users WHERE id = ?", (ann.user.id,))
    assert await outbox.due(10) == []


# What is said.


async def test_a_notice_holds_ids_states_and_times_and_a_title_only_for_who_asked(
    store: Store, ann: Identity, webhooks: Webhooks, outbox: Outbox
) -> None:
    webhook, _ = await webhooks.create(ann, URL, ALL)
    job = await done(store, ann)
    plain = payload(await the_notice(outbox))
    assert plain == {
        "type": "job.done",
        "timestamp": plain["data"]["finished_at"],
        "data": {
            "job_id": job.id,
            "recording_id": job.recording_id,
            "state": "done",
            "error": None,
            "created_at": plain["data"]["created_at"],
            "started_at": plain["data"]["started_at"],
            "finished_at": plain["data"]["finished_at"],
        },
    }
    for word in ("Hello", "a.wav"):
        assert word not in json.dumps(plain)
    await webhooks.change(webhook.id, ann, {"with_title": True})
    assert payload(await the_notice(outbox))["data"]["title"] == "a.wav"


async def test_a_notice_of_a_failure_names_its_code(
    store: Store, ann: Identity, webhooks: Webhooks, outbox: Outbox
) -> None:
    await webhooks.create(ann, URL, ALL)
    await failed(store, ann)
    assert payload(await the_notice(outbox))["data"]["error"] == "undecodable_audio"


def test_a_receiver_verifies_signatures_with_the_library_of_standard_webhooks() -> None:
    import time

    secret, body = new_signing_secret(), '{"type":"job.done","data":{"title":"Grüße"}}'
    headers = signed_headers(secret, "msg_1", int(time.time()), body.encode())
    assert Verifier(secret).verify(body, headers) == json.loads(body)
    with pytest.raises(Exception, match="signature"):
        Verifier(secret).verify(body.replace("done", "lost"), headers)
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32


# Who may do what.


async def test_everybody_sees_and_changes_their_own_webhooks_alone(
    store: Store, ann: Identity, webhooks: Webhooks
) -> None:
    boss = await store.user("boss", Role.ADMIN)
    webhook, _ = await webhooks.create(ann, URL, ALL)
    assert await webhooks.list(boss) == []
    for call in (
        lambda: webhooks.change(webhook.id, boss, {"enabled": False}),
        lambda: webhooks.remove(webhook.id, boss),
        lambda: webhooks.deliveries(webhook.id, boss),
        lambda: webhooks.test(webhook.id, boss),
        lambda: webhooks.redeliver(webhook.id, 1, boss),
    ):
        with pytest.raises(NotFound):
            await call()


async def test_an_account_has_at_most_twenty_webhooks(ann: Identity, webhooks: Webhooks) -> None:
    for _ in range(20):
        await webhooks.create(ann, URL, ALL)
    with pytest.raises(InvalidRequest):
        await webhooks.create(ann, URL, ALL)


@pytest.mark.parametrize(
    "address",
    [
        "ann@example.org\nBcc: eve@example.org",
        "",
        "ann",
        "a b@example.org",
        "<ann@example.org>",
        "a" * 250 + "@b.c",
    ],
)
async def test_what_is_no_e_mail_address_is_refused(store: Store, ann: Identity, address: str) -> None:
    with pytest.raises(InvalidRequest):
        await MailNotices(store.db).set(ann, MailNotice(address, ALL))


async def test_mail_waits_beside_webhooks_and_goes_when_it_is_no_longer_wanted(
    store: Store, ann: Identity, outbox: Outbox
) -> None:
    mail = MailNotices(store.db)
    await mail.set(ann, MailNotice("ann@example.org", ALL))
    await done(store, ann)
    assert ((await the_notice(outbox)).address, (await the_notice(outbox)).url) == ("ann@example.org", None)
    await mail.remove(ann)
    assert await outbox.due(10) == []
    assert await mail.get(ann) is None


# One attempt, against a real server.


async def sent(receiver: Receiver, url: str | None = None, secret: str = "") -> Outcome:
    notice = Due(
        id=1, message_id="msg_1", user_id=1, webhook_id="wh_1", event="webhook.test", job_id=None,
        recording_id=None, error=None, queued_at=None, started_at=None, finished_at=None, created_at=5.0,
        attempts=0, url=url or receiver.url, secret=secret or new_signing_secret(), address=None,
        disabled=False, title=None,
    )  # fmt: skip
    settings = WebhooksSettings(enabled=True)
    async with Poster(settings, Allowed(("127.0.0.0/8",))) as poster:
        return await poster.send(notice)


async def test_a_post_arrives_signed_with_its_headers_and_nothing_else_of_us() -> None:
    secret = new_signing_secret()
    with Receiver() as receiver:
        assert await sent(receiver, secret=secret) == Outcome(status=204)
        request = await asyncio.to_thread(receiver.next)
    assert Verifier(secret).verify(request.body.decode(), request.headers)["type"] == "webhook.test"
    assert request.headers.keys() == {
        "host", "content-type", "content-length", "user-agent", "accept", "accept-encoding", "webhook-id",
        "webhook-timestamp", "webhook-signature", "connection",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(200, body=b"x" * 100_000), Outcome(status=200)),
        (Reply(500), Outcome("It answered with status 500.", 500)),
        (Reply(410), Outcome("It answered with status 410.", 410, gone=True)),
        (Reply(503, {"Retry-After": "90"}), Outcome("It answered with status 503.", 503, 90.0)),
        (
            Reply(302, {"Location": "http://127.0.0.1:1/elsewhere"}),
            Outcome("It answered with a redirect, which is not followed.", 302),
        ),
    ],
)
async def test_an_answer_is_what_its_status_says(reply: Reply, outcome: Outcome) -> None:
    with Receiver(lambda _: reply) as receiver:
        assert await sent(receiver) == outcome
    assert len(receiver.arrived) == 1


async def test_nobody_there_is_an_outcome_and_no_error() -> None:
    with Receiver() as receiver:
        pass
    assert await sent(receiver) == Outcome("It cannot be reached.")
