"""The messages to an account: which are new, and how many are unread."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .announcer import Announcer
from .api import BambuCloud, Message, MessageCount, PermissionDeniedError, ResponseError
from .cloud import cloud_now, optional
from .const import LOGGER
from .coordinator import BambuCoordinator, Outage
from .fleet.cadence import BETWEEN_COUNTS
from .fleet.messages import News
from .memory import Memory
from .registry import device_name

# What to ask my/messages for; without a type it answers with prints only.
GROUPS = (None, 1, 2, 3, 5)
PAGE = 20
BETWEEN_GROUPS = timedelta(seconds=10)
# One that is read elsewhere hides one that is new, so after as many equal numbers all are read.
MOST_LOOKS = 7


@dataclass(frozen=True, slots=True)
class Inbox:
    """The newest message, and the number of unread ones, None where nobody says."""

    newest: Message | None = None
    unread: int | None = None


class MessagesCoordinator(BambuCoordinator[Inbox]):
    """The messages to an account."""

    _name = "messages"
    _first_interval = BETWEEN_GROUPS

    def __init__(
        self,
        hass: HomeAssistant,
        config_entry: ConfigEntry,
        client: BambuCloud,
        outage: Outage,
        *,
        announcer: Announcer,
        memory: Memory,
    ) -> None:
        """Initialize the coordinator."""
        super().__init__(hass, config_entry, client, outage)
        self.data = Inbox()
        self._memory = memory
        self._announcer = announcer
        self._count: MessageCount | None = None
        self._looks = 0
        self._groups = deque(GROUPS)
        self._pages: dict[int | None, list[Message]] = {}

    @override
    async def _async_update_internal(self) -> Inbox:
        """Ask how many are unread, and if that is another number for one group after the other."""
        group = self._groups[0]
        unread, count = self.data.unread, self._count
        if group is GROUPS[0]:
            count = await optional(self.client.get_message_count())
            unread = count.unread if count else None
            if count and count == self._count and self.has_all and self._looks < MOST_LOOKS:
                self._looks += 1
                self.update_interval = BETWEEN_COUNTS
                return Inbox(self.data.newest, unread)
        now = cloud_now(self.client)
        try:
            page = (await self.client.get_messages(type=group, limit=PAGE))[:PAGE]
        except (PermissionDeniedError, ResponseError) as err:
            if not self._pages:
                raise
            LOGGER.debug("A group of messages stays as it was: %s", err)
            self._pages.setdefault(group, [])
            # It is asked for in the next round, whatever the number is then.
            self._count = None
        else:
            if group is GROUPS[0]:
                # Had it failed, that number would hide what is new.
                self._count, self._looks = count, 0
            self._pages[group] = page
            self._take_page(group, page, now)
        self._groups.rotate(-1)
        is_over = self._groups[0] is GROUPS[0]
        self.update_interval = BETWEEN_COUNTS if is_over else BETWEEN_GROUPS
        return Inbox(next(iter(self.messages), None) if self.has_all else self.data.newest, unread)

    @property
    def has_all(self) -> bool:
        """Return if every group was read since the start."""
        return len(self._pages) == len(GROUPS)

    @property
    def messages(self) -> list[Message]:
        """Return the newest messages of each group as they were last read, newest first."""
        messages = {message.id: message for page in self._pages.values() for message in page}
        return sorted(messages.values(), key=_age, reverse=True)

    @callback
    def _take_page(self, group: int | None, page: list[Message], now: datetime) -> None:
        """Let the messages of a page be announced that were never seen, and remember them."""
        seen, new = self._memory.seen.with_page(group, page)
        self._memory.see(seen)
        self._announcer.post(News.from_message(message, now) for message in new)
        self._announcer.deliver()


def message_attributes(hass: HomeAssistant, entry: ConfigEntry, news: News) -> dict[str, Any]:
    """Return what automations see of a message, beside its type."""
    return {
        "id": news.id,
        "title": news.title,
        "text": news.text,
        "sender": news.sender,
        "printer": device_name(hass, entry, news.printer_id or ""),
        "created": news.created.isoformat() if news.created else None,
    }


def _age(message: Message) -> float:
    return message.created.timestamp() if message.created else 0.0
