"""The walk past the printers and their AMS."""

import re
from typing import Any

from scripts.demo_home import DemoError
from scripts.e2e_walk import Walk

PRINTER, AMS, OFF = "Workshop X1C", "Workshop X1C AMS 1", "3DP-030-117"
# What it says itself, and how the page shows a value of it.
LIVE = ("Bed temperature", "Nozzle temperature", "Layer")
VALUE = re.compile(r"\d")
MATERIAL = re.compile("PLA|PETG|ABS|TPU")
# What it prints: its title, and how long it takes in seconds, more than the walk.
TITLE, LONG = "Spice rack", 1800


class PrinterWalk(Walk):
    """An owner who looks at the pages of the devices."""

    async def keep_printing(self) -> None:
        """Have the printer print all the time, as its schedule may have it rest just then."""
        await self.home.simulate("stop-schedules")
        await self.start_print()

    async def start_print(self) -> None:
        """Have the printer begin with a print."""
        path = f"printers/{await self.home.dev_id(PRINTER)}/start"
        await self.home.simulate(path, duration=LONG, title=TITLE)

    async def end_print(self) -> None:
        """Have the printer finish what it prints."""
        await self.home.simulate(f"printers/{await self.home.dev_id(PRINTER)}/end")

    async def see_printer(self) -> None:
        """Look at the page of a printer."""
        await self.open_device(PRINTER)
        await self.text("Print title").wait_for()
        await self.see("printer")

    async def see_live_data(self) -> None:
        """See on the page of a printer what it says itself, with values."""
        await self.see_printer()
        for name in LIVE:
            # A printer is asked for it once a minute at the most, whoever was the last to ask.
            await self.text(name).wait_for(timeout=90_000)
            await self.text(name).scroll_into_view_if_needed()
            await self.row(name).filter(has_text=VALUE).wait_for()
        await self.see("live")

    async def see_everywhere(self, name: str, device: str) -> None:
        """Look at the page of a device as a whole: at a desk and on a phone, light and dark."""
        await self.open_device(device)
        await self.look(name)

    async def see_ams(self) -> None:
        """See what is in the trays of an AMS, in its colors."""
        await self.open_device(AMS)
        await self.row("Tray 1").filter(has_text=MATERIAL).wait_for()
        painted = self.page.locator("state-badge[style*='data:image/svg']")
        if await painted.count() != len(await self._trays()):
            raise DemoError("Not each tray with a spool shows its colors.")
        await self.see_everywhere("ams", AMS)
        await self.text("Tray 1").click()
        await self.text("History").wait_for()
        await self.see("tray")

    async def _trays(self) -> list[dict[str, Any]]:
        """Return the spools that are in the AMS."""
        dev_id = await self.home.dev_id(PRINTER)
        spools = (await self.home.simulated(f"printers/{dev_id}/ams"))["spools"]
        return [each for each in spools if each["unit"] == 0]

    async def see_states(self) -> None:
        """See a printer that prints, one that is off, and the first while the broker is away."""
        await self.see_everywhere("printing", PRINTER)
        await self.see_everywhere("off", OFF)
        await self.home.simulate("mqtt/stop")
        await self.open_device(PRINTER)
        for name in LIVE:
            # They are kept for a minute.
            await self.row(name).filter(has_text="Unavailable").wait_for(timeout=90_000)
        await self.see_everywhere("away", PRINTER)
        await self.home.simulate("mqtt/start")
