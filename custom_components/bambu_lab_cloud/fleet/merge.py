"""What a printer has told so far and one more message, whatever its family.

What a message lacks is unchanged. Lists are replaced, except those whose elements have an id:
printers leave elements out of them, and fields out of elements (seen 2026). So it makes no
difference who sends everything each time and who sends changes, nor does a message that comes
twice.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from ..api.report import AmsUnit, Fans, Nozzle, Report, Slot, Tray

_FANS = ("fans", "fan_gear", "airduct")
_BY_THEIR_OWN_RULE = frozenset({*_FANS, "full", "nozzles", "ams", "external", "unknown"})
_PLAIN = tuple(field.name for field in fields(Report) if field.name not in _BY_THEIR_OWN_RULE)
_MOST_UNKNOWN = 50


def merged(before: Report, message: Report) -> Report:
    """Return what is known after a message, which is `before` if that tells nothing new.

    `full` belongs to a message and is False here.
    """
    told: dict[str, Any] = {
        name: value for name in _PLAIN if (value := getattr(message, name)) is not None
    }
    for name in _FANS:
        if (fans := getattr(message, name)) is not None:
            told[name] = _fans(getattr(before, name), fans)
    if message.nozzles is not None:
        told |= _newest_of_one_nozzle(message.nozzles)
        told["nozzles"] = _joined(before.nozzles, message.nozzles, _filled)
    if (message.ams, message.ams_ids, message.spools) != (None, None, None):
        told["ams"] = _ams(before, message)
    if message.external is not None:
        told["external"] = _joined(before.external, message.external, _tray)
    if message.unknown:
        told["unknown"] = _unknown(before.unknown, message.unknown)
    changes = {name: value for name, value in told.items() if value != getattr(before, name)}
    return replace(before, **changes) if changes else before


def replaced_units(before: Report, after: Report) -> frozenset[int]:
    """Return the AMS that are gone, or of another kind: what was known of them is over."""
    kinds = {unit.id: unit.kind for unit in before.ams or ()}
    others = (unit.id for unit in after.ams or () if _is_other(kinds.get(unit.id), unit.kind))
    return _cleared(before.ams_ids, after.ams_ids).union(others)


def _is_other(before: str | None, after: str | None) -> bool:
    return before is not None and after is not None and before != after


def _told(part: Any) -> dict[str, Any]:
    """Return the fields of a part of a message that it tells."""
    return {
        field.name: value
        for field in fields(part)
        if (value := getattr(part, field.name)) is not None
    }


def _filled[T: (AmsUnit, Fans, Nozzle)](before: T, message: T) -> T:
    return replace(before, **_told(message))


def _joined[T: (AmsUnit, Nozzle, Tray)](
    before: tuple[T, ...] | None, message: tuple[T, ...] | None, join: Callable[[T, T], T]
) -> tuple[T, ...] | None:
    """Return elements with those of a message, joined by their id."""
    if message is None:
        return before
    elements = {element.id: element for element in before or ()}
    for element in message:
        known = elements.get(element.id, type(element)(element.id))
        elements[element.id] = join(known, element)
    return tuple(elements[key] for key in sorted(elements))


def _fans(before: Fans | None, message: Fans) -> Fans:
    return _filled(before, message) if before else message


def _newest_of_one_nozzle(nozzles: tuple[Nozzle, ...]) -> dict[str, Any]:
    """Return what the nozzles tell of the only one, which a message tells once more beside them."""
    nozzle = next((nozzle for nozzle in nozzles if nozzle.id == 0), Nozzle(0))
    told = {"nozzle_temperature": nozzle.temperature, "nozzle_target": nozzle.target}
    return {name: value for name, value in told.items() if value is not None}


def _tray(before: Tray, message: Tray) -> Tray:
    """Return a tray as a message describes it, or before with the little that it tells."""
    if message.is_whole:
        return message
    told = _told(message)
    del told["is_whole"]
    if not message.colors:
        del told["colors"]
    return replace(before, **told)


def _ams(before: Report, message: Report) -> tuple[AmsUnit, ...] | None:
    """Return the AMS: one is gone, and a spool is out, when its bit no longer says otherwise."""
    gone = _cleared(before.ams_ids, message.ams_ids)
    empty = _cleared(before.spools, message.spools)
    units = before.ams
    if units is not None and (gone or empty):
        units = tuple(
            replace(
                unit,
                trays=unit.trays
                and tuple(
                    # What is put in next is another spool until it is described.
                    Tray(tray.id, has_spool=False) if Slot(unit.id, tray.id) in empty else tray
                    for tray in unit.trays
                ),
            )
            for unit in units
            if unit.id not in gone
        )
    return _joined(units, message.ams, _unit)


def _cleared[T](before: frozenset[T] | None, message: frozenset[T] | None) -> frozenset[T]:
    return frozenset() if before is None or message is None else before - message


def _unit(before: AmsUnit, message: AmsUnit) -> AmsUnit:
    if _is_other(before.kind, message.kind):
        before = AmsUnit(before.id)
    return replace(_filled(before, message), trays=_joined(before.trays, message.trays, _tray))


def _unknown(before: frozenset[str], message: frozenset[str]) -> frozenset[str]:
    new = sorted(message - before)
    return before.union(new[: max(0, _MOST_UNKNOWN - len(before))]) if new else before
