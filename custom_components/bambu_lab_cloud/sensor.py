"""Sensors of the Bambu Lab Cloud integration."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
)
from homeassistant.const import MAX_LENGTH_STATE_STATE, PERCENTAGE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType

from .coordinator import BambuConfigEntry
from .entity import BambuPrinterEntity, add_printer_entities
from .fleet.printer import CurrentPrint, Printer, PrinterStatus

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class BambuSensorEntityDescription(SensorEntityDescription):
    """A sensor of a printer."""

    value_fn: Callable[[Printer], StateType | datetime]
    attributes_fn: Callable[[Printer], dict[str, Any]] | None = None


def _of_current[_T](value_fn: Callable[[CurrentPrint], _T]) -> Callable[[Printer], _T | None]:
    """Return a function of a printer that is None while it prints nothing."""
    return lambda printer: value_fn(printer.current) if printer.current else None


def _title(title: str | None) -> str | None:
    """Return a title as far as a state holds it."""
    return title[:MAX_LENGTH_STATE_STATE] if title else None


SENSORS: tuple[BambuSensorEntityDescription, ...] = (
    BambuSensorEntityDescription(
        key="print_end",
        translation_key="print_end",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=_of_current(lambda current: current.expected_end),
        # The cloud never tells an end before it is reached; this one is start plus slicing time.
        attributes_fn=lambda printer: {"estimated": True},
    ),
    BambuSensorEntityDescription(
        key="print_start",
        translation_key="print_start",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=_of_current(lambda current: current.print.started_at),
    ),
    BambuSensorEntityDescription(
        key="print_title",
        translation_key="print_title",
        value_fn=_of_current(lambda current: _title(current.print.title)),
    ),
    BambuSensorEntityDescription(
        key="progress",
        translation_key="progress",
        native_unit_of_measurement=PERCENTAGE,
        value_fn=_of_current(lambda current: current.progress),
        attributes_fn=lambda printer: {
            "estimated": printer.current is not None and printer.current.progress_estimated
        },
    ),
    BambuSensorEntityDescription(
        key="status",
        translation_key="status",
        name=None,
        device_class=SensorDeviceClass.ENUM,
        options=[status.value for status in PrinterStatus],
        value_fn=lambda printer: printer.status,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BambuConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors of the printers."""
    add_printer_entities(
        entry,
        async_add_entities,
        lambda coordinator, printer_id: [
            BambuSensor(coordinator, printer_id, description) for description in SENSORS
        ],
    )


class BambuSensor(BambuPrinterEntity, SensorEntity):
    """A sensor of a printer."""

    entity_description: BambuSensorEntityDescription

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """Return the value."""
        return self.entity_description.value_fn(self.printer)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return what belongs beside the value."""
        if (attributes_fn := self.entity_description.attributes_fn) is None:
            return None
        return attributes_fn(self.printer)
