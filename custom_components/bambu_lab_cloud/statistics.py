"""Long-term statistics of prints, from the first one on."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import batched

from homeassistant.components.recorder import DOMAIN as RECORDER_DOMAIN, get_instance
from homeassistant.components.recorder.models import (
    StatisticData,
    StatisticMeanType,
    StatisticMetaData,
)
from homeassistant.components.recorder.statistics import (
    async_add_external_statistics,
    get_metadata,
    statistics_during_period,
)
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import UnitOfMass, UnitOfTime
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util, slugify
from homeassistant.util.unit_conversion import DurationConverter, MassConverter

from .const import DOMAIN
from .fleet.history import (
    HOUR,
    EndedPrint,
    HourlySum,
    Metric,
    by_printer,
    changed_hours,
    hourly_sums,
)
from .history import HistoryCoordinator
from .printers import PrintersCoordinator

# To compare years of statistics with the recorder is no part of a quick start.
AFTER_SET_UP = timedelta(seconds=15)

# The recorder keeps all that it is given at once in memory.
_ROWS = 1000

# Of what is longer, only SQLite takes anything.
_LONGEST_NAME = 255

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: dict[Metric, tuple[str | None, str]] = {
    Metric.FILAMENT_WEIGHT: (MassConverter.UNIT_CLASS, UnitOfMass.GRAMS),
    Metric.PRINT_TIME: (DurationConverter.UNIT_CLASS, UnitOfTime.HOURS),
    Metric.PRINTS: (None, "prints"),
}
_NAMES = {
    Metric.FILAMENT_WEIGHT: "total_filament_weight",
    Metric.PRINT_TIME: "total_print_time",
    Metric.PRINTS: "total_prints",
}


def _prefix(account: str | None) -> str:
    return f"{DOMAIN}:{slugify(account)}_"


def statistic_id(account: str | None, printer_id: str, metric: Metric) -> str:
    """Return the id of a printer's statistic; a printer shared by two accounts has two sets."""
    return f"{_prefix(account)}{slugify(f'{printer_id}_{metric}')}"


async def async_remove_statistics(hass: HomeAssistant, account: str | None) -> None:
    """Remove the statistics of an account, also of printers that it no longer has."""
    if RECORDER_DOMAIN not in hass.config.components:
        return
    recorder = get_instance(hass)
    metadata = await recorder.async_add_executor_job(
        lambda: get_metadata(hass, statistic_source=DOMAIN)
    )
    recorder.async_clear_statistics([key for key in metadata if key.startswith(_prefix(account))])


class PrintStatistics:
    """Keeps the recorder's statistics equal to the history."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        history: HistoryCoordinator,
        printers: PrintersCoordinator,
    ) -> None:
        """Initialize the statistics."""
        self._hass = hass
        self._entry = entry
        self._history = history
        self._printers = printers
        self._lock = asyncio.Lock()
        self._written: Mapping[str, EndedPrint] = {}
        # The printers whose statistics were compared with what the recorder has.
        self._compared: set[str] = set()
        # The hours that the recorder has of a printer, also those that a print has left.
        self._hours: dict[str, set[datetime]] = {}

    @callback
    def start(self) -> None:
        """Follow the history, if there is a recorder."""
        if RECORDER_DOMAIN not in self._hass.config.components:
            return
        for coordinator in (self._history, self._printers):
            self._entry.async_on_unload(coordinator.async_add_listener(self._update))
        self._entry.async_on_unload(async_call_later(self._hass, AFTER_SET_UP, self._update))

    @callback
    def _update(self, _now: datetime | None = None) -> None:
        """Write what changed, once the history is complete."""
        if self._is_behind():
            self._entry.async_create_background_task(
                self._hass, self._async_write(), "print statistics"
            )

    def _is_behind(self) -> bool:
        """Return if there is something to write."""
        history = self._history.data
        return history.is_complete and (
            history.prints is not self._written or not self._printers.data.keys() <= self._compared
        )

    async def _async_write(self) -> None:
        """Write the hours that the recorder does not have as the history has them.

        Sums go on from hour to hour, so what changes in one changes all those after it. An hour
        that a corrected print has left is written as empty.
        """
        async with self._lock:
            if not self._is_behind():
                return
            printers = dict(self._printers.data)
            recorded = await self._async_recorded(printers.keys() - self._compared)
            names = await async_get_translations(
                self._hass, self._hass.config.language, "entity", {DOMAIN}
            )
            prints = self._history.data.prints
            jobs = by_printer(prints.values())
            changed = changed_hours(self._written, prints)
            prefix = f"component.{DOMAIN}.entity"
            for printer_id, printer in printers.items():
                known = self._hours.setdefault(printer_id, set())
                for metric in Metric:
                    before = recorded.get((printer_id, metric))
                    changes = changed.get(printer_id, set())
                    if before is None and not changes:
                        continue
                    known.update(changes if before is None else before)
                    sums = hourly_sums(jobs.get(printer_id, ()), metric, known)
                    known.update(sums)
                    first = (
                        min(changes) - HOUR
                        if before is None
                        else next((hour for hour in sums if sums[hour] != before.get(hour)), None)
                    )
                    if first is not None:
                        # Not the name of the sensor, which knows nothing of the years before it.
                        about = (
                            f" {names[f'{prefix}.calendar.prints.name']}:"
                            f" {names[f'{prefix}.sensor.{_NAMES[metric]}.name']}"
                        )
                        name = printer.name[: _LONGEST_NAME - len(about)] + about
                        self._add(printer_id, metric, name, sums, first)
            self._written = prints
            self._compared = set(printers)

    async def _async_recorded(
        self, printer_ids: Iterable[str]
    ) -> dict[tuple[str, Metric], dict[datetime, HourlySum]]:
        """Return what the recorder has of printers."""
        ids = {(each, metric): self._id(each, metric) for each in printer_ids for metric in Metric}
        if not ids:
            return {}
        rows = await get_instance(self._hass).async_add_executor_job(
            statistics_during_period,
            self._hass,
            _EPOCH,
            None,
            set(ids.values()),
            "hour",
            None,
            {"state", "sum"},
        )
        return {
            key: {
                dt_util.utc_from_timestamp(row["start"]): HourlySum(
                    row["state"] or 0.0, row["sum"] or 0.0
                )
                for row in rows.get(each, ())
            }
            for key, each in ids.items()
        }

    def _id(self, printer_id: str, metric: Metric) -> str:
        """Return the id of a printer's statistic."""
        return statistic_id(self._entry.unique_id, printer_id, metric)

    @callback
    def _add(
        self,
        printer_id: str,
        metric: Metric,
        name: str,
        sums: dict[datetime, HourlySum],
        first: datetime,
    ) -> None:
        """Write the sums from an hour on."""
        unit_class, unit = _UNITS[metric]
        metadata = StatisticMetaData(
            mean_type=StatisticMeanType.NONE,
            has_sum=True,
            name=name,
            source=DOMAIN,
            statistic_id=self._id(printer_id, metric),
            unit_class=unit_class,
            unit_of_measurement=unit,
        )
        rows = (
            StatisticData(start=hour, state=each.state, sum=each.sum)
            for hour, each in sums.items()
            if hour >= first
        )
        for batch in batched(rows, _ROWS, strict=False):
            async_add_external_statistics(self._hass, metadata, batch)
