"""Events reach those who may see them, and a slow reader harms only itself."""

from __future__ import annotations

import asyncio
import gc

import pytest

from stenobox.events import EventHub, Subscription
from stenobox.types import Event, Identity, Role, User


def who(id: int, role: Role = Role.USER) -> Identity:
    return Identity(User(id, f"user {id}", role, disabled=False, created_at=0.0), "session")


def numbered(number: int, owner: int = 1) -> Event:
    return Event("job", owner, {"number": number})


async def drain(events: Subscription) -> list[Event]:
    seen = []
    with pytest.raises(TimeoutError):
        while True:
            async with asyncio.timeout(0.02):
                seen.append(await anext(events))
    return seen


async def test_owner_and_admins_are_told_and_nobody_else() -> None:
    hub = EventHub()
    with (
        hub.subscribe(who(1)) as own,
        hub.subscribe(who(2)) as other,
        hub.subscribe(who(3, Role.ADMIN)) as admin,
    ):
        hub.publish(numbered(1))
        assert await drain(own) == [numbered(1)]
        assert await drain(admin) == [numbered(1)]
        assert await drain(other) == []


async def test_events_come_in_order_from_the_moment_of_subscribing() -> None:
    hub = EventHub()
    hub.publish(numbered(0))
    with hub.subscribe(who(1)) as events:
        for number in range(1, 5):
            hub.publish(numbered(number))
        assert [event.data["number"] for event in await drain(events)] == [1, 2, 3, 4]


async def test_a_slow_reader_is_told_to_reload_and_then_goes_on() -> None:
    hub = EventHub(backlog=3)
    with hub.subscribe(who(1)) as slow, hub.subscribe(who(1)) as quick:
        for number in range(4):
            hub.publish(numbered(number))
            assert await anext(quick) == numbered(number)
        hub.publish(numbered(4))
        assert [event.kind for event in await drain(slow)] == ["reload", "job"]


async def test_what_is_kept_for_a_reader_is_bounded() -> None:
    hub = EventHub(backlog=3)
    with hub.subscribe(who(1)) as slow:
        for number in range(1_000):
            hub.publish(numbered(number))
        assert len(await drain(slow)) <= 3


async def test_giving_up_a_wait_loses_no_event() -> None:
    hub = EventHub()
    seen: list[Event] = []
    with hub.subscribe(who(1)) as events:
        for number in range(20):
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0)
            hub.publish(numbered(number))
            waiting.cancel()
            await asyncio.wait([waiting])
            if not waiting.cancelled():
                seen.append(waiting.result())
        seen += await drain(events)
    assert [event.data["number"] for event in seen] == list(range(20))


async def test_closing_the_hub_ends_every_reader_also_those_that_come_later() -> None:
    hub = EventHub()
    with hub.subscribe(who(1)) as events:
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        hub.close()
        with pytest.raises(StopAsyncIteration):
            await waiting
    assert [event async for event in hub.subscribe(who(1))] == []


async def test_a_closed_subscription_is_told_nothing_more() -> None:
    hub = EventHub()
    with hub.subscribe(who(1)) as events:
        hub.publish(numbered(1))
    hub.publish(numbered(2))
    assert [event async for event in events] == []


async def test_a_reader_that_vanished_is_forgotten() -> None:
    hub = EventHub()
    hub.subscribe(who(1))
    gc.collect()
    assert len(hub._subscriptions) == 0
