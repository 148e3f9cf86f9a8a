"""Values that are shown no more often than somebody wants to read them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """Values that change together; due is when the ones that are held back may be shown."""

    values: Mapping[str, int] = field(default_factory=dict)
    at: datetime | None = None
    due: datetime | None = None

    def after(self, values: Mapping[str, int], at: datetime, interval: timedelta) -> Throttled:
        """Return what is shown once there are new values; what comes or goes does so at once."""
        if values == self.values:
            return replace(self, due=None) if self.due else self
        same = values.keys() == self.values.keys()
        # The clock may have been set back.
        if same and self.at is not None and self.at <= at < self.at + interval:
            return replace(self, due=self.at + interval)
        return Throttled(values=values, at=at)


NOTHING_YET = Throttled()


def steadied(
    shown: Mapping[str, int], values: Mapping[str, float], *, margin: float, step: int = 1
) -> dict[str, int]:
    """Return values in whole steps, where what is shown stays while they are no further off."""
    return {
        key: shown[key]
        if key in shown and abs(value - shown[key]) <= margin
        else round(value / step) * step
        for key, value in values.items()
    }
