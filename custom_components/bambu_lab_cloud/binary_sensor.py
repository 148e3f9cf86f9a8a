"""Binary sensors of the Bambu Lab Cloud integration."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .data import BambuConfigEntry
from .entity import (
    BambuAccountEntity,
    BambuLiveEntity,
    BambuLiveEntityDescription,
    BambuPastEntity,
    BambuPrinterEntity,
    add_live_entities,
    async_add_printer_entities,
)
from .fleet.live import LiveState
from .fleet.printer import Printer, PrintResult
from .live import LiveFeed
from .printers import PrintersCoordinator

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class BambuBinarySensorEntityDescription(BinarySensorEntityDescription):
    """A binary sensor of a printer."""

    value_fn: Callable[[Printer], bool | None]


def _last_failed(printer: Printer) -> bool | None:
    """Return if the last print failed, None where there is none; to cancel one is no problem."""
    if (last := printer.last) is None:
        return None
    return last.result is PrintResult.FAILED and not last.cancelled


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
        value_fn=lambda printer: printer.is_printing,
    ),
)

PROBLEM = BambuBinarySensorEntityDescription(
    key="problem",
    translation_key="problem",
    device_class=BinarySensorDeviceClass.PROBLEM,
    entity_registry_enabled_default=False,
    value_fn=_last_failed,
)


LIVE_DATA = BinarySensorEntityDescription(
    key="live_data",
    translation_key="live_data",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)


@dataclass(frozen=True, kw_only=True)
class BambuLiveBinarySensorEntityDescription(
    BambuLiveEntityDescription[LiveState, bool], BinarySensorEntityDescription
):
    """A binary sensor of what a printer says itself."""


ERROR = BambuLiveBinarySensorEntityDescription(
    key="error",
    translation_key="error",
    device_class=BinarySensorDeviceClass.PROBLEM,
    value_fn=lambda live: bool(live.errors),
)

LIVE: tuple[BambuLiveBinarySensorEntityDescription, ...] = (
    BambuLiveBinarySensorEntityDescription(
        key="door",
        device_class=BinarySensorDeviceClass.DOOR,
        # It is for automations; a tile of it says little.
        entity_registry_visible_default=False,
        value_fn=lambda live: live.door,
    ),
    BambuLiveBinarySensorEntityDescription(
        key="chamber_light",
        translation_key="chamber_light",
        entity_registry_enabled_default=False,
        value_fn=lambda live: live.chamber_light,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BambuConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the binary sensors of the printers."""
    await async_add_printer_entities(
        entry,
        async_add_entities,
        lambda data, printer_id: [
            *(BambuBinarySensor(data.printers, printer_id, each) for each in BINARY_SENSORS),
            BambuPastBinarySensor(data.printers, printer_id, PROBLEM),
        ],
    )
    add_live_entities(
        entry,
        async_add_entities,
        lambda data, printer_id: [
            BambuErrorBinarySensor(data.printers, printer_id, ERROR),
            *(BambuLiveBinarySensor(data.printers, printer_id, each) for each in LIVE),
        ],
    )
    data = entry.runtime_data
    async_add_entities([BambuLiveDataBinarySensor(data.printers, LIVE_DATA, data.live)])


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


class BambuLiveBinarySensor(BambuLiveEntity, BinarySensorEntity):
    """A binary sensor of what a printer says itself."""

    entity_description: BambuLiveBinarySensorEntityDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return if it is on."""
        return self.entity_description.value_fn(self.told)


class BambuErrorBinarySensor(BambuLiveBinarySensor):
    """If something is wrong with a printer, by its own word."""

    _unrecorded_attributes = frozenset({"codes"})

    @property
    @override
    def available(self) -> bool:
        """Return that it is: what is unavailable counts as something to mend on the home page."""
        return True

    @property
    @override
    def is_on(self) -> bool | None:
        """Return if it is on, None while the printer says nothing."""
        return super().is_on if self.told else None

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return all that is wrong, the worst first, and of that how bad, where and a link."""
        if self.told is None:
            return None
        errors = self.told.errors
        worst = errors[0] if errors else None
        return {
            "codes": [error.code for error in errors],
            "severity": worst and worst.severity,
            "module": worst and worst.module,
            "link": worst and worst.link(self._device_id, self.hass.config.language),
        }


class BambuLiveDataBinarySensor(BambuAccountEntity[PrintersCoordinator], BinarySensorEntity):
    """Whether the printers of an account are heard, and if not, why."""

    def __init__(
        self,
        coordinator: PrintersCoordinator,
        description: BinarySensorEntityDescription,
        live: LiveFeed,
    ) -> None:
        """Initialize the sensor."""
        super().__init__(coordinator, description)
        self._live = live

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the sessions, which begin and end between two polls."""
        await super().async_added_to_hass()
        self.async_on_remove(self._live.async_add_listener(self.async_write_ha_state))

    @property
    @override
    def available(self) -> bool:
        """Return that it is known whatever the cloud answers to polls."""
        return True

    @property
    @override
    def is_on(self) -> bool | None:
        """Return if there is a session, None while the first one is about to begin."""
        return None if self._live.is_starting else self._live.is_connected

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Return why there is none."""
        return {"reason": self._live.reason}
