"""Conditions of the Bambu Lab Cloud integration."""

from typing import Unpack, cast, override

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_OPTIONS, CONF_TARGET
from homeassistant.core import HomeAssistant
from homeassistant.helpers.condition import (
    ATTR_BEHAVIOR,
    BEHAVIOR_ALL,
    BEHAVIOR_ANY,
    Condition,
    ConditionCheckParams,
    ConditionConfig,
)
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.target import TargetSelection
from homeassistant.helpers.typing import ConfigType
import probatio

from .const import DOMAIN
from .data import BambuConfigEntry
from .registry import TARGET, ids_of, printer_devices, targeted_devices

SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_TARGET): TARGET,
        probatio.Required(CONF_OPTIONS, default={}): {
            probatio.Required(ATTR_BEHAVIOR, default=BEHAVIOR_ANY): probatio.In(
                [BEHAVIOR_ANY, BEHAVIOR_ALL]
            )
        },
    }
)


class IsPrintingCondition(Condition):
    """If the printers in a target print, whichever of their entities are enabled."""

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Validate the configuration."""
        return cast(ConfigType, SCHEMA(config))

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Initialize the condition."""
        super().__init__(hass, config)
        assert config.target is not None  # noqa: S101 - validated
        assert config.options is not None  # noqa: S101 - validated
        self._target = TargetSelection(config.target)
        self._all = config.options[ATTR_BEHAVIOR] == BEHAVIOR_ALL

    @override
    def _async_check(self, **kwargs: Unpack[ConditionCheckParams]) -> bool:
        """Return if one of them does, or all; what is not known does not."""
        devices = targeted_devices(self._hass, self._target)
        entries: list[BambuConfigEntry] = self._hass.config_entries.async_entries(
            DOMAIN, include_ignore=False, include_disabled=False
        )
        printing = [
            _prints(entry, device)
            for entry in entries
            for device in printer_devices(self._hass, entry)
            if device.id in devices
        ]
        return bool(printing) and all(printing) if self._all else any(printing)


def _prints(entry: BambuConfigEntry, device: DeviceEntry) -> bool:
    """Return if a printer is known to print."""
    if entry.state is not ConfigEntryState.LOADED:
        return False
    printers = entry.runtime_data.printers
    known = [printers.data.get(printer_id) for printer_id in ids_of(device)]
    return printers.last_update_success and any(each and each.is_printing for each in known)


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions."""
    return {"is_printing": IsPrintingCondition}
