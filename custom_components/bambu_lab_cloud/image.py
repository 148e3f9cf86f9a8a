"""Pictures of the prints of the Bambu Lab Cloud integration."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import override

from homeassistant.components.image import ImageEntity, ImageEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .data import BambuConfigEntry
from .entity import BambuPastEntity, BambuPrinterEntity, async_add_printer_entities
from .fleet.printer import NO_TASK, Print, Printer
from .pictures import Pictures
from .printers import PrintersCoordinator

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class BambuImageEntityDescription(ImageEntityDescription):
    """A picture of a print of a printer, and the time in the print that is its own."""

    print_fn: Callable[[Printer], Print | None]
    time_fn: Callable[[Print], datetime | None]


PRINT_PREVIEW = BambuImageEntityDescription(
    key="print_preview",
    translation_key="print_preview",
    print_fn=lambda printer: printer.shown,
    time_fn=lambda job: job.started_at or job.ended_at,
)
# Changes only when a print ends, so that a notification that opens late shows the right one.
LAST_PRINT_PREVIEW = BambuImageEntityDescription(
    key="last_print_preview",
    translation_key="last_print_preview",
    entity_registry_visible_default=False,
    print_fn=lambda printer: printer.last,
    time_fn=lambda job: job.ended_at or job.started_at,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BambuConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the pictures of the printers."""
    await async_add_printer_entities(
        entry,
        async_add_entities,
        lambda data, printer_id: [
            BambuImage(data.printers, printer_id, PRINT_PREVIEW, data.pictures),
            BambuPastImage(data.printers, printer_id, LAST_PRINT_PREVIEW, data.pictures),
        ],
    )


class BambuImage(BambuPrinterEntity, ImageEntity):
    """A picture of a print. It changes with the task, never with the address that signs it."""

    entity_description: BambuImageEntityDescription

    def __init__(
        self,
        coordinator: PrintersCoordinator,
        printer_id: str,
        description: BambuImageEntityDescription,
        pictures: Pictures,
    ) -> None:
        """Initialize the picture."""
        super().__init__(coordinator, printer_id, description)
        ImageEntity.__init__(self, coordinator.hass)
        self._pictures = pictures
        self._task_id: str | None = None
        self._awaited: str | None = None
        self._show()

    @override
    async def async_added_to_hass(self) -> None:
        """Fetch the first picture, and again what could not be fetched."""
        await super().async_added_to_hass()
        self.async_on_remove(self._pictures.add_listener(self._handle_coordinator_update))
        self._fetch()

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Show the picture of another print, once it is here."""
        if self.available:
            self._fetch()
            self._show()
        super()._handle_coordinator_update()

    @property
    def _print(self) -> Print | None:
        """Return the print to show."""
        return self.entity_description.print_fn(self.printer)

    @callback
    def _fetch(self) -> None:
        """Fetch a picture that is missing, without making anybody wait."""
        job = self._print
        if job is None or job.task_id in (None, self._awaited) or self._pictures.has(job.task_id):
            return
        self._awaited = job.task_id
        self.coordinator.config_entry.async_create_background_task(
            self.hass, self._async_fetch(job), f"{self.entity_id} picture"
        )

    async def _async_fetch(self, job: Print) -> None:
        """Fetch the picture of a print and show it."""
        try:
            fetched = await self._pictures.async_fetch(job)
        finally:
            self._awaited = None
        if fetched:
            self._handle_coordinator_update()

    @callback
    def _show(self) -> None:
        """Turn to the picture of the print, if it is here and not shown yet."""
        if (job := self._print) is None:
            return
        if job.task_id is None:
            # Where answers crossed the next one knows more, but an SD card's print has no picture.
            if job.result or self.printer.print_job == NO_TASK:
                self._task_id = self._attr_image_last_updated = None
            return
        if job.task_id == self._task_id or not self._pictures.has(job.task_id):
            return
        self._task_id = job.task_id
        self._pictures.show(str(self.unique_id), job.task_id)
        # The print's own time, so that a restart is no change of the picture.
        self._attr_image_last_updated = self.entity_description.time_fn(job) or dt_util.utcnow()

    @property
    @override
    def entity_picture(self) -> str | None:
        """Return where the picture is, for the icon to show if there is none."""
        return super().entity_picture if self._task_id else None

    @override
    async def async_image(self) -> bytes | None:
        """Return the picture."""
        if (
            self._task_id is None
            or (image := await self._pictures.async_read(self._task_id)) is None
        ):
            return None
        self._attr_content_type = image.content_type
        return image.content


class BambuPastImage(BambuPastEntity, BambuImage):
    """A picture of a print that has ended."""
