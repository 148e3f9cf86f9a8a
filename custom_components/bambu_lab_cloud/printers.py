"""The coordinator that keeps an account's printers up to date."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .announcer import Announcer
from .api import BambuCloud, Device, PrintStatus
from .cloud import cloud_now, optional
from .coordinator import BambuCoordinator, Outage
from .fleet.cadence import PRINT_STATUS_WITHOUT_TASKS, poll_interval
from .fleet.lifecycle import next_records
from .fleet.printer import NO_TASK, Printer, PrinterStatus, derive_printers, newest_print
from .history import HistoryCoordinator
from .memory import Memory
from .registry import Devices
from .tasks import TaskList

# A printer is gone for good if it is missing for this long, in this many answers.
GONE_AFTER = timedelta(hours=24)
GONE_AFTER_POLLS = 20


class PrintersCoordinator(BambuCoordinator[dict[str, Printer]]):
    """The printers of an account by id, polled as often as what they do deserves."""

    _name = "printers"

    @override
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
        # The printers by the last answer of bind alone.
        self._polled: dict[str, Printer] | None = None
        # The printers that were seen since the start.
        self._seen = set[str]()
        self._absences: dict[str, int] = {}

    @callback
    def start(self) -> None:
        """Announce prints from now on, whichever entities are enabled."""
        self.keep_polling()
        # The newest print that the history knows is the last one of a printer that rests for long.
        self.config_entry.async_on_unload(self._history.async_add_listener(self._follow_history))

    @override
    def _of_device(self, device_id: str) -> object:
        """Return a printer."""
        return self.data.get(device_id)

    @override
    async def _async_update_internal(self) -> dict[str, Printer]:
        """Ask user/bind, and what else its answer makes worth asking."""
        devices = await self.client.get_devices()
        self._now = cloud_now(self.client)
        self._facts = devices, await self._async_statuses()
        records = self._memory.records
        before = self._polled
        has_read = await self._tasks.async_ask_newest(before, self._derive(), records, self._now)
        caught_up = await self._tasks.async_ask_printers(self._derive(), records, self._now)
        printers = self._derive()
        self._polled = printers
        shown = self._take(printers, self._now)
        self._memory.remember(self._memory.records.read(self._now if has_read else None, caught_up))
        if self.prints_in_status:
            # Bind does not name the job there, so what was busy last is what a status speaks of.
            # That a print has no task is true of that print alone.
            busy = {p.id: p.print_job for p in printers.values() if p.is_active and p.print_job}
            self._jobs |= busy
            self._jobs = {key: job for key, job in self._jobs.items() if job != NO_TASK}
        self._devices.follow_printers(printers)
        self.update_interval = poll_interval(printers.values(), self._now)
        return shown

    @callback
    @override
    def _async_refresh_finished(self) -> None:
        """Let others know what the poll has brought, once the printers do."""
        if self.last_update_success:
            self._history.take(self._tasks.take_pages())
            self._forget_the_gone()
            # The entities are updated before that.
            self._announcer.deliver()

    @callback
    def _take(self, printers: Mapping[str, Printer], now: datetime) -> dict[str, Printer]:
        """Remember what these printers did, post what is news, and return them as they are shown.

        All at once: nobody sees a printer whose end is not posted, nor the other way round. A poll
        takes all of them; who hears of one alone takes that one.
        """
        records, shown, events = next_records(
            self._memory.records, printers, self._tasks.values(), now=now, seen=self._seen
        )
        self._seen |= printers.keys()
        self._memory.remember(records)
        self._announcer.post(events)
        return {printer.id: self._with_memory(printer) for printer in shown.values()}

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

    def is_remembered(self, printer_id: str) -> bool:
        """Return if a printer is in the account, or missing for a while only."""
        return printer_id in self._memory.records.printers

    @callback
    def forget(self, printer_id: str) -> None:
        """Forget a printer, so that it is a new one should it come back."""
        self._memory.remember(self._memory.records.without(printer_id))
        self._jobs.pop(printer_id, None)
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
