"""The repair of a sign-in that is about to expire."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any, override

from homeassistant.components.repairs import (
    ConfirmRepairFlow,
    FlowType,
    RepairsFlow,
    RepairsFlowResult,
)
from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_RECONFIGURE, ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import (
    async_track_point_in_utc_time,
    async_track_time_interval,
)
from homeassistant.util import dt as dt_util

from .const import CONF_EXPIRES_AT, DOMAIN

WARN_BEFORE = timedelta(days=7)
CHECK_INTERVAL = timedelta(days=1)


def expires_at(entry: ConfigEntry) -> datetime | None:
    """Return until when the cloud has said it knows the token, None where it has not."""
    return dt_util.parse_datetime(entry.data[CONF_EXPIRES_AT] or "")


def _issue_id(entry: ConfigEntry) -> str:
    return f"sign_in_expires_{entry.entry_id}"


@callback
def async_watch_expiry(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Warn of the end of the sign-in, from now on until the entry is unloaded."""
    check = partial(_async_check_expiry, hass, entry)
    entry.async_on_unload(async_track_time_interval(hass, check, CHECK_INTERVAL))
    if end := expires_at(entry):
        entry.async_on_unload(async_track_point_in_utc_time(hass, check, end - WARN_BEFORE))
    entry.async_on_unload(partial(async_delete_expiry_issue, hass, entry))
    check(dt_util.utcnow())


@callback
def _async_check_expiry(hass: HomeAssistant, entry: ConfigEntry, now: datetime) -> None:
    """Create the issue when it is time, unless the owner is led to sign in already."""
    end = expires_at(entry)
    if end is None or now < end - WARN_BEFORE:
        return
    if any(entry.async_get_active_flows(hass, {SOURCE_REAUTH})):
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        _issue_id(entry),
        data={"entry_id": entry.entry_id},
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key="sign_in_expires",
        translation_placeholders={
            "date": dt_util.as_local(end).date().isoformat(),
            "name": entry.title,
        },
    )


@callback
def async_delete_expiry_issue(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete the issue, if there is one."""
    ir.async_delete_issue(hass, DOMAIN, _issue_id(entry))


class SignInExpiresRepairFlow(ConfirmRepairFlow):
    """Lead to the sign-in."""

    def __init__(self, entry_id: str) -> None:
        """Initialize the repair flow."""
        self._entry_id = entry_id

    @override
    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Explain, then start the reauth, which goes on in the same dialog."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None:
            return self.async_abort(reason="entry_removed")
        if user_input is None:
            return await super().async_step_confirm()
        entry.async_start_reauth(self.hass)
        # One that the owner has begun elsewhere is as good.
        flows = entry.async_get_active_flows(self.hass, {SOURCE_REAUTH, SOURCE_RECONFIGURE})
        next_flows = ((FlowType.CONFIG_FLOW, flow["flow_id"]) for flow in flows)
        return self.async_create_entry(data={}, next_flow=next(next_flows, None))


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Create the repair flow of a sign-in that is about to expire."""
    return SignInExpiresRepairFlow(str((data or {}).get("entry_id")))
