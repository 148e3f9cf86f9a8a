"""What stands in the activity of a printer beside its states."""

from datetime import timedelta

from homeassistant.const import ATTR_ENTITY_ID, ATTR_NAME, EVENT_LOGBOOK_ENTRY
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN
from .fleet.lifecycle import PrintEvent, PrintEventType


def hours_and_minutes(duration: timedelta) -> str:
    """Return a duration as people read it in every language."""
    hours, minutes = divmod(round(duration / timedelta(minutes=1)), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


@callback
def note_end(hass: HomeAssistant, entity_id: str, event: PrintEvent) -> None:
    """Write which print it was that ended: of an event Home Assistant shows the type alone."""
    title, duration = event.print.title, event.print.duration
    if not event.is_end or not title:
        return
    texts = async_get_cached_translations(hass, hass.config.language, "common", DOMAIN)
    text = texts[f"component.{DOMAIN}.common.{_outcome(event)}"].format(title=title)
    if duration:
        after = texts[f"component.{DOMAIN}.common.print_after"]
        text = after.format(outcome=text, duration=hours_and_minutes(duration))
    state = hass.states.get(entity_id)
    hass.bus.async_fire(
        EVENT_LOGBOOK_ENTRY,
        {ATTR_NAME: state and state.name, "message": text, ATTR_ENTITY_ID: entity_id},
    )


def _outcome(event: PrintEvent) -> str:
    """Return which text says how a print ended."""
    if event.type is PrintEventType.FINISHED:
        return "print_finished"
    return {True: "print_cancelled", False: "print_failed", None: "print_failed_or_cancelled"}[
        event.print.cancelled
    ]
