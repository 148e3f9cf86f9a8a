"""The Bambu Lab Cloud integration."""

from homeassistant.const import CONF_REGION, CONF_TOKEN, Platform
from homeassistant.core import HomeAssistant

from .cloud import cloud_client
from .coordinator import BambuConfigEntry, BambuData, FleetCoordinator
from .covers import Covers, async_remove_covers

PLATFORMS = [Platform.BINARY_SENSOR, Platform.IMAGE, Platform.SENSOR]


async def async_setup_entry(hass: HomeAssistant, entry: BambuConfigEntry) -> bool:
    """Set up an account."""
    client = cloud_client(hass, entry.data[CONF_REGION], entry.data[CONF_TOKEN])
    fleet = FleetCoordinator(hass, entry, client)
    await fleet.async_config_entry_first_refresh()
    covers = Covers(hass, entry.entry_id, client)
    await covers.async_load()
    entry.runtime_data = BambuData(client=client, fleet=fleet, covers=covers)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: BambuConfigEntry) -> bool:
    """Unload an account."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: BambuConfigEntry) -> None:
    """Remove what an account leaves on disk."""
    await async_remove_covers(hass, entry.entry_id)
