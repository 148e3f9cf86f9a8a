"""What the platforms of an account work with."""

from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry

from .album import Album
from .announcer import Announcer
from .firmware import FirmwareCoordinator
from .history import HistoryCoordinator
from .live import LiveFeed
from .memory import Memory
from .messages import MessagesCoordinator
from .pictures import Pictures
from .printers import PrintersCoordinator
from .slicer import SlicerCoordinator


@dataclass(slots=True)
class BambuData:
    """What the platforms work with."""

    album: Album
    announcer: Announcer
    firmware: FirmwareCoordinator
    history: HistoryCoordinator
    live: LiveFeed
    memory: Memory
    messages: MessagesCoordinator
    pictures: Pictures
    printers: PrintersCoordinator
    slicer: SlicerCoordinator


type BambuConfigEntry = ConfigEntry[BambuData]
