"""A value of a JSON body as one of ours, or None where it is not what it should be."""

from collections.abc import Callable
from datetime import UTC, datetime
import logging
import math
import re
from typing import Any

from .errors import ResponseError

_LOGGER = logging.getLogger(__name__)

_COLOR = re.compile(r"#?([0-9A-Fa-f]{6})(?:[0-9A-Fa-f]{2})?")
_LARGEST_AMOUNT = 1e9
_SMALLEST_EPOCH_IN_MS = 1e11


def number(value: Any) -> float | None:
    """Return a finite number, also from text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        result = float(value)
    except ValueError, OverflowError:
        return None
    return result if math.isfinite(result) else None


def integer(value: Any) -> int | None:
    """Return a whole number, also from text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    result = number(value)
    return int(result) if result is not None and result.is_integer() else None


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


def text(value: Any) -> str | None:
    """Return text that is not blank and can be encoded."""
    if not isinstance(value, str):
        return None
    # A lone surrogate is legal in JSON and breaks whatever stores it.
    return value.encode(errors="replace").decode().strip() or None


def upper(value: Any) -> str | None:
    """Return text in upper case."""
    result = text(value)
    return None if result is None else result.upper()


def identifier(value: Any) -> str | None:
    """Return an id as text: the cloud writes ids as numbers and as text."""
    if isinstance(value, str):
        return text(value)
    whole = integer(value)
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
            result = datetime.fromisoformat(text(value) or "")
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


def records[T](value: Any, parse: Callable[[Any], T]) -> tuple[T, ...]:
    """Return every readable element of a list; what is no list has none."""
    result = []
    for element in value if isinstance(value, list) else ():
        try:
            result.append(parse(element))
        except ResponseError as err:
            _LOGGER.debug("Skipped an element in %s: %s", parse.__qualname__, err)
    return tuple(result)
