"""Triggers of the Bambu Lab Cloud integration."""

from typing import Any, cast, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID, CONF_OPTIONS, CONF_TARGET, Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.target import TargetSelection
from homeassistant.helpers.trigger import (
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType
import probatio

from .announcer import PRINT_EVENT, Announce, listen_to_printers
from .const import DOMAIN
from .event import print_attributes
from .fleet.lifecycle import PrintEvent, PrintEventType
from .memory import Announcement
from .registry import TARGET, device_of, entity_of, targeted_devices

TYPES = {
    "print_started": PrintEventType.STARTED,
    "print_paused": PrintEventType.PAUSED,
    "print_resumed": PrintEventType.RESUMED,
    "print_finished": PrintEventType.FINISHED,
    "print_failed": PrintEventType.FAILED,
    "printer_error": PrintEventType.ERROR,
}

SCHEMA = probatio.Schema(
    {probatio.Required(CONF_TARGET): TARGET, probatio.Optional(CONF_OPTIONS): {}}
)


class PrintTrigger(Trigger):
    """What happens to the prints of the printers in a target, as their event entities tell it.

    It needs no entity, and neither that an account is there when it begins to listen.
    """

    @classmethod
    @override
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Validate the configuration."""
        return cast(ConfigType, SCHEMA(config))

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Initialize the trigger."""
        super().__init__(hass, config)
        assert config.target is not None  # noqa: S101 - validated
        self._target = TargetSelection(config.target)
        self._type = TYPES[config.key.removeprefix(f"{DOMAIN}.")]

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Listen to the printers that are in the target when something happens."""

        @callback
        def listen(entry: ConfigEntry, printer_id: str) -> Announce | None:
            device = device_of(self._hass, entry, printer_id)
            if device is None or device.id not in targeted_devices(self._hass, self._target):
                return None

            @callback
            def announce(event: Announcement) -> None:
                assert isinstance(event, PrintEvent)  # noqa: S101 - what a printer is told of
                if event.type is self._type:
                    run_action(*_told(self._hass, entry, device, event))

            return announce

        remove = listen_to_printers(self._hass, listen)
        for entry in self._hass.config_entries.async_loaded_entries(DOMAIN):
            # What nobody could hear so far.
            entry.runtime_data.announcer.deliver()
        return remove


def _told(
    hass: HomeAssistant, entry: ConfigEntry, device: DeviceEntry, event: PrintEvent
) -> tuple[dict[str, Any], str]:
    """Return what an automation is told, and how its trace and the activity call it."""
    entity = entity_of(hass, entry, event.print.printer_id, Platform.EVENT, PRINT_EVENT)
    told = print_attributes(hass, entry, event)
    is_error = event.type is PrintEventType.ERROR
    what = ", ".join(told["errors"]) if is_error else told["title"] or "a print"
    return (
        {
            ATTR_DEVICE_ID: device.id,
            ATTR_ENTITY_ID: entity.entity_id if entity and not entity.disabled else None,
            "print": {"event_type": event.type.value, **told},
        },
        f"{what} {'reported' if is_error else event.type} on {told['printer']}",
    )


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers."""
    return dict.fromkeys(TYPES, PrintTrigger)
