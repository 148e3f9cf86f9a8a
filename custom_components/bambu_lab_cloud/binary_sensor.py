"""Binary sensors of the Bambu Lab Cloud integration."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .data import BambuConfigEntry
from .entity import BambuPastEntity, BambuPrinterEntity, add_printer_entities
from .fleet.printer import Printer, PrintResult

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class BambuBinarySensorEntityDescription(BinarySensorEntityDescription):
    """A binary sensor of a printer."""

    value_fn: Callable[[Printer], bool | None]


def _printing(printer: Printer) -> bool | None:
    """Return if a printer is busy, None where that cannot be known."""
    return None if printer.status is None or printer.was_active else printer.is_active


def _last_failed(printer: Printer) -> bool | None:
    """Return if the last print failed, None where there is none."""
    return None if printer.last is None else printer.last.result is PrintResult.FAILED


BINARY_SENSORS: tuple[BambuBinarySensorEntityDescription, ...] = (
    BambuBinarySensorEntityDescription(
        key="online",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda printer: printer.online,
    ),
    BambuBinarySensorEntityDescription(
        key="printing",
        translation_key="printing",
        device_class=BinarySensorDeviceClass.RUNNING,
        # The status tells as much, and two lines a print less stand in the activity.
        entity_registry_enabled_default=False,
        value_fn=_printing,
    ),
)

PROBLEM = BambuBinarySensorEntityDescription(
    key="problem",
    device_class=BinarySensorDeviceClass.PROBLEM,
    entity_registry_enabled_default=False,
    value_fn=_last_failed,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BambuConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the binary sensors of the printers."""
    add_printer_entities(
        entry,
        async_add_entities,
        lambda data, printer_id: [
            *(BambuBinarySensor(data.printers, printer_id, each) for each in BINARY_SENSORS),
            BambuPastBinarySensor(data.printers, printer_id, PROBLEM),
        ],
    )


class BambuBinarySensor(BambuPrinterEntity, BinarySensorEntity):
    """A binary sensor of a printer."""

    entity_description: BambuBinarySensorEntityDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return if it is on."""
        return self.entity_description.value_fn(self.printer)


class BambuPastBinarySensor(BambuPastEntity, BambuBinarySensor):
    """A binary sensor of the last print of a printer."""
