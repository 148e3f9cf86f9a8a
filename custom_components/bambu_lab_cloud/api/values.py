"""A value of a JSON body as one of ours, or None where it is not what it should be.

Everything is bounded here, so that whatever stores, shows or reckons with a value can do so.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
import logging
import math
import re
from typing import Any

from .errors import ResponseError

_LOGGER = logging.getLogger(__name__)

_COLOR = re.compile(r"#?([0-9A-Fa-f]{6})(?:[0-9A-Fa-f]{2})?")
# Every kind of control character but line feed and tab, and what turns the direction of writing
# around until somebody ends it. The marks of a direction stay: they belong to the text.
_CONTROLS = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# A union that stands in a function is made anew with each call.
_NUMBERS = (int, float, str)
_LARGEST_AMOUNT = 1e9
# What every reader of JSON keeps exactly.
_LARGEST_INTEGER = 2**53 - 1
# An id is text to us, so all of its 64 bits stay.
_LARGEST_ID = 2**64 - 1
_LONGEST_LABEL = 255
_LONGEST_LIST = 10_000
_LONGEST_TEXT = 4_000
_SMALLEST_EPOCH_IN_MS = 1e11


@dataclass
class _Skipped:
    """The elements that `records` left out."""

    count: int = 0
    reason: str = ""

    def add(self, count: int, reason: str) -> None:
        self.count += count
        self.reason = self.reason or reason


_skipped: ContextVar[_Skipped | None] = ContextVar("skipped", default=None)


@contextmanager
def skipping(endpoint: str) -> Generator[None]:
    """Say in one line how many elements `records` leaves out meanwhile, and why the first."""
    skipped = _Skipped()
    token = _skipped.set(skipped)
    try:
        yield
    finally:
        _skipped.reset(token)
        if skipped.count:
            _LOGGER.debug(
                "%s: skipped %d elements, the first in %s", endpoint, skipped.count, skipped.reason
            )


def number(value: Any) -> float | None:
    """Return a finite number, also from text."""
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        return None
    try:
        result = float(value)
    except ValueError, OverflowError:
        return None
    return result if math.isfinite(result) else None


def integer(value: Any) -> int | None:
    """Return a whole number of at most 53 bits, also from text."""
    if value is None:
        return None
    is_exact = isinstance(value, int) and not isinstance(value, bool)
    result = value if is_exact else number(value)
    if result is None or not result.is_integer() or abs(result) > _LARGEST_INTEGER:
        return None
    return int(result)


def count(value: Any) -> int | None:
    """Return a whole number that is not negative."""
    result = integer(value)
    return result if result is not None and result >= 0 else None


def amount(value: Any) -> float | None:
    """Return a number of grams, metres or seconds that can be reckoned with."""
    result = number(value)
    return result if result is not None and 0 <= result <= _LARGEST_AMOUNT else None


def percent(value: Any) -> float | None:
    """Return 0 to 100 from 42, 42.0, "42" or "42%"."""
    result = number(value.strip().removesuffix("%") if isinstance(value, str) else value)
    return None if result is None else min(max(result, 0.0), 100.0)


def flag(value: Any) -> bool | None:
    """Return a true boolean; "true" and 1 are none."""
    return value if isinstance(value, bool) else None


def _clean(value: Any, longest: int, line_break: str) -> str | None:
    if not isinstance(value, str):
        return None
    if value.isascii() and value.isprintable():
        # Nearly all of it is.
        return value.strip()[:longest].strip() or None
    # A lone surrogate is legal in JSON and breaks whatever stores it.
    encodable = value.strip()[:longest].encode(errors="replace").decode()
    return _CONTROLS.sub("", line_break.join(encodable.splitlines())).strip() or None


def text(value: Any) -> str | None:
    """Return text that is not blank, cut at 4,000 characters; of the controls, line feeds stay."""
    return _clean(value, _LONGEST_TEXT, "\n")


def label(value: Any) -> str | None:
    """Return a line of text that is not blank, cut at the 255 characters that a state may have."""
    result = _clean(value, _LONGEST_LABEL, " ")
    return None if result is None else result.replace("\t", " ")


def upper(value: Any) -> str | None:
    """Return a line of text in upper case."""
    # A letter can become several.
    return label(value.upper()) if isinstance(value, str) else None


def opaque(value: Any, longest: int = _LONGEST_TEXT) -> str | None:
    """Return text that is good only as a whole, such as a token or an address.

    It is never cut or cleaned: what is too long or holds a control character is none.
    """
    if not isinstance(value, str):
        return None
    result = value.strip()
    return result if 0 < len(result) <= longest and result.isprintable() else None


def identifier(value: Any) -> str | None:
    """Return an id as text: the cloud writes ids as numbers and as text."""
    if isinstance(value, str):
        return opaque(value, _LONGEST_LABEL)
    is_exact = isinstance(value, int) and not isinstance(value, bool)
    whole = value if is_exact and abs(value) <= _LARGEST_ID else integer(value)
    return None if whole is None else str(whole)


def reference(value: Any) -> str | None:
    """Return an id as text where 0 stands for none."""
    result = identifier(value)
    return None if result == "0" else result


def color(value: Any) -> str | None:
    """Return "#RRGGBB" from RRGGBBAA or RRGGBB, with or without the "#"."""
    match = _COLOR.fullmatch(value) if isinstance(value, str) else None
    return None if match is None else f"#{match[1].upper()}"


def moment(value: Any) -> datetime | None:
    """Return a time in UTC from epoch seconds or milliseconds, or from ISO text.

    Text without a zone is UTC. Years outside of 2000 to 2099 are none: an unset time is sent
    as 0 or as the year 1.
    """
    seconds = number(value)
    try:
        if seconds is None:
            result = datetime.fromisoformat(opaque(value, _LONGEST_LABEL) or "")
            result = result.astimezone(UTC) if result.tzinfo else result.replace(tzinfo=UTC)
        else:
            scale = 1000 if seconds >= _SMALLEST_EPOCH_IN_MS else 1
            result = datetime.fromtimestamp(seconds / scale, UTC)
    except ValueError, OverflowError, OSError:
        return None
    return result if 2000 <= result.year < 2100 else None


def part(data: Any, *keys: str) -> dict[str, Any]:
    """Return the object at a path of keys, empty where there is none."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def mapping(data: Any) -> dict[str, Any]:
    """Return a promised object; anything else is a ResponseError."""
    if not isinstance(data, dict):
        raise ResponseError("an object was promised")
    return data


def promised_list(value: Any) -> list[Any]:
    """Return a promised list; missing and null are empty, anything else is a ResponseError."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ResponseError("a list was promised")
    return value


def required[T](value: T | None) -> T:
    """Return a value without which the object means nothing, else raise ResponseError."""
    if value is None:
        raise ResponseError("a required value is missing")
    return value


def records[T](
    value: Any, parse: Callable[[Any], T], *, longest: int = _LONGEST_LIST
) -> tuple[T, ...]:
    """Return the readable ones of the first elements of a list; what is no list has none."""
    elements = value if isinstance(value, list) else []
    skipped = _skipped.get() or _Skipped()
    result = []
    for element in elements[:longest]:
        try:
            result.append(parse(element))
        except ResponseError as err:
            skipped.add(1, f"{parse.__qualname__}: {err}")
    if (rest := len(elements) - longest) > 0:
        skipped.add(rest, f"{parse.__qualname__}: the list is too long")
    return tuple(result)
