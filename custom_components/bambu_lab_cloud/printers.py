"""The coordinator that keeps an account's printers up to date."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .ams import AmsPlaces
from .announcer import Announcer
from .api import BambuCloud, Device, PrintStatus
from .cloud import cloud_now, optional
from .coordinator import BambuCoordinator, Outage
from .fleet.cadence import (
    PRINT_STATUS_WITHOUT_TASKS,
    awaits_its_task,
    is_looked_for,
    live_interval,
    poll_interval,
)
from .fleet.equipment import LiveAms
from .fleet.lifecycle import PrintEvent, PrintEventType, next_record, next_records
from .fleet.live import LiveState, is_fresh, overlaid
from .fleet.printer import (
    NO_TASK,
    Print,
    Printer,
    PrinterStatus,
    derive_printers,
    newest_print,
)
from .fleet.tellers import BIND_LAG, Word
from .history import HistoryCoordinator
from .memory import Memory
from .registry import Devices
from .tasks import TaskList

# What a device says itself is a matter of its own: it changes far more often.
_LIVE = "live "

# A printer is gone for good if it is missing for this long, in this many answers.
GONE_AFTER = timedelta(hours=24)
GONE_AFTER_POLLS = 20
# For how long answers that are the last one once more are skipped.
LONGEST_SKIP = timedelta(minutes=15)


def live_context(device_id: str) -> str:
    """Return the context of a listener that hears of what a printer says itself, or of its AMS."""
    return _LIVE + device_id


class PrintersCoordinator(BambuCoordinator[dict[str, Printer]]):
    """The printers of an account by id, polled as often as what they do deserves."""

    _name = "printers"

    def __init__(
        self,
        hass: HomeAssistant,
        config_entry: ConfigEntry,
        client: BambuCloud,
        outage: Outage,
        *,
        announcer: Announcer,
        devices: Devices,
        history: HistoryCoordinator,
        memory: Memory,
        tasks: TaskList,
    ) -> None:
        """Initialize the coordinator."""
        super().__init__(hass, config_entry, client, outage)
        self._now = cloud_now(client)
        self.prints_in_status = False
        self._announcer = announcer
        self._devices = devices
        self._history = history
        self._memory = memory
        self._tasks = tasks
        self._statuses_asked_at: datetime | None = None
        # The facts of the last good poll, and the jobs that user/print named.
        self._facts: tuple[list[Device], list[PrintStatus]] = ([], [])
        self._jobs: dict[str, str] = {}
        # The printers by the last answer of bind alone, and when that was asked for.
        self.polled: dict[str, Printer] = {}
        self.asked_at = self._now
        self._poll_listeners: list[CALLBACK_TYPE] = []
        # What printers say themselves, fresh or not, what of it was taken last, and until when it
        # was heard while that was true.
        self.live: dict[str, LiveState] = {}
        self.ams = AmsPlaces(devices)
        self._words: dict[str, Word | None] = {}
        self._heard_at: dict[str, datetime] = {}
        self._later: dict[str, CALLBACK_TYPE] = {}
        # Whether all of them would be heard, should they say something.
        self.are_followed = False
        # When a printer last told a begin or an end, and when bind was asked at once for that.
        # The first is looked for: without live data, as it is at first, nothing else is planned.
        self._changed_at = self._looked_at = self._now - BIND_LAG
        self._came_on_at: datetime | None = None
        # The printers that were seen since the start.
        self._seen = set[str]()
        self._absences: dict[str, int] = {}
        # Whether all of them rest, None while nobody has looked since the last report; and the last
        # answer that was skipped: when it was there, and asked for.
        self._are_resting: bool | None = None
        self._taken_at = self._now
        self._skipped: tuple[datetime, datetime] | None = None

    @callback
    def start(self) -> None:
        """Announce prints from now on, whichever entities are enabled."""
        self.keep_polling()
        # The newest print that the history knows is the last one of a printer that rests for long.
        self.config_entry.async_on_unload(self._history.async_add_listener(self._follow_history))
        self.config_entry.async_on_unload(self._stop_waiting)

    @callback
    def _stop_waiting(self) -> None:
        """Leave nothing behind."""
        while self._later:
            self._later.popitem()[1]()

    @override
    def _of_device(self, context: str) -> object:
        """Return a printer, or what a device says itself while that is fresh."""
        if not context.startswith(_LIVE):
            return self.data.get(context)
        return self.told(context.removeprefix(_LIVE))

    @override
    async def _async_update_internal(self) -> dict[str, Printer]:
        """Ask user/bind, and what else its answer makes worth asking."""
        asked_at = cloud_now(self.client)
        devices = await self.client.get_devices()
        self._now = cloud_now(self.client)
        facts, self._facts = self._facts, (devices, await self._async_statuses())
        if devices is facts[0] and not (facts[1] or self._facts[1]) and self._may_skip():
            self._skipped = self._now, asked_at
            self.asked_at = asked_at
            self.update_interval = self._interval(self.polled, self.data)
            return self.data
        self._take_skipped()
        records = self._memory.records
        before = self.polled or None
        printers = self._derive()
        has_read = await self._tasks.async_ask_newest(before, printers, records, self._now)
        if self._tasks.have_changed:
            printers = self._derive()
        caught_up = await self._tasks.async_ask_printers(printers, records, self._now)
        if self._tasks.have_changed:
            printers = self._derive()
        if before and any(p.online and not before.get(p.id, p).online for p in printers.values()):
            self._came_on_at = self._now
        self.polled, self.asked_at = printers, asked_at
        self._now = cloud_now(self.client)
        shown = self._take(printers)
        self._memory.remember(self._memory.records.read(self._now if has_read else None, caught_up))
        if self.prints_in_status:
            # Bind does not name the job there, so what was busy last is what a status speaks of.
            # That a print has no task is true of that print alone.
            busy = {p.id: p.print_job for p in printers.values() if p.is_active and p.print_job}
            self._jobs |= busy
            self._jobs = {key: job for key, job in self._jobs.items() if job != NO_TASK}
        self._devices.follow_printers(printers)
        self.update_interval = self._interval(printers, shown)
        return shown

    @callback
    @override
    def _async_refresh_finished(self) -> None:
        """Let others know what the poll has brought, once the printers do."""
        if self.last_update_success:
            self._history.take(self._tasks.take_pages())
            self._forget_the_gone()
            self._follow_ams()
            # The entities are updated before that.
            self._announcer.deliver()
            for listener in list(self._poll_listeners):
                listener()

    @callback
    def _follow_ams(self) -> None:
        """Follow what time, and a new name of a printer, change of its AMS while it is silent."""
        places = self.ams.places
        for printer_id in self.data.keys() & self.live.keys():
            self.ams.follow(self.data[printer_id], self.live[printer_id], self._now)
        if self.ams.places != places:
            self.async_update_listeners()

    @callback
    def async_add_poll_listener(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Listen for good polls, also for those that bring nothing new."""
        self._poll_listeners.append(listener)
        return lambda: self._poll_listeners.remove(listener)

    def _may_skip(self) -> bool:
        """Return if an answer that is the last one once more can say nothing new by any means.

        So it is while nothing is printed nor awaited: time can end what seems to print, and begins
        nothing. Now and then a poll looks at all of them nevertheless.
        """
        if not (
            self.last_update_success
            and timedelta() <= self._now - self._taken_at < LONGEST_SKIP
            and self._tasks.has_nothing_to_ask(self._now)
        ):
            return False
        if self._are_resting is None:
            records = self._memory.records
            self._are_resting = (
                not self.live
                and records.printers.keys() == self.data.keys() == self.polled.keys()
                and all(map(records.rests, self.polled.values()))
            )
        return self._are_resting

    @callback
    def _take_skipped(self) -> None:
        """Take the last answer that was skipped: the printers were heard of until then."""
        self._are_resting = None
        if self._skipped is None:
            return
        (now, asked_at), self._skipped = self._skipped, None
        records, _, events = next_records(
            self._memory.records,
            self.polled,
            self._tasks.values(),
            now=now,
            seen=self._seen,
            asked_at=asked_at,
        )
        self._memory.remember(records)
        self._announcer.post(events)

    @callback
    def _take(self, printers: Mapping[str, Printer]) -> dict[str, Printer]:
        """Remember what a poll tells of all printers, post what is news, and return what to show.

        All at once: nobody sees a printer whose end is not posted, nor the other way round.
        """
        self._taken_at = self._now
        words = {each: word for each in printers if (word := self._word(each))}
        self._words = {each: word.essence for each, word in words.items()}
        records, seen, events = next_records(
            self._memory.records,
            printers,
            self._tasks.values(),
            now=self._now,
            seen=self._seen,
            asked_at=self.asked_at,
            words=words,
        )
        self._seen |= printers.keys()
        self._memory.remember(records)
        self._announcer.post(events)
        for printer_id in printers:
            self._take_later(printer_id)
        return {each.id: self._shown(each) for each in seen.values()}

    @callback
    def async_take_push(self, printer_id: str, live: LiveState) -> None:
        """Take what a printer says itself, or that it is not true any more: the only way in.

        The polls go on as they would, whatever they last brought, and nobody hears of it who does
        not listen for this printer.
        """
        self._take_skipped()
        known = self.live.get(printer_id)
        self.live[printer_id] = live
        if printer_id not in self.data:
            return
        before = self.data[printer_id]
        word = self._word(printer_id)
        if (word and word.essence) != self._words.get(printer_id):
            self._take_one(printer_id, word)
        elif word:
            self._show(self._shown(self.data[printer_id]))
        if word and live.heard_at:
            self._heard_at[printer_id] = live.heard_at
        if live.new_errors and live.new_errors is not (known and known.new_errors):
            self._post_errors(live, self.data[printer_id], before)
        devices = {printer_id} | self.ams.at(printer_id)
        has_other_ams = self.ams.follow(self.data[printer_id], live, cloud_now(self.client))
        devices |= self.ams.at(printer_id)
        self._tell({live_context(each) for each in devices}, all_others=has_other_ams)

    @callback
    def _post_errors(self, live: LiveState, printer: Printer, before: Printer) -> None:
        """Post what is wrong with a printer since now, with what it prints or has just printed."""
        current = printer.current or before.current
        event = PrintEvent(
            type=PrintEventType.ERROR,
            print=current.print if current else Print(printer_id=printer.id),
            found_at=cloud_now(self.client),
            errors=live.new_errors,
        )
        self._announcer.post([event])
        self._announcer.deliver()

    @callback
    def _take_one(self, printer_id: str, word: Word | None) -> None:
        """Take one printer: it says something else, or what waited is due."""
        self._take_skipped()
        record, printer, events = next_record(
            self._memory.records.printers.get(printer_id),
            self.polled[printer_id],
            [task for task in self._tasks.values() if task.device_id == printer_id],
            now=cloud_now(self.client),
            after_start=printer_id not in self._seen,
            asked_at=self.asked_at,
            word=word,
        )
        before = self.data[printer_id]
        self._words[printer_id] = word and word.essence
        self._memory.remember_printer(printer_id, record)
        self._announcer.post(events)
        self._take_later(printer_id)
        self._show(self._shown(printer))
        self._announcer.deliver()
        after = self.data[printer_id]
        has_changed = (before.is_active, before.print_job) != (after.is_active, after.print_job)
        if not has_changed and word is not None:
            return
        changed_at, self._changed_at = self._changed_at, cloud_now(self.client)
        if word is None or not is_looked_for(changed_at, self._changed_at):
            # What the list and bind make of it is worth a look.
            self._looked_at = self._changed_at
            self.config_entry.async_create_background_task(
                self.hass, self.async_request_refresh(), f"{self.name} after a push"
            )

    @callback
    def _take_later(self, printer_id: str) -> None:
        """Take a printer once more when something of it is due that waits for nothing but time."""
        if cancel := self._later.pop(printer_id, None):
            cancel()
        due_at = self._memory.records.printers[printer_id].due_at
        if due_at is None:
            return

        @callback
        def take(_now: datetime) -> None:
            del self._later[printer_id]
            if printer_id in self.data.keys() & self.polled.keys():
                self._take_one(printer_id, self._word(printer_id))

        delay = (due_at - cloud_now(self.client)).total_seconds()
        self._later[printer_id] = async_call_later(self.hass, max(delay, 0), take)

    @callback
    def _show(self, printer: Printer) -> None:
        """Show a printer to those who listen for it, and what is new of it to those of all."""
        before = self.data[printer.id]
        if before != printer:
            self.data = {**self.data, printer.id: printer}
            ends = [each.current and each.current.expected_end for each in (before, printer)]
            is_other = before.status is not printer.status or ends[0] != ends[1]
            self._tell({printer.id}, all_others=is_other)

    def _shown(self, printer: Printer) -> Printer:
        """Return a printer as it is shown: with all that it says itself and that is remembered."""
        if self.is_live(printer.id):
            printer = overlaid(printer, self.live[printer.id], now=cloud_now(self.client))
        return self._with_memory(printer)

    def _word(self, printer_id: str) -> Word | None:
        """Return what a printer says of its print, None if that is not fresh."""
        if not self.is_live(printer_id):
            return None
        return replace(self.live[printer_id].word, heard_at=self._heard_at.get(printer_id))

    def is_live(self, printer_id: str) -> bool:
        """Return if what a printer says itself is true now."""
        polled = self.polled.get(printer_id)
        return polled is not None and is_fresh(
            self.live.get(printer_id), online=polled.online, now=cloud_now(self.client)
        )

    def told(self, device_id: str) -> LiveState | LiveAms | None:
        """Return what a printer says itself, or of an AMS that hangs on it, None if not fresh."""
        printer_id, unit = self.ams.places.get(device_id, (device_id, None))
        if not self.is_live(printer_id):
            return None
        live = self.live[printer_id]
        return live if unit is None else live.unit(unit)

    def has_told_all(self, device_id: str) -> bool:
        """Return if all that a device has was told in this session."""
        printer_id, _ = self.ams.places.get(device_id, (device_id, None))
        return printer_id in self.live and self.live[printer_id].has_full

    @property
    def are_live(self) -> bool:
        """Return if all printers that are on say themselves what is new, or would if one were."""
        on = [printer for printer in self.polled.values() if printer.online is not False]
        return all(self.is_live(printer.id) for printer in on) if on else self.are_followed

    def _with_memory(self, printer: Printer) -> Printer:
        """Return a printer with what is remembered of it, and what the history knows."""
        records = self._memory.records
        record, ended = records.printers.get(printer.id), self._history.data.newest(printer.id)
        return replace(
            printer,
            last=newest_print(
                printer.last, record.last if record else None, ended.as_print() if ended else None
            ),
            # Once it is offline for long, the cloud does not tell what it was busy with.
            was_active=printer.was_active
            or (printer.status is PrinterStatus.OFFLINE and records.is_unfinished(printer.id)),
        )

    @callback
    def _follow_history(self) -> None:
        """Show a last print that only the history knows."""
        data = {printer.id: self._with_memory(printer) for printer in self.data.values()}
        if data != self.data:
            self.data = data
            self.async_update_listeners()

    def _interval(self, printers: Mapping[str, Printer], shown: Mapping[str, Printer]) -> timedelta:
        """Return how long to wait before bind is asked again, after what it told and is shown."""
        if not self.are_live:
            records = self._memory.records.printers.values()
            return poll_interval(
                printers.values(),
                self._tasks.end_windows,
                came_on_at=self._came_on_at,
                on_at=max((each.online_at for each in records), default=self._now),
                now=self._now,
            )
        on = [printer for printer in printers.values() if printer.online is not False]
        awaits = any(awaits_its_task(each) for each in on) or bool(
            self._memory.records.awaited(shown)
        )
        return live_interval(
            self._looked_at, self._changed_at, awaits=awaits, is_any_on=bool(on), now=self._now
        )

    def _derive(self) -> dict[str, Printer]:
        """Return the printers by all that is known now."""
        devices, statuses = self._facts
        return derive_printers(
            devices, statuses, self._tasks.values(), now=self._now, remembered_jobs=self._jobs
        )

    async def _async_statuses(self) -> list[PrintStatus]:
        """Ask user/print with every poll while it tells of prints, else once in a while."""
        due = (
            self._statuses_asked_at is None
            or self.prints_in_status
            or abs(self._now - self._statuses_asked_at) >= PRINT_STATUS_WITHOUT_TASKS
        )
        if (
            not due
            or (statuses := await optional(self.client.get_print_status(force=True))) is None
        ):
            return []
        self._statuses_asked_at = self._now
        self.prints_in_status = any(status.has_task_fields for status in statuses)
        return statuses

    @callback
    def rename(self, printer_id: str, name: str) -> None:
        """Show what a printer is called now at once; the polls will tell the same."""
        if printer_id not in self.data.keys() & self.polled.keys():
            return
        self._take_skipped()
        self.polled = {**self.polled, printer_id: replace(self.polled[printer_id], name=name)}
        self.data = {**self.data, printer_id: replace(self.data[printer_id], name=name)}
        self._devices.follow_printers(self.data)
        self._follow_ams()
        self.async_update_listeners()

    def is_remembered(self, device_id: str) -> bool:
        """Return if a printer is in the account, or missing for a while only; so of an AMS."""
        return device_id in self._memory.records.printers or device_id in self.ams.known

    @callback
    def forget(self, device_id: str) -> None:
        """Forget a printer or an AMS, so that it is a new one should it come back."""
        self._take_skipped()
        self._devices.remove_ams_of(device_id)
        self.ams.forget(device_id)
        self._memory.remember(self._memory.records.without(device_id))
        self.live.pop(device_id, None)
        self._words.pop(device_id, None)
        self._heard_at.pop(device_id, None)
        self._jobs.pop(device_id, None)
        self.async_update_listeners()

    @callback
    def _forget_the_gone(self) -> None:
        """Remove printers that left the account for good."""
        records = self._memory.records.printers
        self._absences = {
            printer_id: self._absences.get(printer_id, 0) + 1
            for printer_id in records.keys() - self.data.keys()
        }
        for printer_id, polls in tuple(self._absences.items()):
            absent_for = self._now - records[printer_id].seen_at
            if absent_for >= GONE_AFTER and polls >= GONE_AFTER_POLLS:
                self._devices.remove(printer_id)
                self.forget(printer_id)
