"""The Bambu Lab Cloud integration."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.typing import ConfigType

from .album import Album
from .announcer import Announcer
from .cloud import entry_client, forget_client
from .const import DOMAIN
from .coordinator import Outage
from .data import BambuConfigEntry, BambuData
from .firmware import FirmwareCoordinator
from .history import HistoryCoordinator
from .live import LiveFeed
from .memory import Memory
from .messages import MessagesCoordinator
from .pictures import Pictures, async_remove_pictures
from .printers import PrintersCoordinator
from .registry import Devices, ids_of
from .repairs import async_watch_expiry
from .services import async_setup_services
from .slicer import SlicerCoordinator
from .statistics import PrintStatistics, async_remove_statistics
from .storage import async_remove_stores
from .tasks import TaskList

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

# Sensors first: what is added first stands on top.
PLATFORMS = [
    Platform.SENSOR,
    Platform.BINARY_SENSOR,
    Platform.IMAGE,
    Platform.EVENT,
    Platform.CALENDAR,
    Platform.UPDATE,
]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up what is there without an account."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: BambuConfigEntry) -> bool:
    """Set up an account."""
    client = entry_client(hass, entry)
    outage = Outage()
    tasks = TaskList(client)
    memory = Memory(hass, entry)
    await memory.async_load()
    history = HistoryCoordinator(hass, entry, client, outage, tasks=tasks)
    await history.async_load()
    pictures = Pictures(hass, entry, client)
    await pictures.async_load()
    album = Album(hass, entry, history, pictures, tasks)
    await album.async_load()
    devices = Devices(hass, entry.entry_id)
    announcer = Announcer(hass, entry, client, memory, pictures)
    printers = PrintersCoordinator(
        hass,
        entry,
        client,
        outage,
        announcer=announcer,
        devices=devices,
        history=history,
        memory=memory,
        tasks=tasks,
    )
    await printers.async_config_entry_first_refresh()
    devices.add_account(entry)
    firmware = FirmwareCoordinator(hass, entry, client, outage, devices=devices, printers=printers)
    await firmware.async_load()
    live = LiveFeed(hass, entry, client, memory, printers)
    entry.runtime_data = BambuData(
        album=album,
        announcer=announcer,
        firmware=firmware,
        history=history,
        live=live,
        memory=memory,
        messages=MessagesCoordinator(
            hass, entry, client, outage, announcer=announcer, memory=memory
        ),
        pictures=pictures,
        printers=printers,
        slicer=SlicerCoordinator(hass, entry, client, outage),
    )
    async_watch_expiry(hass, entry)
    for platform in PLATFORMS:
        # Each has a minute of its own, which on a small machine a farm may need.
        await hass.config_entries.async_forward_entry_setups(entry, [platform])
    if not live.is_on:
        devices.remove_ams_without_entities()
    printers.start()
    announcer.start()
    firmware.start()
    history.keep_polling()
    PrintStatistics(hass, entry, history, printers).start()
    live.start()
    return True


async def async_unload_entry(hass: HomeAssistant, entry: BambuConfigEntry) -> bool:
    """Unload an account."""
    await entry.runtime_data.live.async_stop()
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    await entry.runtime_data.memory.async_save()
    return unloaded


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: BambuConfigEntry, device: dr.DeviceEntry
) -> bool:
    """Let owners remove an AMS that nobody shows, and a printer that left the account."""
    name = device.name_by_user or device.name or ""
    if entry.state is not ConfigEntryState.LOADED:
        # Only an account that is set up says what is in it.
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="account_not_loaded",
            translation_placeholders={"account": entry.title},
        )
    printers = entry.runtime_data.printers
    ids = ids_of(device)
    if entry.unique_id in ids:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="remove_account",
            translation_placeholders={"device": name},
        )
    if not ids.isdisjoint(printers.data):
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="remove_printer",
            translation_placeholders={"device": name},
        )
    if any(map(printers.told, ids)):
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="remove_ams",
            translation_placeholders={"device": name},
        )
    for device_id in ids:
        printers.forget(device_id)
        entry.runtime_data.firmware.forget(device_id)
    return True


async def async_remove_entry(hass: HomeAssistant, entry: BambuConfigEntry) -> None:
    """Remove what an account leaves behind."""
    forget_client(hass, entry)
    await async_remove_pictures(hass, entry.entry_id)
    await async_remove_stores(hass, entry.entry_id)
    await async_remove_statistics(hass, entry.unique_id)
