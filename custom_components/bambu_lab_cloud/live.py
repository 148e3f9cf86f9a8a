"""The live data of an account: one session with the broker, and what the printers say in it."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import random
from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_REGION, CONF_TOKEN
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .api import (
    AuthenticationError,
    BambuCloud,
    BambuCloudError,
    BrokerRefusedError,
    Presence,
    Report,
    Versions,
)
from .cloud import cloud_now, error_text, live_session
from .const import CONF_LIVE_DATA, LOGGER
from .coordinator import Mistakes
from .fleet.asking import Asking, silence_at, wants_bind
from .fleet.cadence import LASTING, reconnect_interval, refusal_interval
from .fleet.live import LiveState, fresh_until, heard, is_fresh, session_lost, settled
from .fleet.printer import Printer
from .memory import Memory
from .printers import PrintersCoordinator

if TYPE_CHECKING:
    from .api.live import LiveSession

# A session that ends sooner is not worth a word that live data is back.
_BACK = timedelta(seconds=30)
# How often to try whether the broker grants a printer that it has refused.
_REFUSED_FOR = timedelta(hours=1)

type Reason = Literal["off", "lost", "refused"]


@dataclass(slots=True)
class Manners:
    """How the broker was treated of late, so that it is left alone for long enough.

    attempts and refusals are those in a row; no session is tried until `pause` has passed since
    `since`. asking is when each printer was asked, refused_at when the broker refused one.
    """

    attempts: int = 0
    refusals: int = 0
    since: datetime | None = None
    pause: timedelta = timedelta()
    asking: dict[str, Asking] = field(default_factory=dict, repr=False)
    refused_at: dict[str, datetime] = field(default_factory=dict, repr=False)

    def wait(self, pause: timedelta) -> None:
        """Try no session for so long."""
        self.since, self.pause = dt_util.utcnow(), pause

    @property
    def waits_for(self) -> timedelta:
        """Return how long no session is tried."""
        if self.since is None:
            return timedelta()
        # A clock that was set back makes nobody wait longer.
        return min(max(self.since + self.pause - dt_util.utcnow(), timedelta()), self.pause)


# As old as the client of an account, which outlasts reloads: however many, they are no storm.
_MANNERS: WeakKeyDictionary[BambuCloud, Manners] = WeakKeyDictionary()


class LiveFeed:
    """What the printers of an account say themselves.

    Beside the polls, which go on whatever happens here. is_on is what the owner wants, reason why
    nobody is heard, None while there is a session and before the first one.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        client: BambuCloud,
        memory: Memory,
        printers: PrintersCoordinator,
    ) -> None:
        """Initialize the feed."""
        self.is_on: bool = entry.options.get(CONF_LIVE_DATA, True)
        self.connected_at: datetime | None = None
        self.reason: Reason | None = None if self.is_on else "off"
        # How many sessions and attempts have ended, by the kind of error.
        self.losses = Counter[str]()
        self._hass = hass
        self._entry = entry
        self._client = client
        self._memory = memory
        self._printers = printers
        self._manners = _MANNERS.setdefault(client, Manners())
        self._mistakes = Mistakes("live data")
        self._is_said = False
        self._is_over = False
        self._task: asyncio.Task[None] | None = None
        self._listeners: list[CALLBACK_TYPE] = []
        self._timers: dict[str, tuple[datetime, CALLBACK_TYPE]] = {}
        self._online: dict[str, bool | None] = {}
        # The printers that are followed, and those of which there may be something to ask.
        self._followed = set[str]()
        self._due = set[str]()
        self._wake = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        """Return if there is a session with the broker."""
        return self.connected_at is not None

    @property
    def is_starting(self) -> bool:
        """Return if the first session has neither begun nor failed."""
        return not self.is_connected and self.reason is None

    @callback
    def async_add_listener(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Listen for whether there is a session, and why not."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def start(self) -> None:
        """Listen to the printers from now on, unless live data is off."""
        if not self.is_on:
            return
        self._entry.async_on_unload(self._printers.async_add_poll_listener(self._take_poll))
        self._remember_who_is_online()
        self._start_task()

    @callback
    def _start_task(self) -> None:
        self._task = self._entry.async_create_background_task(
            self._hass, self._async_run(), f"{self._printers.name} live data"
        )

    async def async_stop(self) -> None:
        """Listen no more, and leave nothing behind."""
        self._is_over = True
        while self._timers:
            _, (_, cancel) = self._timers.popitem()
            cancel()
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    # The sessions

    async def _async_run(self) -> None:
        """Hold one session after the other, as long as that makes sense."""
        with self._mistakes.survived():
            while True:
                await asyncio.sleep(self._manners.waits_for.total_seconds())
                data = self._entry.data
                session = await live_session(
                    self._hass, data[CONF_REGION], str(self._entry.unique_id), data[CONF_TOKEN]
                )
                if session is None:
                    self._set(None, "off")
                    return
                failure = await self._async_hold(session)
                self.losses[type(failure).__name__] += 1
                if not isinstance(failure, BrokerRefusedError):
                    self._say_lost(failure)
                elif await self._async_is_dead(failure):
                    # The next good poll begins anew, should there be one.
                    return

    async def _async_hold(self, session: LiveSession) -> Exception:
        """Hold a session until it ends, and return why it did."""
        manners = self._manners
        manners.attempts += 1
        manners.wait(reconnect_interval(manners.attempts, random()))  # noqa: S311 - jitter
        failure: Exception = BambuCloudError("It has ended by itself")
        try:
            async with session, asyncio.TaskGroup() as group:
                self._begin()
                group.create_task(self._async_listen(session))
                group.create_task(self._async_tend(session))
        except* BambuCloudError as errors:
            failure = errors.exceptions[0]
        except* Exception as errors:  # noqa: BLE001 - no mistake of ours may become a storm
            failure = errors.exceptions[0]
            self._mistakes.say(failure)
        finally:
            self._end(failure)
        return failure

    @callback
    def _begin(self) -> None:
        """Take note that there is a session."""
        now = cloud_now(self._client)
        self._manners.refusals = 0
        self._manners.asking = {
            printer_id: asking.began(now) for printer_id, asking in self._manners.asking.items()
        }
        self._followed.clear()
        self._due.clear()
        self._set(now, None)

    @callback
    def _end(self, failure: Exception) -> None:
        """Take note that there is no session, whatever has ended it."""
        manners = self._manners
        self._printers.are_followed = False
        if self._age >= LASTING:
            manners.attempts = 1
        if self._is_over or self._hass.is_stopping:
            # Nobody is to hear of it, nor would anybody care for the timers that come of it.
            return
        manners.wait(reconnect_interval(manners.attempts, random()))  # noqa: S311 - jitter
        self._set(None, "refused" if isinstance(failure, BrokerRefusedError) else "lost")
        for printer_id in tuple(self._printers.live):
            self._lose(printer_id)

    async def _async_is_dead(self, failure: BrokerRefusedError) -> bool:
        """Return if the token that the broker refuses is dead, and have the polls find out."""
        self._manners.refusals += 1
        self._manners.wait(refusal_interval(self._manners.refusals, random()))  # noqa: S311 - jitter
        try:
            await self._client.get_preference()
        except AuthenticationError:
            await self._printers.async_request_refresh()
            return True
        except BambuCloudError as err:
            LOGGER.debug("Whether the token that the broker refuses is dead is not known: %s", err)
        self._say_lost(failure)
        return False

    def _say_lost(self, failure: Exception) -> None:
        """Say once that live data is lost, unless it may be back in a moment or all is lost."""
        is_refused = isinstance(failure, BrokerRefusedError)
        text = error_text(failure)
        if self._is_said or not self._printers.last_update_success:
            LOGGER.debug("There is no live data: %s", text)
        elif is_refused or self._manners.attempts > 1:
            self._is_said = True
            LOGGER.warning(
                "There is no live data, everything else goes on (%s): %s", self._entry.title, text
            )

    def _say_back(self) -> None:
        """Say once that live data is back, if that was said to be lost."""
        if self._is_said and self._age >= _BACK:
            self._is_said = False
            LOGGER.info("Live data is back (%s)", self._entry.title)

    @property
    def _age(self) -> timedelta:
        """Return for how long there is a session."""
        now = cloud_now(self._client)
        return now - self.connected_at if self.connected_at else timedelta()

    @callback
    def _set(self, connected_at: datetime | None, reason: Reason | None) -> None:
        """Let others know whether there is a session, and why not."""
        before = self.is_connected, self.reason
        self.connected_at, self.reason = connected_at, reason
        if before != (self.is_connected, self.reason):
            for listener in list(self._listeners):
                with self._mistakes.survived():
                    listener()

    # What is said in a session

    async def _async_listen(self, session: LiveSession) -> None:
        """Take what the printers say."""
        dropped = 0
        async for printer_id, message in session:
            with self._mistakes.survived():
                if session.dropped > dropped:
                    dropped = session.dropped
                    self._doubt()
                self._hear(printer_id, message)

    async def _async_tend(self, session: LiveSession) -> None:
        """Follow the account's printers as they come and go, and ask them what is worth it."""
        polled: Mapping[str, Printer] | None = None
        while True:
            self._wake.clear()
            # A message changes nothing of who is followed.
            if polled is not self._printers.polled:
                polled = self._printers.polled
                await self._async_follow(session, polled.keys())
            while self._due:
                due, self._due = self._due, set()
                await self._async_ask(session, due)
            await self._wake.wait()

    async def _async_follow(self, session: LiveSession, polled: AbstractSet[str]) -> None:
        """Follow the printers that the last poll told of, and no others."""
        now, refused_at = dt_util.utcnow(), self._manners.refused_at
        if gone := self._followed - polled:
            self._followed -= gone
            await session.unfollow(*gone)
        if new := {
            each
            for each in polled - self._followed
            if each not in refused_at or abs(now - refused_at[each]) >= _REFUSED_FOR
        }:
            refused = await session.follow(*sorted(new))
            if refused - refused_at.keys():
                LOGGER.info("Printers of the account that the broker refuses: %d", len(refused))
            for each in new - refused:
                refused_at.pop(each, None)
            refused_at.update(dict.fromkeys(refused, now))
            self._followed |= new - refused
            self._due |= new
        self._printers.are_followed = bool(polled) and polled <= self._followed

    async def _async_ask(self, session: LiveSession, due: Iterable[str]) -> None:
        """Ask printers what is worth it: with many of them, the values of all come first."""
        questions = (
            (self._takes_note_of_everything, session.ask_for_everything),
            (self._takes_note_of_versions, session.ask_for_versions),
        )
        for takes_note, ask in questions:
            for printer_id in due:
                # Taken note of before: whatever comes of it, it is not asked again.
                is_wanted = False
                with self._mistakes.survived():
                    is_wanted = printer_id in self._followed and takes_note(printer_id)
                if is_wanted:
                    await ask(printer_id)

    def _asking(self, printer_id: str) -> Asking:
        """Return when a printer was asked."""
        known = self._manners.asking.get(printer_id)
        return known or Asking(began_at=self.connected_at or cloud_now(self._client))

    def _is_online(self, printer_id: str) -> bool | None:
        """Return what user/bind says."""
        printer = self._printers.polled.get(printer_id)
        return printer.online if printer else None

    def _takes_note_of_everything(self, printer_id: str) -> bool:
        """Return if a printer is to be asked for everything, and take note that it is."""
        now = cloud_now(self._client)
        live = self._printers.live.get(printer_id)
        record = self._memory.records.printers.get(printer_id)
        asking = self._asking(printer_id)
        is_wanted = asking.wants_everything(
            live,
            online=self._is_online(printer_id),
            busy_since=record.tellers.busy_since if record else None,
            now=now,
        )
        if is_wanted:
            self._manners.asking[printer_id] = asking.asked_everything(live, now)
        return is_wanted

    def _takes_note_of_versions(self, printer_id: str) -> bool:
        """Return if a printer is to be asked for its versions, and take note that it is."""
        now = cloud_now(self._client)
        live = self._printers.live.get(printer_id)
        asking = self._asking(printer_id)
        is_wanted = asking.wants_versions(live, online=self._is_online(printer_id), now=now)
        if is_wanted:
            self._manners.asking[printer_id] = asking.asked_versions(now)
        return is_wanted

    @callback
    def _hear(self, printer_id: str, message: Report | Versions | Presence) -> None:
        """Take what a printer says, or the broker of it."""
        if (printer := self._printers.polled.get(printer_id)) is None:
            return
        now = cloud_now(self._client)
        before = self._printers.live.get(printer_id)
        if isinstance(message, Presence):
            comes = message.online
        else:
            comes = before is not None and before.gone_at is not None
        if comes and not (before and before.has_full):
            self._come_on(printer_id)
        state = heard(before, message, at=now, model=printer.model or printer.model_id)
        self._take(printer_id, state)
        self._due.add(printer_id)
        self._wake.set()
        self._say_back()

    @callback
    def _doubt(self) -> None:
        """Take note that changes were lost before anybody read them."""
        for printer_id, state in tuple(self._printers.live.items()):
            self._take(printer_id, replace(state, is_doubtful=True))

    @callback
    def _come_on(self, printer_id: str) -> None:
        now = cloud_now(self._client)
        self._manners.asking[printer_id] = self._asking(printer_id).came_on(now)

    # What time alone and the polls change

    @callback
    def _take_poll(self) -> None:
        """Take what a poll tells of the printers, and see that somebody listens to them."""
        if self._task and self._task.done() and self.reason != "off" and not self._is_over:
            self._start_task()
        polled = self._printers.polled
        for printer_id in self._printers.live.keys() & (self._online.keys() - polled.keys()):
            self._lose(printer_id)
        for printer_id, printer in polled.items():
            with self._mistakes.survived():
                was_off = self._online.get(printer_id, False) is False
                if was_off and printer.online and not self._printers.is_live(printer_id):
                    self._come_on(printer_id)
                self._look(printer_id)
        self._remember_who_is_online()
        self._due |= polled.keys()
        self._wake.set()
        self._say_back()

    @callback
    def _remember_who_is_online(self) -> None:
        polled = self._printers.polled.items()
        self._online = {printer_id: printer.online for printer_id, printer in polled}

    @callback
    def _look(self, printer_id: str) -> None:
        """Take what time alone has made of what a printer said."""
        before = self._printers.live.get(printer_id)
        if before is None or printer_id not in self._printers.polled:
            return
        state, now = before, cloud_now(self._client)
        online = self._is_online(printer_id)
        if state.due_at is not None and state.due_at <= now:
            state = settled(state, at=now)
        if state.is_known and not is_fresh(state, online=online, now=now):
            state = session_lost(state, at=now)
        if state is not before:
            self._printers.async_take_push(printer_id, state)
        if wants_bind(state, asked_at=self._printers.asked_at, now=now):
            self._entry.async_create_background_task(
                self._hass,
                self._printers.async_request_refresh(),
                f"{self._printers.name} after a silence",
            )
        self._look_later(printer_id, state)

    @callback
    def _lose(self, printer_id: str) -> None:
        """Take note that a printer is not heard any more."""
        with self._mistakes.survived():
            now = cloud_now(self._client)
            self._take(printer_id, session_lost(self._printers.live[printer_id], at=now))

    @callback
    def _take(self, printer_id: str, state: LiveState) -> None:
        """Hand on what a printer says, and look at it again when time alone changes it."""
        self._printers.async_take_push(printer_id, state)
        self._look_later(printer_id, state)

    @callback
    def _look_later(self, printer_id: str, state: LiveState) -> None:
        """Look at a printer when what it said is shown, is doubted or is true no more."""
        online = self._is_online(printer_id)
        ends_at = fresh_until(state, online=online) if state.is_known else None
        now = cloud_now(self._client)
        times = [at for at in (ends_at, silence_at(state), state.due_at) if at and at > now]
        if not times or self._is_over:
            return
        at = min(times)
        if timer := self._timers.get(printer_id):
            looks_at, cancel = timer
            if now < looks_at <= at:
                # With each message the time moves on; who looks too early will look again.
                return
            cancel()

        @callback
        def look(_now: datetime) -> None:
            del self._timers[printer_id]
            with self._mistakes.survived():
                self._look(printer_id)

        job = HassJob(look, f"{self._printers.name} live data is old", cancel_on_shutdown=True)
        self._timers[printer_id] = at, async_call_later(self._hass, at - now, job)
