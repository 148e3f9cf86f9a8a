"""Reports that a printer may send, and some that none will."""

from dataclasses import fields, replace
from typing import Any

from hypothesis import strategies as st

from custom_components.bambu_lab_cloud.api.report import (
    AMS_KINDS,
    AmsUnit,
    Fans,
    HmsError,
    Nozzle,
    Report,
    Slot,
    Tray,
)

TRAYS = st.builds(
    Tray,
    st.integers(0, 3),
    is_whole=st.booleans(),
    state=st.none() | st.integers(0, 27),
    has_spool=st.none() | st.booleans(),
    material=st.none() | st.sampled_from(("PLA", "PETG")),
    color=st.none() | st.sampled_from(("#FF0000", "#00FF00")),
    colors=st.sampled_from(((), ("#FF0000", "#0000FF"))),
    remaining=st.none() | st.integers(1, 100),
)
SLOTS = st.builds(Slot, st.sampled_from((0, 1, 128, 254, 255)), st.integers(0, 3)) | st.just(Slot())
UNITS = st.builds(
    AmsUnit,
    st.sampled_from((0, 1, 16, 128)),
    kind=st.none() | st.sampled_from(AMS_KINDS),
    extruder=st.none() | st.sampled_from((0, 1, 14)),
    humidity=st.none() | st.integers(1, 100),
    humidity_level=st.none() | st.integers(1, 5),
    temperature=st.none() | st.floats(1, 100),
    drying=st.none() | st.integers(0, 700),
    trays=st.none() | st.lists(TRAYS, max_size=2).map(tuple),
)
NOZZLES = st.builds(
    Nozzle,
    st.sampled_from((0, 1)),
    st.none() | st.floats(0, 350),
    st.none() | st.floats(0, 350),
    st.none() | SLOTS,
)
FANS = st.builds(Fans, *[st.none() | st.integers(0, 100)] * 4)
OF_THEIR_TYPES = {
    bool | None: st.booleans(),
    int | None: st.integers(0, 255),
    float | None: st.floats(0, 350),
    str | None: st.sampled_from(("", "0", "17", "system", "0300-400C", "07FF-8010")),
}
BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "full": st.booleans(),
    "unknown": st.frozensets(st.sampled_from(("new_one", "another"))),
    "gcode_state": st.sampled_from(
        ("IDLE", "PREPARE", "RUNNING", "PAUSE", "FINISH", "FAILED", "SLICING", "INIT", "OTHER")
    ),
    "progress": st.integers(0, 100),
    "stage": st.integers(-1, 90) | st.just(255),
    "hms": st.lists(
        st.builds(HmsError, st.sampled_from(("A", "B")), st.none() | st.integers(1, 4)), max_size=3
    ).map(tuple),
    "nozzles": st.lists(NOZZLES, max_size=2).map(tuple),
    "nozzle_count": st.integers(1, 2),
    "active_nozzle": st.integers(0, 1),
    "fans": FANS,
    "fan_gear": FANS,
    "airduct": FANS,
    "ams": st.lists(UNITS, max_size=2).map(tuple),
    "ams_ids": st.frozensets(st.sampled_from((0, 1, 16, 128))),
    "spools": st.frozensets(SLOTS, max_size=5),
    "tray_now": SLOTS,
    "tray_target": SLOTS,
    "external": st.lists(
        TRAYS.map(lambda tray: replace(tray, id=255 - tray.id % 2)), max_size=2
    ).map(tuple),
}


def _tellings(name: str, annotation: Any) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(
        st.just(name), BY_NAME[name] if name in BY_NAME else OF_THEIR_TYPES[annotation]
    )


# Each tells a few things.
REPORTS = st.lists(
    st.one_of([_tellings(field.name, field.type) for field in fields(Report)]),
    max_size=9,
).map(lambda told: Report(**dict(told)))
