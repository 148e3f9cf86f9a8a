"""Calendars of prints of the Bambu Lab Cloud integration."""

from datetime import datetime, timedelta
from typing import override

from homeassistant.components.calendar import (
    CalendarEntity,
    CalendarEntityDescription,
    CalendarEvent,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .activity import hours_and_minutes
from .const import DOMAIN
from .data import BambuConfigEntry
from .entity import BambuPrinterEntity, async_add_printer_entities
from .fleet.history import EndedPrint, between
from .fleet.printer import PrintResult
from .history import HistoryCoordinator
from .printers import PrintersCoordinator
from .registry import device_name

PARALLEL_UPDATES = 0

# The calendar of the frontend takes an event without length for one of an hour.
_SHORTEST = timedelta(seconds=1)
# An end that nobody knows is moved on in steps, so that not every poll changes the event.
_STEP = timedelta(minutes=15)

PRINTS = CalendarEntityDescription(key="prints", translation_key="prints")


def failed_sign(job: EndedPrint) -> str:
    """Return what stands before the title of a print: a sign, as nothing translates titles."""
    return "✗ " if job.result is PrintResult.FAILED else ""


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BambuConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the calendars of the printers."""
    await async_add_printer_entities(
        entry,
        async_add_entities,
        lambda data, printer_id: [BambuCalendar(data.printers, printer_id, PRINTS, data.history)],
    )


class BambuCalendar(BambuPrinterEntity, CalendarEntity):
    """The prints of a printer, of which the running one is the event."""

    def __init__(
        self,
        coordinator: PrintersCoordinator,
        printer_id: str,
        description: CalendarEntityDescription,
        history: HistoryCoordinator,
    ) -> None:
        """Initialize the calendar."""
        super().__init__(coordinator, printer_id, description)
        self._history = history

    @override
    async def async_added_to_hass(self) -> None:
        """Tell who looks at the past when that changes, which no state shows."""
        await super().async_added_to_hass()
        self.async_on_remove(
            self._history.async_add_listener(self.async_write_ha_state, self._printer_id)
        )

    @property
    def _untitled(self) -> str:
        """Return what a print without a title is called."""
        return device_name(self.hass, self.coordinator.config_entry, self._printer_id) or ""

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """Return the running print; one whose end nobody knows goes on for a while yet."""
        if not self.available or (current := self.printer.current) is None:
            return None
        now = dt_util.utcnow()
        started_at = current.print.started_at
        if started_at is None:
            return None
        end = current.expected_end
        if end is None or end <= now:
            end = now + _STEP + (dt_util.utc_from_timestamp(0) - now) % _STEP
        # The cloud's clock may be ahead.
        return CalendarEvent(
            start=min(started_at, now),
            end=end,
            summary=current.print.title or self._untitled,
            uid=current.print.task_id,
        )

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return the prints in a range."""
        history = self._history.data

        def find() -> list[EndedPrint]:
            return between(history.of_printer(self._printer_id), start_date, end_date)

        # Of tens of thousands of prints.
        prints = await hass.async_add_executor_job(find)
        texts = await async_get_translations(hass, hass.config.language, "entity", {DOMAIN})
        events = [self._past(job, texts) for job in prints]
        if (event := self.event) and event.start < end_date and event.end > start_date:
            events.append(event)
        return events

    def _past(self, job: EndedPrint, texts: dict[str, str]) -> CalendarEvent:
        """Return a print that ended as an event."""
        facts = [texts[f"component.{DOMAIN}.entity.sensor.status.state.{job.result}"]]
        if job.duration:
            facts.append(hours_and_minutes(job.duration))
        if job.weight is not None:
            facts.append(f"{job.weight:g} g")
        if job.material:
            facts.append(job.material)
        start = job.began_at
        return CalendarEvent(
            start=start,
            end=max(job.ended_at, start + _SHORTEST),
            summary=f"{failed_sign(job)}{job.title or self._untitled}",
            description=", ".join(facts),
            uid=job.task_id,
        )
