"""What the cloud tells of Bambu Studio, the slicer that the account signs in with too."""

from datetime import timedelta
from typing import override

from .coordinator import BambuCoordinator

SOON = timedelta(seconds=15)
DAILY = timedelta(days=1)
# The endpoint wants to know a plug-in and its version; the newest Bambu Studio is in every answer.
PLUGIN = "slicer/plugins/cloud"
PLUGIN_VERSION = "01.01.00.00"


class SlicerCoordinator(BambuCoordinator[str | None]):
    """The newest version of Bambu Studio, asked while somebody wants to know."""

    _name = "slicer"
    _first_interval = SOON

    @override
    async def _async_update_internal(self) -> str | None:
        """Ask what can be downloaded."""
        answer = await self.client.get_slicer_resources(PLUGIN, PLUGIN_VERSION)
        self.update_interval = DAILY
        return answer.software.version if answer.software else None
