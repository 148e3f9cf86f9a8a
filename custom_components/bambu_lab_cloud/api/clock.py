"""How far the cloud's clock is ahead of ours, whatever a single answer claims."""

from collections import deque
from datetime import timedelta

# An answer travels, and its `Date` shows whole seconds.
_SMALLEST = timedelta(seconds=5)
# What one may be wrong by with a clock that is set: a time zone mistaken for another.
_ORDINARY = timedelta(hours=3)
# What one may be wrong by without a clock of its own. Beyond it no certificate would be valid.
_LARGEST = timedelta(days=30)
_AGREEMENT = timedelta(minutes=1)
_WITNESSES = 5


class ServerClock:
    """The settled offset of the cloud's clock.

    It follows the median of the last three answers (the first one, until there are three). A
    median of more than three hours counts only if the last five answers agree within a minute,
    and never beyond 30 days; until then the last settled offset stays, at first zero. So two
    right answers in a row end what a wrong one began.

    The witnesses may be answers of one poll. A proxy that is wrong stays wrong for as long as it
    is there, so waiting would not tell it from a clock of our own that is wrong, while a machine
    without a clock would announce its first prints with the wrong time.
    """

    def __init__(self) -> None:
        self.offset = timedelta()
        self._latest = deque[timedelta](maxlen=_WITNESSES)

    def hear(self, offset: timedelta) -> None:
        """Take the offset that an answer claims."""
        self._latest.append(timedelta() if abs(offset) < _SMALLEST else offset)
        three = list(self._latest)[-3:]
        median = sorted(three)[1] if len(three) == 3 else three[0]
        if abs(median) <= _ORDINARY or (abs(median) <= _LARGEST and self._is_agreed()):
            self.offset = median

    def _is_agreed(self) -> bool:
        latest = self._latest
        return len(latest) == _WITNESSES and max(latest) <= min(latest) + _AGREEMENT
