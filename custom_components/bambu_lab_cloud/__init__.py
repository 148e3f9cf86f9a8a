"""The Bambu Lab Cloud integration."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .account import SlicerCoordinator
from .announcer import Announcer, async_remove_records
from .cloud import entry_client, forget_client
from .const import DOMAIN
from .coordinator import BambuConfigEntry, BambuData, FleetCoordinator
from .covers import Covers, async_remove_covers
from .firmware import FirmwareCoordinator, async_remove_firmware
from .history import HistoryCoordinator, async_remove_history
from .messages import MessagesCoordinator, async_remove_messages
from .repairs import async_watch_expiry
from .statistics import PrintStatistics, async_remove_statistics

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.CALENDAR,
    Platform.EVENT,
    Platform.IMAGE,
    Platform.SENSOR,
    Platform.UPDATE,
]


async def async_setup_entry(hass: HomeAssistant, entry: BambuConfigEntry) -> bool:
    """Set up an account."""
    client = entry_client(hass, entry)
    history = HistoryCoordinator(hass, entry, client)
    await history.async_load()
    covers = Covers(hass, entry, client)
    await covers.async_load()
    announcer = Announcer(hass, entry, covers)
    await announcer.async_load()
    fleet = FleetCoordinator(hass, entry, client, announcer, history.add_tasks)
    await fleet.async_config_entry_first_refresh()
    firmware = FirmwareCoordinator(hass, entry, client, fleet)
    await firmware.async_load()
    messages = MessagesCoordinator(hass, entry, client)
    await messages.async_load()
    entry.runtime_data = BambuData(
        announcer=announcer,
        client=client,
        covers=covers,
        firmware=firmware,
        fleet=fleet,
        history=history,
        messages=messages,
        slicer=SlicerCoordinator(hass, entry, client),
    )
    async_watch_expiry(hass, entry)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    # Prints are announced whichever entities are enabled.
    entry.async_on_unload(fleet.async_add_listener(lambda: None))
    entry.async_on_unload(announcer.start())
    firmware.start()
    history.start()
    PrintStatistics(hass, entry).start()
    return True


async def async_unload_entry(hass: HomeAssistant, entry: BambuConfigEntry) -> bool:
    """Unload an account."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    await entry.runtime_data.announcer.async_save()
    return unloaded


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: BambuConfigEntry, device: dr.DeviceEntry
) -> bool:
    """Let owners remove an AMS, and a printer that is not in the account any more."""
    # Only an account that is loaded says what is in it.
    if entry.state is not ConfigEntryState.LOADED:
        return False
    fleet = entry.runtime_data.fleet
    ids = {identifier for domain, identifier in device.identifiers if domain == DOMAIN}
    if not ids.isdisjoint({*fleet.data, entry.unique_id}):
        return False
    for device_id in ids:
        fleet.forget(device_id)
        entry.runtime_data.firmware.forget(device_id)
    return True


async def async_remove_entry(hass: HomeAssistant, entry: BambuConfigEntry) -> None:
    """Remove what an account leaves behind."""
    forget_client(hass, entry)
    await async_remove_covers(hass, entry.entry_id)
    await async_remove_firmware(hass, entry.entry_id)
    await async_remove_history(hass, entry.entry_id)
    await async_remove_messages(hass, entry.entry_id)
    await async_remove_records(hass, entry.entry_id)
    await async_remove_statistics(hass, entry.unique_id)
