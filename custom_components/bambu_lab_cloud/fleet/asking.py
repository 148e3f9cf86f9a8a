"""When a printer is asked by MQTT for everything, or for its versions, and user/bind because of it.

Nothing here is a timer: the questions are put when a session begins, when a printer comes on, at a
message and at an answer of user/bind. Who asks too often is thrown out by the broker, and an old P1
is slow to answer (seen 2025).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from .live import LiveState

APART = timedelta(minutes=5)
APART_AFTER_RECONNECT = timedelta(minutes=1)
FURTHEST_APART = timedelta(hours=1)
# An AMS may tell its serial number later than the rest, or never: when it was plugged in it is
# asked for, and once more when it has started.
VERSIONS_APART_AT_FIRST = timedelta(minutes=1)
STARTS = timedelta(seconds=30)
VERSIONS_APART = timedelta(minutes=10)
NAMELESS = timedelta(hours=1)
# A printer that is busy and silent for this long may have gone off.
SILENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """When a printer could be asked, and was.

    began_at is when the session began, came_at when the printer came on, if it did since. in_vain
    counts the questions for everything before the last one, in a row, that got no answer.
    """

    began_at: datetime
    came_at: datetime | None = None
    everything_at: datetime | None = None
    in_vain: int = 0
    versions_at: datetime | None = None

    def began(self, now: datetime) -> Self:
        """Return it in a new session."""
        return replace(self, began_at=now, came_at=None)

    def came_on(self, now: datetime) -> Self:
        """Return it after the printer came on, by its own word, the broker's or user/bind's."""
        return replace(self, came_at=now)

    def asked_everything(self, live: LiveState | None, now: datetime) -> Self:
        """Return it after the printer was asked for everything."""
        repeats = not self._is_new(self.everything_at) and not self._is_answered(live)
        return replace(self, everything_at=now, in_vain=self.in_vain + 1 if repeats else 0)

    def asked_versions(self, now: datetime) -> Self:
        """Return it after the printer was asked for its versions."""
        return replace(self, versions_at=now)

    def wants_everything(
        self,
        live: LiveState | None,
        *,
        online: bool | None,
        busy_since: datetime | None,
        now: datetime,
    ) -> bool:
        """Return if the printer should be asked for everything now.

        It is asked once in a session, and once when it comes on; after that only if it speaks and
        has not told everything, or if there is doubt about what it told. online is what user/bind
        says, and busy_since is since when that says without a break that it prints: if the printer
        itself has told nothing of its status since, that was lost.
        """
        asked_at = self.everything_at
        if asked_at is not None and abs(now - asked_at) < self._apart(asked_at, live):
            return False
        if live is None or not live.has_full:
            if asked_at is None or self._is_new(asked_at):
                return self._is_on(live, online=online)
            return live is not None and self._speaks(live, online=online, now=now)
        if live.is_doubtful:
            return True
        told = (live.full_at, live.status_at)
        return (
            busy_since is not None
            and not live.is_busy
            and not any(_is_after(at, busy_since) for at in told)
        )

    def wants_versions(self, live: LiveState | None, *, online: bool | None, now: datetime) -> bool:
        """Return if the printer should be asked for its versions now.

        It is asked once in a session, and once when it comes on: it never tells them by itself.
        And again, for an hour, while an AMS has no serial number: soon if it was plugged in.
        """
        asked_at = self.versions_at
        if asked_at is None or self._is_new(asked_at):
            is_soon = asked_at is not None and abs(now - asked_at) < (
                APART_AFTER_RECONNECT if asked_at < self.began_at else APART
            )
            return not is_soon and self._is_on(live, online=online)
        since = live.nameless_since if live else None
        if since is None or abs(now - since) >= NAMELESS:
            return False
        is_first = asked_at - since < STARTS
        apart = VERSIONS_APART_AT_FIRST if is_first else VERSIONS_APART
        return abs(now - asked_at) >= apart

    def _is_new(self, asked_at: datetime | None) -> bool:
        """Return if the printer was not asked since the session began or it came on."""
        return asked_at is None or asked_at < max(self.began_at, self.came_at or self.began_at)

    def _is_answered(self, live: LiveState | None) -> bool:
        return live is not None and _is_after(live.full_at, self.everything_at)

    def _is_on(self, live: LiveState | None, *, online: bool | None) -> bool:
        heard_at = live.heard_at if live else None
        return online is not False or self.came_at is not None or _is_after(heard_at, self.began_at)

    def _speaks(self, live: LiveState, *, online: bool | None, now: datetime) -> bool:
        """Return if the printer has said something since it was asked, and may say more."""
        return _is_after(live.heard_at, self.everything_at) and (
            online is not False or _is_after(live.heard_at, now - SILENT)
        )

    def _apart(self, asked_at: datetime, live: LiveState | None) -> timedelta:
        if asked_at < self.began_at:
            return APART_AFTER_RECONNECT
        if self._is_new(asked_at) or self._is_answered(live):
            return APART
        return min(APART * (1 << min(self.in_vain, 8)), FURTHEST_APART)


def wants_bind(live: LiveState, *, asked_at: datetime | None, now: datetime) -> bool:
    """Return if user/bind should be asked because a printer that is busy fell silent.

    asked_at is when user/bind was asked last. It is asked once in a silence.
    """
    silent_at = silence_at(live)
    return silent_at is not None and silent_at <= now and not _is_after(asked_at, silent_at)


def silence_at(live: LiveState) -> datetime | None:
    """Return when the silence of a printer begins to count, None for one that is not busy."""
    return live.heard_at + SILENT if live.is_busy and live.heard_at is not None else None


def _is_after(at: datetime | None, other: datetime | None) -> bool:
    """Return if something was after something else, or at that time."""
    return at is not None and other is not None and at >= other
