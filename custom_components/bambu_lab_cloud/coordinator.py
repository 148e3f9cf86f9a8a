"""The coordinator that keeps an account's printers up to date."""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import random
from typing import TYPE_CHECKING, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .announcer import Announcer
from .api import (
    AuthenticationError,
    BambuCloud,
    BambuCloudError,
    CannotConnectError,
    Device,
    PrintStatus,
    RetryLaterError,
    Task,
)
from .cloud import optional
from .const import DOMAIN, LOGGER
from .covers import Covers
from .fleet.cadence import PRINT_STATUS_WITHOUT_TASKS, poll_interval, retry_interval
from .fleet.printer import Printer, PrinterStatus, derive_printers, with_last_print
from .tasks import TaskList

if TYPE_CHECKING:
    from .account import SlicerCoordinator
    from .firmware import FirmwareCoordinator
    from .history import HistoryCoordinator
    from .messages import MessagesCoordinator

# A printer is gone for good if it is missing for this long, in this many answers.
GONE_AFTER = timedelta(hours=24)
GONE_AFTER_POLLS = 20


@dataclass(slots=True)
class BambuData:
    """What the platforms work with."""

    announcer: Announcer
    client: BambuCloud
    covers: Covers
    firmware: FirmwareCoordinator
    fleet: FleetCoordinator
    history: HistoryCoordinator
    messages: MessagesCoordinator
    slicer: SlicerCoordinator


type BambuConfigEntry = ConfigEntry[BambuData]


class BambuCoordinator[_DataT](DataUpdateCoordinator[_DataT]):
    """What all coordinators of an account share: the client and one mapping of its errors."""

    config_entry: BambuConfigEntry
    _name: str

    def __init__(
        self, hass: HomeAssistant, config_entry: BambuConfigEntry, client: BambuCloud
    ) -> None:
        """Initialize the coordinator."""
        super().__init__(
            hass,
            LOGGER,
            config_entry=config_entry,
            name=f"{DOMAIN} {self._name}",
            always_update=False,
        )
        self.client = client
        self._failures = 0

    @override
    async def _async_update_data(self) -> _DataT:
        """Ask the cloud, and tell Home Assistant what to make of a refusal."""
        try:
            data = await self._async_update_internal()
        except AuthenticationError as err:
            raise await self._async_refused(err) from err
        except BambuCloudError as err:
            raise self._failed(err) from err
        self._failures = 0
        return data

    @abstractmethod
    async def _async_update_internal(self) -> _DataT:
        """Ask the cloud."""

    async def _async_refused(self, err: AuthenticationError) -> HomeAssistantError:
        """Return what to raise for a 401.

        A single one may be a hiccup, and the owner is to sign in again, with polling stopped until
        then, only if the endpoint that checks tokens answers the same.
        """
        try:
            await self.client.get_preference()
        except AuthenticationError:
            return ConfigEntryAuthFailed(
                translation_domain=DOMAIN, translation_key="authentication_failed"
            )
        except BambuCloudError as other:
            return self._failed(other)
        return self._failed(err)

    def _failed(self, err: BambuCloudError) -> UpdateFailed:
        """Return what to raise for anything else, with the time to wait before the next poll."""
        self._failures += 1
        retry_after = retry_interval(self._failures, random()).total_seconds()  # noqa: S311 - jitter
        match err:
            case RetryLaterError():
                key = "cloud_refuses"
                retry_after = max(retry_after, err.retry_after)
            case CannotConnectError():
                key = "cannot_connect"
            case _:
                key = "unexpected_answer"
        return UpdateFailed(translation_domain=DOMAIN, translation_key=key, retry_after=retry_after)


class FleetCoordinator(BambuCoordinator[dict[str, Printer]]):
    """The printers of an account by id, polled as often as what they do deserves."""

    _name = "printers"

    @override
    def __init__(
        self,
        hass: HomeAssistant,
        config_entry: BambuConfigEntry,
        client: BambuCloud,
        announcer: Announcer,
        on_tasks: Callable[[Iterable[Task]], None],
    ) -> None:
        """Initialize the coordinator; on_tasks takes every page of my/tasks that it reads."""
        super().__init__(hass, config_entry, client)
        self.now = dt_util.utcnow()
        self.clock_offset = timedelta()
        self.prints_in_status = False
        self._announcer = announcer
        self._tasks = TaskList(client, on_tasks)
        self._statuses_asked_at: datetime | None = None
        self._jobs: dict[str, str] = {}
        self._absences: dict[str, int] = {}
        self._offsets = deque[timedelta](maxlen=3)

    @override
    async def _async_update_internal(self) -> dict[str, Printer]:
        """Ask user/bind, and what else its answer makes worth asking."""
        devices = await self.client.get_devices()
        # The age of a print is reckoned in the cloud's time, where the clocks differ.
        self.clock_offset = self._settled_offset()
        self.now = dt_util.utcnow() + self.clock_offset
        statuses = await self._async_statuses()
        records = self._announcer.records
        printers = self._derive(devices, statuses)
        await self._tasks.async_ask_newest(self.data, printers, records, self.now)
        printers = self._derive(devices, statuses)
        await self._tasks.async_ask_printers(printers, records, self.now)
        printers = self._derive(devices, statuses)
        self._announcer.take_poll(printers, self._tasks.values(), self.now)
        if self.prints_in_status:
            # Bind does not name the job there, so what was busy last is what a status speaks of.
            self._jobs |= {
                p.id: p.print_job for p in printers.values() if p.is_active and p.print_job
            }
        self._follow_registry(printers)
        self.update_interval = poll_interval(printers.values(), self.now)
        self._announcer.deliver()
        return {printer.id: self._with_memory(printer) for printer in printers.values()}

    def _with_memory(self, printer: Printer) -> Printer:
        """Return a printer with what earlier polls knew of it."""
        unfinished = self._announcer.records.is_unfinished(printer.id)
        record = self._announcer.records.printers.get(printer.id)
        return replace(
            with_last_print(printer, record.last if record else None),
            # Once it is offline for long, the cloud does not tell what it was busy with.
            was_active=printer.was_active
            or (printer.status is PrinterStatus.OFFLINE and unfinished),
        )

    def _settled_offset(self) -> timedelta:
        """Return how far the cloud's clock is ahead, whatever a single answer claims."""
        self._offsets.append(self.client.clock_offset)
        return sorted(self._offsets)[len(self._offsets) // 2]

    def _derive(self, devices: list[Device], statuses: list[PrintStatus]) -> dict[str, Printer]:
        """Return the printers by all that is known now."""
        return derive_printers(
            devices,
            statuses,
            self._tasks.values(),
            now=self.now,
            remembered_jobs=self._jobs,
        )

    async def _async_statuses(self) -> list[PrintStatus]:
        """Ask user/print with every poll while it tells of prints, else once in a while."""
        due = (
            self._statuses_asked_at is None
            or self.prints_in_status
            or self.now - self._statuses_asked_at >= PRINT_STATUS_WITHOUT_TASKS
        )
        if (
            not due
            or (statuses := await optional(self.client.get_print_status(force=True))) is None
        ):
            return []
        self._statuses_asked_at = self.now
        self.prints_in_status = any(status.has_task_fields for status in statuses)
        return statuses

    @callback
    def forget(self, printer_id: str) -> None:
        """Forget a printer, so that it is a new one should it come back."""
        self._announcer.forget(printer_id)
        for memory in (self._absences, self._jobs):
            memory.pop(printer_id, None)
        self.async_update_listeners()

    def is_remembered(self, printer_id: str) -> bool:
        """Return if a printer is in the account, or missing for a while only."""
        return printer_id in self._announcer.records.printers

    @callback
    def _follow_registry(self, printers: dict[str, Printer]) -> None:
        """Follow names and models, and remove the devices of printers that are gone for good."""
        registry = dr.async_get(self.hass)
        entry_id = self.config_entry.entry_id
        for printer in printers.values():
            device = registry.async_get_device_by_identifier((DOMAIN, printer.id), entry_id)
            if device and (device.name, device.model) != (printer.name, printer.model):
                registry.async_update_device(device.id, name=printer.name, model=printer.model)
        records = self._announcer.records.printers
        self._absences = {
            printer_id: self._absences.get(printer_id, 0) + 1
            for printer_id in records.keys() - printers.keys()
        }
        for printer_id, polls in tuple(self._absences.items()):
            absent_for = self.now - records[printer_id].seen_at
            if absent_for < GONE_AFTER or polls < GONE_AFTER_POLLS:
                continue
            if device := registry.async_get_device_by_identifier((DOMAIN, printer_id), entry_id):
                remove_with_its_ams(registry, device, entry_id)
            self.forget(printer_id)


@callback
def remove_with_its_ams(registry: dr.DeviceRegistry, device: dr.DeviceEntry, entry_id: str) -> None:
    """Remove a printer's device and those that hang on it."""
    for other in dr.async_entries_for_config_entry(registry, entry_id):
        if other.via_device_id == device.id:
            registry.async_remove_device(other.id)
    registry.async_remove_device(device.id)
