"""Hostile answers and messages to an account that is set up in a Home Assistant."""

import asyncio
from random import Random
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.json import json_bytes

from custom_components.bambu_lab_cloud.api.report import parse
from custom_components.bambu_lab_cloud.messages import GROUPS
from scripts.bench_live import Hold, watched
from scripts.fuzz_bodies import STATUSES, body
from scripts.fuzz_judge import Judge, Stopwatch
from simulator import Simulator, reports

# What the recorder keeps of an entity.
LONGEST_STATE, LARGEST_ATTRIBUTES = 255, 16_384
# What an answer of another time tells, or a lie of the list that nothing can tell from the truth.
TELLS_OF_PRINTS = ("last_", "total_", "success_rate", "print", "history")
UNKNOWN = ("unknown", "unavailable")
# A list of so many printers takes Home Assistant its own time, which is no matter of a body.
LARGEST = 20_000

PATHS = {
    "devices": ("/v1/iot-service/api/user/bind", "printers"),
    "print_status": ("/v1/iot-service/api/user/print", "printers"),
    "tasks": ("/v1/user-service/my/tasks", "history"),
    "messages": ("/v1/user-service/my/messages", "messages"),
    "message_count": ("/v1/user-service/my/message/count", "messages"),
    "versions": ("/v1/iot-service/api/user/device/version", "firmware"),
    "resources": ("/v1/iot-service/api/slicer/resource", "slicer"),
}


def is_number(text: str) -> bool:
    """Return if a state is a number."""
    return text.lstrip("-").replace(".", "", 1).isdecimal()


class Home:
    """An account in a Home Assistant, and the cloud and printers that it hears."""

    def __init__(
        self,
        *,
        judge: Judge,
        hass: HomeAssistant,
        entry: ConfigEntry[Any],
        simulator: Simulator,
        valid: dict[str, Any],
        pushes: list[Any],
    ) -> None:
        self._judge = judge
        self._hass = hass
        self._entry = entry
        self._simulator = simulator
        self._valid = valid
        self._pushes = pushes
        self._watch = Stopwatch()
        self._before: dict[str, str] = {}
        self._printers = sorted(self._data.printers.data)
        judge.secrets |= {str(entry.data["token"]), *self._printers}
        self._stop = hass.bus.async_listen(EVENT_STATE_CHANGED, self._see)

    @property
    def _data(self) -> Any:
        return self._entry.runtime_data

    @callback
    def _see(self, event: Event[EventStateChangedData]) -> None:
        """Judge what is shown."""
        if (state := event.data["new_state"]) is None:
            return
        judge, size = self._judge, len(json_bytes(dict(state.attributes)))
        if len(state.state) > LONGEST_STATE:
            judge.blame("states", f"{state.entity_id}: {len(state.state)} characters")
        if size > LARGEST_ATTRIBUTES:
            judge.blame("attributes", f"{state.entity_id}: {size} bytes")
        judge.value(state.state)
        judge.value(state.attributes)

    async def push(self, random: Random) -> None:
        """Let a printer say something."""
        content = body(random, random.choice(self._pushes))
        printer_id = random.choice(self._printers)
        began = self._watch()
        try:
            if (message := parse(content)) is not None:
                self._data.live._hear(printer_id, message)  # noqa: SLF001 - as a session does
        except Exception as err:  # noqa: BLE001 - that is what is looked for
            self._judge.blame("typed errors", f"live data: {err!r}")
        self._judge.held(self._watch() - began, "a message in Home Assistant")
        await asyncio.sleep(0)

    async def answer(self, random: Random) -> None:
        """Answer the next question of a coordinator."""
        name = random.choice(sorted(PATHS))
        path, coordinator = PATHS[name]
        content = body(random, self._valid[name])[:LARGEST]
        self._simulator.cloud.add_fault(
            "body", path, times=2, body=content, status=random.choice(STATUSES)
        )
        await self._refresh(coordinator, f"{name} in Home Assistant")
        self._simulator.cloud.clear_faults()
        # Nobody waits for hours here.
        self._data.printers.client._free_at = 0.0  # noqa: SLF001 - as above

    async def _refresh(self, coordinator: str, what: str) -> None:
        hold = Hold()
        with watched(hold):
            await getattr(self._data, coordinator).async_refresh()
            await self._hass.async_block_till_done()
        self._judge.held(hold.cpu - hold.garbage, f"{what}: {hold.what}")

    async def good(self) -> None:
        """Answer and say the truth, and judge whether that is what is shown."""
        for flow in self._hass.config_entries.flow.async_progress():
            self._hass.config_entries.flow.async_abort(flow["flow_id"])
        if self._entry.state is not ConfigEntryState.LOADED:
            await self._hass.config_entries.async_reload(self._entry.entry_id)
        # One group of messages is asked for at a time.
        for coordinator in ("printers", *("messages",) * len(GROUPS), "firmware", "slicer"):
            await self._refresh(coordinator, f"{coordinator}, the truth")
        for printer_id in self._printers:
            # What everything lacks is unchanged, except at the begin of a session.
            self._data.live._lose(printer_id)  # noqa: SLF001 - as a session that ends
            await self._simulator.push(printer_id, full=True)
            printer = self._simulator.cloud.printer(printer_id)
            await self._simulator.publish(printer_id, reports.versions(printer, "1"))
        await asyncio.sleep(0.3)
        await self._hass.async_block_till_done()
        shown = self._shown()
        for entity_id, state in self._before.items():
            if state not in UNKNOWN and shown.get(entity_id) != state:
                self._judge.blame("last good", f"{entity_id}: {shown.get(entity_id)}, not {state}")
        self._before = self._before or shown

    def _shown(self) -> dict[str, str]:
        rows = er.async_entries_for_config_entry(er.async_get(self._hass), self._entry.entry_id)
        return {
            # What is measured may be another number by now.
            row.entity_id: "a number" if is_number(state.state) else state.state
            for row in rows
            if row.domain != "event"
            and not (row.translation_key or "").startswith(TELLS_OF_PRINTS)
            and (state := self._hass.states.get(row.entity_id))
        }

    def stop(self) -> None:
        """Watch no more."""
        self._stop()
        self._watch.stop()
