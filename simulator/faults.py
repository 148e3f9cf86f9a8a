"""What goes wrong with requests: by command, by schedule, or by a seed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Any

from .answers import FAULTS, Answer

# A right answer, spoiled; what comes of it may still be understood.
SPOILS = ("old", "types", "fields", "emptied")
# These do nothing but what they are given: a body, and the date that any fault may have.
GIVEN = ("body", "date")
NAMES = (*FAULTS, *SPOILS, *GIVEN)
# An old answer is older than that.
OLD = timedelta(minutes=10)
MOST_OLD = 200
# How much of an answer is spoiled.
SPOILED = 0.05
# How far a clock jumps.
MOST_JUMP = timedelta(days=400)

# How often each strikes where a seed decides. What makes the cloud want a pause is rare: after it
# nothing is asked, so that nothing else could go wrong.
WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("reset", "disconnect", "timeout", "trickle", "slow"), 10),
        **dict.fromkeys(("truncated", "wrong_gzip", "truncated_json", "empty", "html"), 10),
        **dict.fromkeys(("server_error", "bad_gateway", "unavailable", "redirect", "null"), 10),
        **dict.fromkeys(("wrong_shape", "types", "fields", "emptied", "old", "date"), 10),
        **dict.fromkeys(("unauthorized", "unauthorized_200", "forbidden", "not_found"), 5),
        **dict.fromkeys(("rate_limited", "rate_limited_1015"), 1),
        **dict.fromkeys(("cloudflare", "captcha"), 0.1),
    }
)


@dataclass(slots=True)
class Fault:
    """Something that goes wrong on paths with this beginning, a number of times or for ever.

    `answer` is what is said instead, None where the server has to do something; `date` is the
    date that the answer then has: as text verbatim, as a number so many seconds from now. It
    strikes from `begins` on until it `ends`, where these are given. `seed` decides what is spoiled.
    """

    path: str
    name: str
    times: int | None
    answer: Answer | None = None
    date: str | float | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    seed: str = ""

    def hits(self, path: str, now: datetime) -> bool:
        """Return whether a request is affected."""
        if (self.begins and now < self.begins) or self.is_over(now):
            return False
        return self.path == "*" or path.startswith(self.path)

    def is_over(self, now: datetime) -> bool:
        """Return whether it strikes no more."""
        return self.ends is not None and now >= self.ends


@dataclass(slots=True)
class Plan:
    """Faults that a seed decides, whatever else is asked meanwhile: by path and number there."""

    seed: int
    share: float
    path: str
    weights: Mapping[str, float]
    _numbers: Counter[str] = field(default_factory=Counter)

    def strike(self, path: str) -> Fault | None:
        """Return what happens to the next request of a path."""
        if not path.startswith(self.path):
            return None
        self._numbers[path] += 1
        seed = f"{self.seed}:{path}:{self._numbers[path]}"
        chance = Random(seed)
        if chance.random() >= self.share:
            return None
        (name,) = chance.choices([*self.weights], [*self.weights.values()])
        jump = chance.uniform(-1, 1) * MOST_JUMP.total_seconds()
        date = jump if name == "date" else None
        return Fault(path, name, 1, FAULTS.get(name), date, seed=seed)


def spoiled(name: str, body: Any, seed: str) -> Any:
    """Return a decoded answer with other types, with fields left out, or with empty lists."""
    chance = Random(seed)
    if name == "emptied":
        return {key: [] if isinstance(value, list) else value for key, value in body.items()}
    return _other_types(body, chance) if name == "types" else _without_fields(body, chance)


def _other_types(value: Any, chance: Random) -> Any:
    """Return something where some values are of another type: never another of the same one."""
    if chance.random() < SPOILED:
        others: list[Any] = [None, [], {}, [value], {"value": value}, ""]
        return chance.choice([other for other in others if type(other) is not type(value)])
    if isinstance(value, dict):
        return {key: _other_types(each, chance) for key, each in value.items()}
    if isinstance(value, list):
        return [_other_types(each, chance) for each in value]
    return value


def _without_fields(value: Any, chance: Random) -> Any:
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if chance.random() >= SPOILED}
        return {key: _without_fields(each, chance) for key, each in kept.items()}
    if isinstance(value, list):
        return [_without_fields(each, chance) for each in value]
    return value


class OldAnswers:
    """Answers of ten minutes ago or more, to what was asked lately."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._kept: dict[str, list[tuple[datetime, bytes]]] = {}

    def keep(self, asked: str, body: bytes, now: datetime) -> None:
        """Keep a good answer, if the last one that was kept is old."""
        kept = self._kept.pop(asked, [])
        if not kept or now - kept[-1][0] >= OLD:
            kept = [*kept[-1:], (now, body)]
        self._kept[asked] = kept
        if len(self._kept) > MOST_OLD:
            del self._kept[next(iter(self._kept))]

    def find(self, asked: str, now: datetime) -> bytes | None:
        """Return an old answer, None if there is none."""
        kept = self._kept.get(asked, [])
        return next((body for at, body in kept if now - at >= OLD), None)
