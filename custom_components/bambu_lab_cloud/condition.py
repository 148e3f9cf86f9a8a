"""Conditions of the Bambu Lab Cloud integration."""

from typing import Unpack, cast, override

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
from homeassistant.helpers.target import TargetSelection
from homeassistant.helpers.typing import ConfigType
import probatio

from .const import DOMAIN
from .data import BambuConfigEntry
from .registry import TARGET, device_of, targeted_devices

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

    @override
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
        entries: list[BambuConfigEntry] = self._hass.config_entries.async_loaded_entries(DOMAIN)
        printing = [
            entry.runtime_data.printers.last_update_success and printer.is_printing is True
            for entry in entries
            for printer in entry.runtime_data.printers.data.values()
            if (device := device_of(self._hass, entry, printer.id)) and device.id in devices
        ]
        return bool(printing) and all(printing) if self._all else any(printing)


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions."""
    return {"is_printing": IsPrintingCondition}
