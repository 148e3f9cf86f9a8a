"""The coordinator that keeps an account's printers up to date."""

from abc import abstractmethod
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from random import random
from typing import override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .api import (
    AuthenticationError,
    BambuCloud,
    BambuCloudError,
    BlockedError,
    CannotConnectError,
    CaptchaError,
    Device,
    PermissionDeniedError,
    PrintStatus,
    RateLimitedError,
    ResponseError,
    Task,
)
from .const import DOMAIN, LOGGER
from .covers import Covers
from .fleet.cadence import (
    PRINT_STATUS_WITHOUT_TASKS,
    awaits_its_task,
    poll_interval,
    retry_interval,
    tasks_are_due,
)
from .fleet.printer import Printer, PrinterStatus, derive_printers

# A page of my/tasks: the newest prints of all printers at the start, then what is new.
FIRST_PAGE = 100
NEXT_PAGE = 20
# Of a printer whose task is awaited, and how many such printers are asked for in one poll.
TASKS_OF_A_PRINTER = 5
PRINTERS_PER_POLL = 5
# After this many polls the cloud is not expected to list the task of a job any more.
TRIES_PER_JOB = 10
TASKS_KEPT_PER_PRINTER = 10


@dataclass(slots=True)
class BambuData:
    """What the platforms work with."""

    client: BambuCloud
    covers: Covers
    fleet: FleetCoordinator


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
            case BlockedError() | CaptchaError() | RateLimitedError():
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
        self, hass: HomeAssistant, config_entry: BambuConfigEntry, client: BambuCloud
    ) -> None:
        """Initialize the coordinator."""
        super().__init__(hass, config_entry, client)
        self.now = dt_util.utcnow()
        self._tasks: dict[str, Task] = {}
        self._tasks_asked_at: datetime | None = None
        self._tries: dict[tuple[str, str | None, PrinterStatus | None], int] = {}
        self._statuses_asked_at: datetime | None = None
        self._statuses_have_tasks = False
        self._jobs: dict[str, str] = {}

    @override
    async def _async_update_internal(self) -> dict[str, Printer]:
        """Ask user/bind, and what else its answer makes worth asking."""
        devices = await self.client.get_devices()
        # The age of a print is reckoned in the cloud's time, where the clocks differ.
        self.now = dt_util.utcnow() + self.client.clock_offset
        statuses = await self._async_statuses()
        printers = self._derive(devices, statuses)
        if tasks_are_due(self.data, printers, asked_at=self._tasks_asked_at, now=self.now):
            await self._async_add_tasks(limit=NEXT_PAGE if self.data else FIRST_PAGE)
            self._tasks_asked_at = self.now
            printers = self._derive(devices, statuses)
        for printer in self._awaiting(printers):
            await self._async_add_tasks(device_id=printer.id, limit=TASKS_OF_A_PRINTER)
            printers = self._derive(devices, statuses)
        self.update_interval = poll_interval(printers.values(), self.now)
        return printers

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
            or self._statuses_have_tasks
            or self.now - self._statuses_asked_at >= PRINT_STATUS_WITHOUT_TASKS
        )
        if not due:
            return []
        statuses = await self._async_optional(self.client.get_print_status(force=True), [])
        self._statuses_asked_at = self.now
        if statuses:
            self._statuses_have_tasks = any(status.has_task_fields for status in statuses)
        self._jobs |= {status.id: status.task_id for status in statuses if status.task_id}
        return statuses

    async def _async_add_tasks(self, *, limit: int, device_id: str | None = None) -> None:
        """Ask a page of my/tasks and keep the newest of every printer."""
        page = await self._async_optional(
            self.client.get_tasks(device_id=device_id, limit=limit), None
        )
        if page is None:
            return
        known = self._tasks | {task.id: task for task in page.tasks}
        kept: dict[str, Task] = {}
        count: dict[str | None, int] = {}
        for task in sorted(
            known.values(),
            key=lambda task: task.start_time.timestamp() if task.start_time else 0,
            reverse=True,
        ):
            count[task.device_id] = count.get(task.device_id, 0) + 1
            if count[task.device_id] <= TASKS_KEPT_PER_PRINTER:
                kept[task.id] = task
        self._tasks = kept

    def _awaiting(self, printers: dict[str, Printer]) -> list[Printer]:
        """Return the printers to ask for one by one: few in a poll, each job a bounded time."""
        tries = {
            (printer.id, printer.print_job, printer.status): printer
            for printer in printers.values()
            if awaits_its_task(printer)
        }
        self._tries = {key: self._tries.get(key, 0) for key in tries}
        chosen = sorted(
            (key for key, tried in self._tries.items() if tried < TRIES_PER_JOB),
            key=lambda key: self._tries[key],
        )[:PRINTERS_PER_POLL]
        for key in chosen:
            self._tries[key] += 1
        return [tries[key] for key in chosen]

    async def _async_optional[_T](self, answer: Awaitable[_T], default: _T) -> _T:
        """Return an answer that a poll can do without, so that its failure spoils nothing."""
        try:
            return await answer
        except (CannotConnectError, PermissionDeniedError, ResponseError) as err:
            LOGGER.debug("Poll goes on without an answer: %s", err)
            return default
