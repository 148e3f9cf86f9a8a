"""The walk through what owners make of it: notifications, pictures, actions, automations."""

import re
from typing import Any

from playwright.async_api import Page

from scripts.demo import Demo
from scripts.demo_dashboards import DASHBOARD, install_dashboards
from scripts.demo_home import DemoError, until
from scripts.demo_world import PHONE
from scripts.e2e_printer import PRINTER, TITLE, PrinterWalk

# A folder of the media panel.
MONTH = re.compile(r"\d{4}-\d{2} \(\d+\)")
THUMBNAIL = ".thumbnail .image, .thumbnail img"
NOTIFICATION = "Bambu Lab Cloud: print notification"


class UseWalk(PrinterWalk):
    """An owner who makes something of it."""

    def __init__(self, page: Page, demo: Demo) -> None:
        super().__init__(page, demo)
        self._world = demo.world

    async def import_blueprint(self) -> None:
        """Import the blueprint of notifications from its address, and make an automation of it."""
        await self.goto("/config/blueprint/dashboard")
        await self.button("Import blueprint").click()
        address = self.page.locator("ha-dialog input").locator("visible=true").first
        await address.fill(self._world.blueprint("print_notification"))
        await self.button("Preview").click()
        await self.page.get_by_text("Blueprint path").wait_for()
        await self.see("blueprint")
        await self.button("Import blueprint").click()
        await self.page.get_by_text("Blueprint path").wait_for(state="hidden")
        await self.text(NOTIFICATION).click()
        await self.page.get_by_text("Select an entity").locator("visible=true").first.click()
        await self.choose("Workshop", PRINTER)
        await self.page.get_by_text("Select a device").locator("visible=true").first.click()
        await self.choose("phone", PHONE)
        await self.text("Always").click()
        await self.look("blueprint-automation", height=1800)
        await self.button("Save").click()
        await self._armed("automation.bambu_lab_cloud_print_notification")

    async def _armed(self, automation: str) -> None:
        """Wait until an automation listens, which is a moment after it was saved."""

        async def there() -> bool:
            states = await self.home.get("/api/states")
            return any(each["entity_id"] == automation for each in states)

        if not await until(there, 30):
            raise DemoError(f"{automation} is not there.")

    async def hear_of_a_print(self) -> None:
        """Read in the notifications and on the phone that a print is finished, and see it."""
        await self.end_print()
        await self.text("Notifications").click()
        await self.page.get_by_text(f"Finished: {TITLE}").wait_for()
        await self.page.get_by_text(f"Take it off the plate: {TITLE}").wait_for()
        await self.see("notification")
        await self.compare("notification")

        async def pushed() -> dict[str, Any] | None:
            texts = {each["message"]: each for each in self._world.notifications}
            return next((each for text, each in texts.items() if TITLE in text), None)

        if not (notification := await until(pushed, 10)):
            raise DemoError("The phone hears nothing of the print.")
        # The app fetches the picture with its own token.
        if not await self.home.content(notification["data"]["image"]):
            raise DemoError("The phone has no picture of the print.")
        await self.start_print()

    async def choose(self, search: str, text: str) -> None:
        """Choose what is offered for some letters, once the list is there."""
        field = self.page.get_by_placeholder("Search").locator("visible=true").last
        await field.fill(search)
        choices = self.page.locator("ha-combo-box-item").filter(has_text=text)
        await choices.locator("visible=true").first.click()

    async def see_calendar(self) -> None:
        """See the prints of the past in the calendar, and one of them by itself."""
        await self.goto("/calendar")
        event = self.page.locator(".ha-fc-event").locator("visible=true").first
        await event.wait_for()
        await self.look("calendar", height=900)
        await event.click()
        await self.see("calendar-print")

    async def call_action(self) -> None:
        """Ask for the print history in the tools, and read the answer."""
        await self.goto("/config/tools/action")
        await self.text("Action").click()
        await self.choose("print history", "Get print history")
        await self.look("action", height=1800, known="bambu_lab_cloud.get_print_history")
        await self.button("Perform action").click()
        await self.page.get_by_text("task_id").first.scroll_into_view_if_needed()
        await self.see("action-answer", known="bambu_lab_cloud.get_print_history")

    async def see_dashboards(self) -> None:
        """See the dashboard that is written for these printers: all of them, and one."""
        await install_dashboards(self.home)
        await self.goto(f"/{DASHBOARD}/all")
        await self.text(PRINTER).wait_for()
        await self.compare("dashboard")
        await self.look("dashboard-all")
        await self.text(PRINTER).click()
        await self.text("Temperatures").wait_for()
        await self.compare("printer")
        await self.look("dashboard-printer")

    async def see_pictures(self) -> None:
        """Go to the prints of a month in the media panel, and look at one of them."""
        await self.goto("/media-browser/browser")
        await self.text("Bambu Lab Cloud").click()
        # While its history is being read, its name goes on with dots.
        await self.page.get_by_text(PRINTER).locator("visible=true").first.click()
        await self.page.get_by_text(MONTH).locator("visible=true").first.click()
        picture = self.page.locator(THUMBNAIL).first
        await picture.wait_for()
        await self.compare("media")
        await self.look("media", height=900)
        await picture.click()
        await self.page.locator("ha-dialog img").first.wait_for()
        await self.see("media-picture")

    async def add_automation(self) -> None:
        """Add an automation in the editor, that is triggered by what a printer does."""
        await self.goto("/config/automation/edit/new")
        await self.button("Add trigger").click()
        await self.text("Devices").click()
        await self.text(PRINTER).click()
        rows = self.page.locator("ha-automation-add-items ha-list-item-button")
        await rows.filter(has_text="Print finished").click()
        await self.button("Add action").click()
        field = self.page.get_by_placeholder("Search").locator("visible=true").last
        await field.fill("persistent notification")
        await self.text("Send a persistent notification").click()
        await self._write("Take it off the plate: {{ trigger.print.title }}")
        await self.look("automation", height=1200)
        await self.button("Save").click()
        await self.page.locator("ha-dialog input").locator("visible=true").first.fill("Plate")
        await self.button("Save").click()
        await self._armed("automation.plate")

    async def _write(self, template: str) -> None:
        """Write the message of an action, of which the editor makes a template."""
        message = self.page.locator("ha-selector-text input").locator("visible=true").first
        editor = self.page.locator("ha-selector-template ha-code-editor").locator("visible=true")

        async def is_written() -> bool:
            if await editor.count():
                return True
            # What is written while the form is still being made is lost.
            await message.fill(template)
            return False

        if not await until(is_written, 30, every=1):
            raise DemoError("The editor does not take the message.")
