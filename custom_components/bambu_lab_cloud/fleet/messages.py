"""What a message to the account is about, and which of those that are listed are new."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from html import unescape
import re
from typing import Any, Self

from ..api.models import Message
from .stored import UnreadableError, from_stored

# Many more than all groups answer with, so that nothing is forgotten that may be answered again.
SEEN_KEPT = 500
_LONGEST_TEXT = 255
_OTHER = "other"
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
MESSAGE_TYPES = sorted({*_TYPES.values(), _OTHER})
_TAG = re.compile(r"</?[a-z!][^<>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A message to announce: its type as automations know it, and its texts without HTML."""

    type: str
    id: str
    title: str | None
    text: str | None
    sender: str | None
    printer_id: str | None = field(repr=False)
    created: datetime | None
    found_at: datetime

    @classmethod
    def from_message(cls, message: Message, found_at: datetime) -> Self:
        """Return what to announce of a message."""
        return cls(
            type=_TYPES.get(message.type, _OTHER) if message.type is not None else _OTHER,
            id=message.id,
            title=message_title(message),
            text=message_text(message),
            sender=_plain_text(message.sender),
            printer_id=message.task.device_id if message.task else None,
            created=message.created,
            found_at=found_at,
        )


def message_title(message: Message) -> str | None:
    """Return what a message is called; that about a print after its task."""
    return _plain_text(message.title or (message.task.title if message.task else None))


def message_text(message: Message) -> str | None:
    """Return what a message says; that about a print after its task."""
    return _plain_text(message.text or (message.task.detail if message.task else None))


def _plain_text(text: str | None) -> str | None:
    """Return what other people wrote without their HTML, as far as a title holds it."""
    if text is None:
        return None
    text = unescape(text)
    while (stripped := _TAG.sub("", text)) != text:
        text = stripped
    return " ".join(text.split())[:_LONGEST_TEXT].rstrip() or None


@dataclass(frozen=True, slots=True)
class Seen:
    """The ids of the messages that were seen, newest first, and the groups that were read.

    What the first reading of a group finds is history.
    """

    ids: tuple[str, ...] = ()
    groups: tuple[int | None, ...] = ()

    def with_page(self, group: int | None, page: Sequence[Message]) -> tuple[Self, list[Message]]:
        """Return what was seen after a page of a group, and what is new on it, oldest first."""
        seen = set(self.ids)
        # Those that are still answered go first, so that only what is long gone is forgotten.
        ids = tuple(dict.fromkeys((*(m.id for m in page), *self.ids)))[:SEEN_KEPT]
        if group not in self.groups:
            return replace(self, ids=ids, groups=(*self.groups, group)), []
        # What stands below the oldest one seen is older still, and only moved up.
        end = max((i for i, m in enumerate(page) if m.id in seen), default=len(page))
        return replace(self, ids=ids), [m for m in reversed(page[:end]) if m.id not in seen]


def news_from_dict(data: Any) -> News:
    """Return a message as as_stored gave it; anything else is an UnreadableError."""
    news: News = from_stored(News, data)
    if news.type not in MESSAGE_TYPES:
        raise UnreadableError("a type that is none of ours")
    return news
