"""What a printer says itself, as the broker delivers it, brought to an account that is set up."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant, callback
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bambu_lab_cloud.api.report import parse
from custom_components.bambu_lab_cloud.cloud import cloud_now
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE
from custom_components.bambu_lab_cloud.fleet.live import LiveState, heard, session_lost, settled
from custom_components.bambu_lab_cloud.printers import PrintersCoordinator
from simulator import Simulator
from tests.api.reports import delta, message, p1s

# What printers complain of, by how bad it is.
SERIOUS = {"attr": 0x0C000300, "code": 0x00020007}
FATAL = {"attr": 0x03000100, "code": 0x00010007}
COMMON = {"attr": 0x05000200, "code": 0x00030001}
INFORMATION = {"attr": 0x05000300, "code": 0x00040001}


@dataclass
class Pushes:
    """A printer that speaks; model is what it is, if that is another than the cloud says."""

    hass: HomeAssistant
    entry: MockConfigEntry
    printer_id: str
    model: str | None = None

    @property
    def _printers(self) -> PrintersCoordinator:
        printers: PrintersCoordinator = self.entry.runtime_data.printers
        return printers

    async def full(self, body: dict[str, Any], **changes: Any) -> None:
        """Tell everything."""
        await self._hear(message(body | changes))

    async def say(self, **changes: Any) -> None:
        """Tell a change."""
        await self._hear(delta(**changes))

    @callback
    def shout(self, **changes: Any) -> None:
        """Tell a change, and wait for nothing that comes of it."""
        self._printers.async_take_push(self.printer_id, self._after(delta(**changes)))

    async def versions(self, **serials: str | None) -> None:
        """Tell the serial numbers of the AMS, by name and number: n3f_0; None is not told."""
        modules = [
            {"name": "/".join(name.rsplit("_", 1)), "sw_ver": "00.00.06.40", "sn": serial}
            for name, serial in serials.items()
        ]
        await self._hear(message({"command": "get_version", "module": modules}, "info"))

    async def settle(self) -> None:
        """Let what was held back be shown, as far as it is due."""
        printers = self._printers
        await self._take(settled(printers.live[self.printer_id], at=cloud_now(printers.client)))

    async def lose(self) -> None:
        """End the session."""
        printers = self._printers
        await self._take(
            session_lost(printers.live[self.printer_id], at=cloud_now(printers.client))
        )

    async def _hear(self, payload: bytes) -> None:
        await self._take(self._after(payload))

    def _after(self, payload: bytes) -> LiveState:
        printers = self._printers
        told = parse(payload)
        assert told is not None
        return heard(
            printers.live.get(self.printer_id),
            told,
            at=cloud_now(printers.client),
            model=self.model or printers.data[self.printer_id].model,
        )

    async def _take(self, live: LiveState) -> None:
        self._printers.async_take_push(self.printer_id, live)
        # What the cloud is asked because of it is answered before time goes on.
        await self.hass.async_block_till_done(wait_background_tasks=True)


async def begin(
    simulator: Simulator,
    pushes: Pushes,
    wait: Callable[[timedelta], Awaitable[None]],
    duration: float = 3600,
) -> dict[str, Any]:
    """Begin a print of which cloud and printer tell; return what the printer says meanwhile."""
    await wait(IDLE)
    await wait(IDLE)
    body = p1s()
    await pushes.full(body, gcode_state="FINISH")
    await wait(timedelta(seconds=10))
    task = str(simulator.cloud.start(pushes.printer_id, duration=duration, title="Boat"))
    body |= {"task_id": task, "subtask_id": task, "subtask_name": "Boat"}
    await pushes.full(body)
    await wait(timedelta(seconds=3))
    await wait(timedelta(seconds=12))
    return body
