"""The messages to an account: which are new, and which are unread."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
import re
from typing import Any, override

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store

from .api import BambuCloud, Message, PermissionDeniedError, ResponseError
from .const import DOMAIN, LOGGER
from .coordinator import BambuConfigEntry, BambuCoordinator

# What to ask my/messages for; without a type it answers with prints only. One group is asked at a
# time, each every ten minutes.
GROUPS = (None, 1, 2, 3, 5)
BETWEEN_GROUPS = timedelta(minutes=10) / len(GROUPS)
BETWEEN_FIRST_GROUPS = timedelta(seconds=10)
# Many more than all groups answer with, so that nothing is forgotten that may be answered again.
SEEN_KEPT = 500
# For an event entity that is not there; one that is takes them at once.
WAITING_KEPT = 50
LONGEST_TEXT = 255
STORAGE_VERSION = 1

OTHER = "other"
_TYPES = {
    6: "print",
    **dict.fromkeys((101, 102, 103), "design"),
    **dict.fromkeys((201, 202, 203), "comment"),
    **dict.fromkeys((251, 252, 254), "rating"),
    **dict.fromkeys((301, 302, 303), "follow"),
    **dict.fromkeys((401, 402, 411, 412), "system"),
    **dict.fromkeys((501, 502, 503), "boost"),
    **dict.fromkeys((601, 602, 603), "community"),
    815: "badge",
}
MESSAGE_TYPES = sorted({*_TYPES.values(), OTHER})
_TAG = re.compile(r"</?[a-z!][^<>]*>", re.IGNORECASE)


def message_type(message: Message) -> str:
    """Return what a message is about."""
    return _TYPES.get(message.type, OTHER) if message.type is not None else OTHER


def plain_text(text: str | None) -> str | None:
    """Return what other people wrote without their HTML, as far as a title holds it."""
    if text is None:
        return None
    text = unescape(text)
    while (stripped := _TAG.sub("", text)) != text:
        text = stripped
    return " ".join(text.split())[:LONGEST_TEXT].rstrip() or None


def _store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    return Store(hass, STORAGE_VERSION, f"{DOMAIN}.{entry_id}.messages", atomic_writes=True)


async def async_remove_messages(hass: HomeAssistant, entry_id: str) -> None:
    """Remove what is remembered of an account's messages."""
    await _store(hass, entry_id).async_remove()


@dataclass(frozen=True, slots=True)
class Inbox:
    """The newest messages by id; unread counts them, None until all are read or if nobody says."""

    messages: Mapping[str, Message]
    unread: int | None


class MessagesCoordinator(BambuCoordinator[Inbox]):
    """The messages to an account."""

    _name = "messages"

    @override
    def __init__(
        self, hass: HomeAssistant, config_entry: BambuConfigEntry, client: BambuCloud
    ) -> None:
        """Initialize the coordinator."""
        super().__init__(hass, config_entry, client)
        self.data = Inbox({}, None)
        self.update_interval = BETWEEN_FIRST_GROUPS
        self._groups = deque(GROUPS)
        self._pages: dict[int | None, list[Message]] = {}
        self._new: deque[Message] = deque(maxlen=WAITING_KEPT)
        self._store = _store(hass, config_entry.entry_id)
        # Groups that were read before: what the first reading of one finds is history.
        self._read: list[int | None] = []
        self._seen: list[str] = []

    async def async_load(self) -> None:
        """Take up what an earlier start has stored."""
        if not (stored := await self._store.async_load()):
            return
        try:
            self._read, self._seen = list(stored["read"]), list(stored["seen"])
        except (KeyError, TypeError) as err:
            LOGGER.warning(
                "What was remembered of messages cannot be read, so it begins anew: %s",
                type(err).__name__,
            )

    def take_new(self) -> Iterator[Message]:
        """Yield the messages that came since, oldest first, each once."""
        while self._new:
            yield self._new.popleft()

    @override
    async def _async_update_internal(self) -> Inbox:
        """Ask for the next group of messages."""
        group = self._groups[0]
        try:
            page = await self.client.get_messages(type=group)
        except (PermissionDeniedError, ResponseError) as err:
            if not self._pages:
                raise
            LOGGER.debug("A group of messages stays as it was: %s", err)
            self._pages.setdefault(group, [])
        else:
            self._pages[group] = page
            await self._async_find_new(group, page)
        self._groups.rotate(-1)
        are_all_read = len(self._pages) == len(GROUPS)
        self.update_interval = BETWEEN_GROUPS if are_all_read else BETWEEN_FIRST_GROUPS
        messages = {message.id: message for page in self._pages.values() for message in page}
        told = [message.read for message in messages.values() if message.read is not None]
        is_told = are_all_read and (told or not messages)
        return Inbox(messages, told.count(False) if is_told else None)

    async def _async_find_new(self, group: int | None, page: list[Message]) -> None:
        """Keep the messages of a page that were never seen, and remember that they were."""
        seen = set(self._seen)
        unseen = [message.id for message in page if message.id not in seen]
        # Those that are still answered go first, so that only what is long gone is forgotten.
        self._seen = [*dict.fromkeys((*(m.id for m in page), *self._seen))][:SEEN_KEPT]
        if group not in self._read:
            self._read.append(group)
        elif unseen:
            # What stands below the oldest one seen is older still, and only moved up.
            end = max((i for i, m in enumerate(page) if m.id in seen), default=len(page))
            self._new.extend(m for m in reversed(page[:end]) if m.id not in seen)
        else:
            return
        await self._store.async_save({"read": self._read, "seen": self._seen})
