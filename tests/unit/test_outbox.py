"""How the outbox empties: at least once, never for ever, and nobody waits for a receiver that fails."""

from __future__ import annotations

import pytest

from stenobox.audit import Filter, Trail
from stenobox.notices import Outbox, Webhooks
from stenobox.notices.schedule import GIVE_UP_S, LONGEST_S, delay
from stenobox.notifying.posting import retry_after
from stenobox.types import Identity
from storing import Store
from unit.test_notices import ALL, HOUR, URL, cancelled, done, the_notice, the_webhook


async def test_a_delivery_that_worked_is_over(
    store: Store, ann: Identity, webhooks: Webhooks, outbox: Outbox
) -> None:
    await webhooks.create(ann, URL, ALL)
    await done(store, ann)
    await outbox.delivered(await the_notice(outbox), 200)
    store.clock.now += 10 * HOUR
    assert await outbox.due(10) == []
    assert (await the_webhook(webhooks, ann)).last_success_at is not None


async def test_a_delivery_that_failed_comes_back_under_the_same_id_until_a_day_is_over(
    store: Store, ann: Identity, webhooks: Webhooks, outbox: Outbox
) -> None:
    await webhooks.create(ann, URL, ALL)
    await done(store, ann)
    began, ids, over = store.clock.now, set(), False
    attempts = 0
    while not over:
        notice = await the_notice(outbox)
        ids.add(notice.message_id)
        over = await outbox.failed(notice, "It cannot be reached.")
        attempts += 1
        store.clock.now += await outbox.wait_s(LONGEST_S * 2) + 1
    assert len(ids) == 1
    assert 10 <= attempts <= 20
    assert store.clock.now - began <= GIVE_UP_S + 2 * LONGEST_S
    (delivery,) = (await webhooks.deliveries((await the_webhook(webhooks, ann)).id, ann)).deliveries
    assert (delivery.state, delivery.attempts) == ("failed", attempts)


async def test_a_webhook_that_failed_for_a_day_is_switched_off_and_on_again_by_its_owner(
    store: Store, ann: Identity, webhooks: Webhooks, outbox: Outbox
) -> None:
    webhook, _ = await webhooks.create(ann, URL, ALL)
    await done(store, ann)
    await outbox.failed(await the_notice(outbox), "It cannot be reached.")
    assert (await the_webhook(webhooks, ann)).disabled is None
    store.clock.now += GIVE_UP_S + 1
    await outbox.failed(await the_notice(outbox), "It cannot be reached.")
    off = await the_webhook(webhooks, ann)
    assert (off.disabled, off.last_error) == ("failing", "It cannot be reached.")
    actions = [row.action for row in (await Trail(store.db).page(Filter(subject="webhook"))).rows]
    assert actions == ["webhook.disabled", "webhook.created"]
    on = await webhooks.change(webhook.id, ann, {"enabled": True})
    assert (on.disabled, on.failing_since) == (None, None)


async def test_one_success_ends_the_count_of_failures(
    store: Store, ann: Identity, webhooks: Webhooks, outbox: Outbox
) -> None:
    await webhooks.create(ann, URL, ALL)
    await done(store, ann)
    await outbox.failed(await the_notice(outbox), "It cannot be reached.")
    store.clock.now += GIVE_UP_S - HOUR
    await outbox.delivered(await the_notice(outbox), 200)
    await done(store, ann)
    store.clock.now += 2 * HOUR
    await outbox.failed(await the_notice(outbox), "It cannot be reached.")
    assert (await the_webhook(webhooks, ann)).disabled is None


async def test_a_receiver_that_is_gone_is_not_called_again(
    store: Store, ann: Identity, webhooks: Webhooks, outbox: Outbox
) -> None:
    await webhooks.create(ann, URL, ALL)
    await done(store, ann)
    assert await outbox.failed(await the_notice(outbox), "Status 410.", 410, gone=True)
    assert (await the_webhook(webhooks, ann)).disabled == "gone"
    await done(store, ann)
    assert await outbox.due(10) == []


async def test_a_receiver_gets_one_notice_at_a_time_the_oldest_first_and_holds_up_nobody_else(
    store: Store, ann: Identity, webhooks: Webhooks, outbox: Outbox
) -> None:
    first, _ = await webhooks.create(ann, URL, ALL)
    second, _ = await webhooks.create(ann, URL, ALL)
    jobs = [await cancelled(store, ann) for _ in range(3)]
    store.clock.now += 1
    due = await outbox.due(10)
    assert {(each.webhook_id, each.job_id) for each in due} == {
        (first.id, jobs[0].id),
        (second.id, jobs[0].id),
    }
    assert [each.webhook_id for each in await outbox.due(10, {first.id})] == [second.id]


async def test_a_receiver_that_fails_is_left_alone_for_a_while_whatever_waits_for_it(
    store: Store, ann: Identity, webhooks: Webhooks, outbox: Outbox
) -> None:
    webhook, _ = await webhooks.create(ann, URL, ALL)
    for _ in range(3):
        await cancelled(store, ann)
    await outbox.failed(await the_notice(outbox), "It cannot be reached.")
    assert await outbox.due(10) == []
    store.clock.now += 2 * HOUR
    await outbox.failed(await the_notice(outbox), "It cannot be reached.")
    store.clock.now += 299
    assert await outbox.due(10) == []
    store.clock.now += 2
    assert len(await outbox.due(10)) == 1
    await outbox.failed(await the_notice(outbox), "It cannot be reached.")
    await webhooks.test(webhook.id, ann)
    assert len(await outbox.due(10)) == 1


async def test_a_notice_can_be_sent_again_under_its_old_id(
    store: Store, ann: Identity, webhooks: Webhooks, outbox: Outbox
) -> None:
    webhook, _ = await webhooks.create(ann, URL, ALL)
    await done(store, ann)
    notice = await the_notice(outbox)
    await outbox.delivered(notice, 200)
    store.clock.now += 5 * GIVE_UP_S
    await webhooks.redeliver(webhook.id, notice.id, ann)
    again = await the_notice(outbox)
    assert (again.message_id, again.attempts) == (notice.message_id, 0)


async def test_what_is_over_is_forgotten_after_a_month_and_what_waits_for_an_off_webhook_after_a_day(
    store: Store, ann: Identity, webhooks: Webhooks, outbox: Outbox
) -> None:
    webhook, _ = await webhooks.create(ann, URL, ALL)
    await done(store, ann)
    await webhooks.change(webhook.id, ann, {"enabled": False})
    store.clock.now += GIVE_UP_S + 2 * HOUR
    await outbox.sweep()
    await webhooks.change(webhook.id, ann, {"enabled": True})
    assert await outbox.due(10) == []
    assert await store.count("outbox") == 1
    store.clock.now += 31 * 24 * HOUR
    await outbox.sweep()
    assert await store.count("outbox") == 0


def test_delays_grow_to_three_hours_and_retry_after_only_lengthens_them() -> None:
    waits = [delay(attempt, chance=lambda: 0.0) for attempt in range(1, 12)]
    assert waits[:4] == [5.0, 15.0, 45.0, 135.0]
    assert max(waits) == LONGEST_S
    assert delay(1, 120.0, lambda: 0.0) == 120.0
    assert delay(5, 1.0, lambda: 0.0) == waits[4]
    assert delay(1, 1e9, lambda: 0.0) == LONGEST_S
    assert 5.0 <= delay(1) <= 6.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("30", 30.0),
        (" 7 ", 7.0),
        ("-3", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, 100.0) == seconds
