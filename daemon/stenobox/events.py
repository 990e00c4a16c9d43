"""Changes told to whoever watches at the moment. Nothing is kept: who was away reads the tables again.

Kinds and their data:

- `job`: `{"job": Job}` after a change of its state, progress or priority
- `segments`: `{"job_id", "segments": [{id, start, end, text, channel}], "texts", "position", "duration"}`
  while a job runs; `texts` are those of the segments as the model wrote them, with their blanks
- `transcript`: `{"job_id", "version", "author"}` after somebody corrected it
- `deleted`: `{"job_id"}`
- `reload`: `{}` some events were dropped for this reader, or it may see other things than before; it has to
  read everything again

Everything here runs on the event loop's thread; from another thread use `loop.call_soon_threadsafe`.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from types import TracebackType
from typing import Self

from stenobox.types import Event, Identity

BACKLOG = 256
"""Events kept for one reader. At a few events a second for each running job that is half a minute's worth."""


class Subscription:
    """What one reader has yet to read: `with hub.subscribe(identity) as events: async for event in events`.

    Cancelling a wait for the next event loses none, so a reader may wait with a time limit. The iteration
    ends when the subscription or the hub is closed.
    """

    def __init__(self, identity: Identity, backlog: int) -> None:
        self._identity = identity
        self._backlog = backlog
        self._events: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._closed = False

    def offer(self, event: Event) -> None:
        """Queue the event if it is this reader's to see. A reader that is too slow gets `reload` instead."""
        if self._closed or event.right_of(self._identity) is None:
            return
        if len(self._events) >= self._backlog:
            self.reload()
        else:
            self._events.append(event)
            self._changed.set()

    def reload(self) -> None:
        """Have this reader read everything again, instead of what is queued."""
        if self._closed:
            return
        self._events.clear()
        self._events.append(Event("reload", self._identity.user.id))
        self._changed.set()

    def is_of(self, user_id: int) -> bool:
        return self._identity.user.id == user_id

    def close(self) -> None:
        """Stop listening; what is queued is dropped."""
        self._closed = True
        self._events.clear()
        self._changed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()


class EventHub:
    """Hands every published event to the readers that may see it: its owner, the admins, and those with whom
    it is shared.
    """

    def __init__(self, backlog: int = BACKLOG) -> None:
        self._backlog = backlog
        # Weak: a reader that vanished without closing must not collect events for ever.
        self._subscriptions: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._closed = False

    def publish(self, event: Event) -> None:
        """Tell everybody concerned. Never waits: a slow reader costs itself its events, nobody else."""
        for subscription in list(self._subscriptions):
            subscription.offer(event)

    def reload(self, user_id: int) -> None:
        """Have an account's pages read everything again: it may see other things than before."""
        for subscription in list(self._subscriptions):
            if subscription.is_of(user_id):
                subscription.reload()

    def subscribe(self, identity: Identity) -> Subscription:
        """Listen from this moment on, as `identity`; after `close()` the subscription is over at once."""
        subscription = Subscription(identity, self._backlog)
        if self._closed:
            subscription.close()
        self._subscriptions.add(subscription)
        return subscription

    def close(self) -> None:
        """End all subscriptions, so that open connections do not hold up the end of the process."""
        self._closed = True
        for subscription in list(self._subscriptions):
            subscription.close()
