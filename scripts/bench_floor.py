"""An integration that does nothing but to have as many entities as ours; see scripts/bench scale.

What Home Assistant itself takes for them is the floor. The bench writes this as the component
`bench_floor`: it shows what `rows` holds, by the coordinator and the entities that everybody has.
"""

from dataclasses import dataclass
import logging
from pathlib import Path
import shutil
from typing import Any, override

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.components.calendar import CalendarEntity
from homeassistant.components.event import EventEntity
from homeassistant.components.image import ImageEntity
from homeassistant.components.sensor import SensorEntity
from homeassistant.components.update import UpdateEntity
from homeassistant.config_entries import ConfigEntry, ConfigFlow
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity_platform import (
    AddConfigEntryEntitiesCallback,
    async_get_current_platform,
)
from homeassistant.helpers.update_coordinator import CoordinatorEntity, DataUpdateCoordinator
from homeassistant.util import dt as dt_util

DOMAIN = "bench_floor"
LOGGER = logging.getLogger(__name__)
PLATFORMS = ("sensor", "binary_sensor", "image", "event", "calendar", "update")


@dataclass(frozen=True, slots=True)
class Row:
    """What an entity of ours is registered as, and what it showed: at rest, printing, after it."""

    platform: str
    unique_id: str
    key: str | None
    device: str
    enabled: bool
    visible: bool
    category: str | None
    device_class: str | None
    unit: str | None
    capabilities: dict[str, Any]
    states: tuple[str | None, ...]


type Data = dict[str, Any]

# What there is, and what is shown of it by unique id.
rows: list[Row] = []
shown: Data = {}


def write(folder: Path, ours: Path) -> None:
    """Write the component into a folder, with our names of entities and their translations."""
    component = folder / DOMAIN
    component.mkdir(parents=True)
    shutil.copytree(ours / "translations", component / "translations")
    shutil.copy(ours / "icons.json", component)
    manifest = f'{{"domain": "{DOMAIN}", "name": "Floor", "config_flow": true, "version": "0"}}'
    (component / "manifest.json").write_text(manifest)
    for name in ("__init__", "config_flow", *PLATFORMS):
        (component / f"{name}.py").write_text("from scripts.bench_floor import *\n")


class Flow(ConfigFlow, domain=DOMAIN):
    """A flow that nobody starts."""


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConfigEntry[Any],
    async_add_entities: AddConfigEntryEntitiesCallback | None = None,
) -> bool:
    """Set the entry or a platform of it up."""
    if async_add_entities:
        platform = async_get_current_platform().domain
        kind = KINDS[platform]
        entities = (kind(entry.runtime_data, row) for row in rows if row.platform == platform)
        async_add_entities(entities)
        return True
    entry.runtime_data = Coordinator(hass, entry)
    await entry.runtime_data.async_config_entry_first_refresh()
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: ConfigEntry[Any]) -> bool:
    """Unload the entry."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


class Coordinator(DataUpdateCoordinator[Data]):
    """A coordinator whose update asks nobody."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
        super().__init__(hass, LOGGER, config_entry=entry, name=DOMAIN, always_update=False)

    @override
    async def _async_update_data(self) -> Data:
        return dict(shown)


class Bare(CoordinatorEntity[Coordinator]):
    """An entity that shows what the coordinator holds for it."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: Coordinator, row: Row) -> None:
        super().__init__(coordinator)
        self._attr_unique_id = row.unique_id
        self._attr_translation_key = row.key
        self._attr_entity_category = EntityCategory(row.category) if row.category else None
        self._attr_device_class = row.device_class
        self._attr_entity_registry_enabled_default = row.enabled
        self._attr_entity_registry_visible_default = row.visible
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, row.device)}, name=row.device)

    @property
    def value(self) -> Any:
        """Return what it shows."""
        return self.coordinator.data[str(self._attr_unique_id)]


class BareSensor(Bare, SensorEntity):
    """A sensor."""

    def __init__(self, coordinator: Coordinator, row: Row) -> None:
        super().__init__(coordinator, row)
        self._attr_native_unit_of_measurement = row.unit
        self._attr_state_class = row.capabilities.get("state_class")
        self._attr_options = row.capabilities.get("options")

    @property
    @override
    def native_value(self) -> Any:
        if self.value is None or self.device_class == "enum":
            return self.value
        if self.device_class == "timestamp":
            return dt_util.parse_datetime(self.value)
        return float(self.value) if self.native_unit_of_measurement else self.value


class BareBinarySensor(Bare, BinarySensorEntity):
    """A binary sensor."""

    @property
    @override
    def is_on(self) -> bool | None:
        return None if self.value is None else self.value == "on"


class BareImage(Bare, ImageEntity):
    """A picture."""

    def __init__(self, coordinator: Coordinator, row: Row) -> None:
        super().__init__(coordinator, row)
        ImageEntity.__init__(self, coordinator.hass)

    @property
    @override
    def image_last_updated(self) -> Any:
        return self.value and dt_util.parse_datetime(self.value)


class BareEvent(Bare, EventEntity):
    """An event, which never happens."""

    _attr_event_types = ["started"]  # noqa: RUF012 - as every entity has it


class BareCalendar(Bare, CalendarEntity):
    """A calendar with nothing in it."""

    event = None


class BareUpdate(Bare, UpdateEntity):
    """A firmware of which nothing is known."""

    installed_version = latest_version = None


KINDS: dict[str, type[Bare]] = dict(
    zip(
        PLATFORMS,
        (BareSensor, BareBinarySensor, BareImage, BareEvent, BareCalendar, BareUpdate),
        strict=True,
    )
)
