"""What the entities of an account, a printer and an AMS share."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import batched
from typing import Any, override

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import (
    AddConfigEntryEntitiesCallback,
    async_get_current_platform,
)
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import BambuCoordinator
from .data import BambuConfigEntry, BambuData
from .firmware import FirmwareCoordinator
from .fleet.firmware import DeviceFirmware
from .fleet.printer import Printer
from .printers import PrintersCoordinator, live_context
from .registry import unique_id

# So many printers are added before others have their turn; it takes some 20 ms.
AT_ONCE = 5


class BambuEntity[_CoordinatorT: BambuCoordinator[Any]](CoordinatorEntity[_CoordinatorT]):
    """An entity of a device, which follows as many coordinators as it needs.

    The first of them says whether it is available, the others what changes of its device. Its
    state is written when that has changed, not whenever something else of its device has.
    """

    _attr_has_entity_name = True

    def __init__(
        self,
        coordinator: _CoordinatorT,
        device_id: str,
        description: EntityDescription,
        *others: BambuCoordinator[Any],
        context: str | None = None,
    ) -> None:
        """Initialize the entity; context is the device that the first coordinator knows."""
        super().__init__(coordinator, context)
        self.entity_description = description
        self._device_id = device_id
        self._others = others
        self._written: tuple[object, ...] | None = None
        # `Devices` writes all else of it.
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, device_id)})

    @property
    def _shown(self) -> tuple[object, ...]:
        """Return all of its state that can change."""
        if not self.available:
            return ()
        return self.state, self.state_attributes, self.extra_state_attributes

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write the state if it is another one."""
        if (shown := self._shown) != self._written:
            self._written = shown
            self.async_write_ha_state()

    @callback
    def _write(self) -> None:
        """Write the state."""
        self._written = self._shown
        self.async_write_ha_state()

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the other coordinators as well."""
        await super().async_added_to_hass()
        # Home Assistant writes it after this.
        self._written = self._shown
        for other in self._others:
            self.async_on_remove(
                other.async_add_listener(self._handle_coordinator_update, self._device_id)
            )


class BambuAccountEntity[_CoordinatorT: BambuCoordinator[Any]](BambuEntity[_CoordinatorT]):
    """An entity of an account."""

    def __init__(self, coordinator: _CoordinatorT, description: EntityDescription) -> None:
        """Initialize the entity."""
        account = str(coordinator.config_entry.unique_id)
        super().__init__(coordinator, account, description)
        self._attr_unique_id = f"{account}_{description.key}"


class BambuPrinterEntity(BambuEntity[PrintersCoordinator]):
    """An entity of a printer, or of an AMS that hangs on it."""

    def __init__(
        self,
        coordinator: PrintersCoordinator,
        printer_id: str,
        description: EntityDescription,
        *others: BambuCoordinator[Any],
        device_id: str | None = None,
    ) -> None:
        """Initialize the entity; device_id is that of an AMS."""
        super().__init__(
            coordinator, device_id or printer_id, description, *others, context=printer_id
        )
        self._printer_id = printer_id
        self._attr_unique_id = unique_id(coordinator.config_entry, self._device_id, description.key)

    @property
    def printer(self) -> Printer:
        """Return the printer as it was told of last."""
        return self.coordinator.data[self._printer_id]

    @property
    @override
    def available(self) -> bool:
        """Return if the last poll succeeded and told of the printer."""
        return super().available and self._printer_id in self.coordinator.data


class BambuPastEntity(BambuPrinterEntity):
    """An entity that tells of the past, which stays true while the cloud is away."""

    @property
    @override
    def available(self) -> bool:
        """Return if the last good poll told of the printer."""
        return self._printer_id in self.coordinator.data


class BambuFirmwareEntity(BambuPrinterEntity):
    """An entity that tells of the firmware of a printer or an AMS; it is there with the printer."""

    def __init__(
        self,
        coordinator: PrintersCoordinator,
        printer_id: str,
        description: EntityDescription,
        firmware: FirmwareCoordinator,
        device_id: str | None = None,
    ) -> None:
        """Initialize the entity."""
        super().__init__(coordinator, printer_id, description, firmware, device_id=device_id)
        self._firmware = firmware

    @property
    def firmware(self) -> DeviceFirmware | None:
        """Return the firmware, None as long as the cloud told nothing of it."""
        return self._firmware.data.get(self._device_id)


@dataclass(frozen=True, kw_only=True)
class BambuLiveEntityDescription[_ToldT, _ValueT](EntityDescription):
    """An entity of what a printer says itself, or of an AMS that hangs on it.

    A device has it once a value of it is told, or where has_fn says so.
    """

    value_fn: Callable[[_ToldT], _ValueT | None]
    has_fn: Callable[[_ToldT], bool] | None = None

    def is_of(self, told: _ToldT) -> bool:
        """Return if a device has it, by all that was told of it."""
        return self.has_fn(told) if self.has_fn else self.value_fn(told) is not None


class BambuLiveEntity(BambuEntity[PrintersCoordinator]):
    """An entity of what a printer says itself, or of its AMS, there while that is true.

    Whether the cloud answers makes no difference to it.
    """

    entity_description: BambuLiveEntityDescription[Any, Any]

    def __init__(
        self,
        coordinator: PrintersCoordinator,
        device_id: str,
        description: BambuLiveEntityDescription[Any, Any],
    ) -> None:
        """Initialize the entity."""
        super().__init__(coordinator, device_id, description, context=live_context(device_id))
        self._attr_unique_id = unique_id(coordinator.config_entry, device_id, description.key)

    @property
    def told(self) -> Any:
        """Return what was told of the device, None if that is not true any more."""
        return self.coordinator.told(self._device_id)

    @property
    @override
    def available(self) -> bool:
        """Return if what was told of the device is true now."""
        return self.told is not None


async def async_add_printer_entities(
    entry: BambuConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    create: Callable[[BambuData, str], Iterable[Entity]],
) -> None:
    """Add the entities of every printer, now and whenever one joins the account."""
    data = entry.runtime_data
    printers = data.printers
    known: set[str] = set()

    @callback
    def add(new: Collection[str]) -> None:
        known.update(new)
        async_add_entities(entity for printer_id in new for entity in create(data, printer_id))

    @callback
    def add_new() -> None:
        known.difference_update([key for key in known if not printers.is_remembered(key)])
        add(printers.data.keys() - known)

    for few in batched(tuple(printers.data), AT_ONCE, strict=False):
        add([each for each in few if each in printers.data])
        # Home Assistant adds entities without a pause, which is seconds for a farm.
        await asyncio.sleep(0)
    entry.async_on_unload(printers.async_add_listener(add_new))
    add_new()


def add_live_entities(
    entry: BambuConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    create: Callable[[BambuData, str], Iterable[BambuLiveEntity]],
    devices: Callable[[PrintersCoordinator], Collection[str]] = lambda printers: printers.data,
) -> None:
    """Add the entities of every printer that it has by what it says itself, once it says all.

    Those that it had before are there from the start, and gone where live data is switched off.
    devices are others than the printers.
    """
    data = entry.runtime_data
    printers = data.printers
    registry = er.async_get(printers.hass)
    if not data.live.is_on:
        entities = (entity for each in devices(printers) for entity in create(data, each))
        _remove(registry, entry, {entity.unique_id for entity in entities})
        return
    followed: dict[str, CALLBACK_TYPE] = {}

    @callback
    def follow(device_id: str, known: Collection[str | None]) -> CALLBACK_TYPE:
        """Add what is known of a device, and the rest when it is told."""
        entities = list(create(data, device_id))
        awaited = [each for each in entities if each.unique_id not in known]
        async_add_entities(each for each in entities if each.unique_id in known)

        @callback
        def add_told() -> None:
            told = printers.told(device_id) if printers.has_told_all(device_id) else None
            if told is None:
                return
            new = [each for each in awaited if each.entity_description.is_of(told)]
            awaited[:] = [each for each in awaited if each not in new]
            async_add_entities(new)

        add_told()
        return printers.async_add_listener(add_told, live_context(device_id))

    @callback
    def follow_new() -> None:
        for device_id in [each for each in followed if not printers.is_remembered(each)]:
            followed.pop(device_id)()
        new = [each for each in devices(printers) if each not in followed]
        entries = er.async_entries_for_config_entry(registry, entry.entry_id) if new else ()
        known = {each.unique_id for each in entries}
        followed.update({device_id: follow(device_id, known) for device_id in new})

    @callback
    def stop() -> None:
        while followed:
            followed.popitem()[1]()

    entry.async_on_unload(printers.async_add_listener(follow_new))
    entry.async_on_unload(stop)
    follow_new()


def _remove(
    registry: er.EntityRegistry, entry: BambuConfigEntry, unique_ids: Collection[str | None]
) -> None:
    """Remove entities of the platform that is being set up."""
    domain = async_get_current_platform().domain
    for each in er.async_entries_for_config_entry(registry, entry.entry_id):
        if each.domain == domain and each.unique_id in unique_ids:
            registry.async_remove(each.entity_id)
