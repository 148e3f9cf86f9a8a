"""Diagnostics of the Bambu Lab Cloud integration."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_REGION
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import AnyDeviceEntry

from .api import BambuCloudError
from .cloud import cloud_now, entry_client
from .const import CONF_EXPIRES_AT
from .coordinator import BambuCoordinator
from .data import BambuConfigEntry
from .fleet.equipment import LiveAms
from .printers import PrintersCoordinator
from .registry import ids_of

# What is there but not for others to see shows as redacted, what is missing as null.
TO_REDACT = {
    "cover",
    "design_id",
    "id",
    "name",
    "printer_id",
    "serial",
    "serial_number",
    "title",
}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: BambuConfigEntry
) -> dict[str, Any]:
    """Return diagnostics of an account."""
    if entry.state is not ConfigEntryState.LOADED:
        return _account(hass, entry)
    data = entry.runtime_data
    return _account(hass, entry) | _diagnostics(
        entry, sorted({*data.printers.data, *data.printers.ams.places, *data.firmware.data})
    )


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: BambuConfigEntry, device: AnyDeviceEntry
) -> dict[str, Any]:
    """Return diagnostics of a printer, an AMS or the account's own device."""
    if entry.state is not ConfigEntryState.LOADED:
        return _account(hass, entry)
    return _account(hass, entry) | _diagnostics(entry, ids_of(device))


def _account(hass: HomeAssistant, entry: BambuConfigEntry) -> dict[str, Any]:
    """Return what is known of an account, whether it could be set up or not."""
    client = entry_client(hass, entry)
    return {
        "account": {
            "region": entry.data[CONF_REGION],
            "expires_at": entry.data[CONF_EXPIRES_AT],
            "state": entry.state.value,
            "reason": entry.reason,
        },
        "cloud": {
            "clock_offset": client.clock_offset.total_seconds(),
            "last_request_id": client.last_request_id,
            "not_before": round(client.not_before),
        },
    }


def _diagnostics(entry: BambuConfigEntry, device_ids: Iterable[str]) -> dict[str, Any]:
    """Return how the cloud answers, and what it said of some devices."""
    data = entry.runtime_data
    coordinators = [getattr(data, each.name) for each in fields(data)]
    return {
        # As it did in 2022; the cloud of 2026 leaves them out.
        "prints_in_status": data.printers.prints_in_status,
        "live": {
            "reason": data.live.reason,
            "connected_at": data.live.connected_at,
            "losses": dict(data.live.losses),
        },
        "coordinators": {
            coordinator.name: _coordinator(coordinator)
            for coordinator in coordinators
            if isinstance(coordinator, BambuCoordinator)
        },
        "devices": [
            async_redact_data(
                {
                    "printer": _as_dict(data.printers.data.get(device_id)),
                    "firmware": _as_dict(data.firmware.data.get(device_id)),
                    "live": _live(data.printers, device_id),
                    "ams": _ams(data.printers, device_id),
                },
                TO_REDACT,
            )
            for device_id in device_ids
        ],
    }


def _coordinator(coordinator: BambuCoordinator[Any]) -> dict[str, Any]:
    """Return how a coordinator fares, and the kind of its last error."""
    error = coordinator.last_exception and coordinator.last_exception.__cause__
    return {
        "last_update_success": coordinator.last_update_success,
        "update_interval": str(coordinator.update_interval),
        "last_error": {
            "kind": type(error).__name__,
            "status": error.status,
            "request_id": error.request_id,
        }
        if isinstance(error, BambuCloudError)
        else None,
    }


def _live(printers: PrintersCoordinator, printer_id: str) -> dict[str, Any] | None:
    """Return how a printer is heard, and the names of what it says that nothing here knows."""
    if (live := printers.live.get(printer_id)) is None:
        return None
    now = cloud_now(printers.client)
    return {
        "is_fresh": printers.is_live(printer_id),
        "age": round((now - live.heard_at).total_seconds()) if live.heard_at else None,
        "unknown": sorted(live.told.unknown),
    }


def _ams(printers: PrintersCoordinator, device_id: str) -> dict[str, Any] | None:
    """Return what is told of an AMS."""
    told = printers.told(device_id)
    return asdict(told) if isinstance(told, LiveAms) else None


def _as_dict(thing: Any) -> dict[str, Any] | None:
    """Return the fields of a dataclass by name."""
    return asdict(thing) if thing else None
