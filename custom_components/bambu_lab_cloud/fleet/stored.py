"""What is kept across restarts: to what JSON holds, and back exactly what was written."""

from collections.abc import Callable, Mapping
from dataclasses import Field, fields, is_dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
import math
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

_LARGEST_INTEGER = 2**53
_YEARS = range(1970, 2100)


class UnreadableError(ValueError):
    """What was stored is not what was written; says nothing of the content, which has secrets."""


def as_stored(value: Any) -> Any:
    """Return dataclasses, times, tuples and mappings as JSON has them.

    What is no part of equality is not kept: the signed addresses of pictures are secrets.
    """
    kind: Any = type(value)
    if _is_dataclass(kind):
        return {each.name: as_stored(getattr(value, each.name)) for each in _kept(kind)}
    match value:
        case datetime():
            return value.isoformat()
        case Mapping():
            return {key: as_stored(each) for key, each in value.items()}
        case tuple():
            return [as_stored(each) for each in value]
    return value


def from_stored(kind: Any, data: Any) -> Any:
    """Return what as_stored was given, which was of this type; raise UnreadableError for all else.

    A type is a dataclass, a StrEnum, datetime in UTC, str, int, float, bool, a tuple or Mapping of
    those, or one of those and None.
    """
    try:
        return _read(kind, data)
    except (OverflowError, TypeError, ValueError) as err:
        raise UnreadableError(type(err).__name__) from None


def is_text(data: Any) -> bool:
    """Return if a value is text that can be written again: a lone surrogate cannot."""
    return isinstance(data, str) and data.encode(errors="ignore").decode() == data


def is_integer(data: Any) -> bool:
    """Return if a value is a whole number that every reader of JSON understands."""
    return type(data) is int and abs(data) <= _LARGEST_INTEGER


def is_number(data: Any) -> bool:
    """Return if a value is a finite number."""
    return is_integer(data) or (type(data) is float and math.isfinite(data))


_IS_PLAIN: dict[Any, Callable[[Any], bool]] = {
    str: is_text,
    int: is_integer,
    float: is_number,
    bool: lambda data: isinstance(data, bool),
}


def _read(kind: Any, data: Any) -> Any:
    origin = get_origin(kind)
    if isinstance(kind, UnionType):
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
        result = None if data is None else _read(kind, data)
    elif origin is tuple:
        result = _read_tuple(get_args(kind), data)
    elif origin is Mapping:
        _, of = get_args(kind)
        result = {_read(str, key): _read(of, each) for key, each in _mapping(data).items()}
    elif _is_dataclass(kind):
        result = _read_dataclass(kind, data)
    elif issubclass(kind, datetime):
        result = _read_moment(data)
    elif issubclass(kind, StrEnum):
        result = _read_member(kind, data)
    elif _IS_PLAIN[kind](data):
        result = data
    else:
        raise TypeError
    return result


def _read_tuple(kinds: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise TypeError
    if kinds[-1] is Ellipsis:
        return tuple(_read(kinds[0], each) for each in data)
    return tuple(_read(kind, each) for kind, each in zip(kinds, data, strict=True))


def _read_dataclass(kind: Any, data: Any) -> Any:
    hints = _hints(kind)
    if _mapping(data).keys() != hints.keys():
        raise ValueError
    return kind(**{name: _read(hint, data[name]) for name, hint in hints.items()})


def _read_member(kind: Any, data: Any) -> StrEnum:
    member: StrEnum = kind(_read(str, data))
    return member


def _read_moment(data: Any) -> datetime:
    result = datetime.fromisoformat(_read(str, data))
    if result.utcoffset() != timedelta() or result.year not in _YEARS:
        raise ValueError
    return result


def _is_dataclass(kind: Any) -> bool:
    # By itself it narrows the type to one that mypy takes for unhashable.
    return is_dataclass(kind)


def _mapping(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise TypeError
    return data


@lru_cache
def _kept(kind: Any) -> tuple[Field[Any], ...]:
    """Return the fields of a dataclass that are kept."""
    return tuple(each for each in fields(kind) if each.compare and each.init)


@lru_cache
def _hints(kind: Any) -> dict[str, Any]:
    """Return the types of the fields that are kept."""
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in _kept(kind)}
