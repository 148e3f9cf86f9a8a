"""What is kept comes back as it was, or not at all."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
import json
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from hypothesis import given, strategies as st
import pytest

from custom_components.bambu_lab_cloud.fleet.equipment import PrinterError
from custom_components.bambu_lab_cloud.fleet.firmware import Ams, DeviceFirmware
from custom_components.bambu_lab_cloud.fleet.lifecycle import (
    OpenPrint,
    PrinterRecord,
    PrintEvent,
    PrintEventType,
    Records,
    UntoldPrint,
)
from custom_components.bambu_lab_cloud.fleet.printer import (
    Filament,
    Print,
    PrinterStatus,
    PrintResult,
)
from custom_components.bambu_lab_cloud.fleet.stored import UnreadableError, as_stored, from_stored
from custom_components.bambu_lab_cloud.fleet.tellers import Run, Tellers, Word

_TEXT = st.text(st.characters(codec="utf-8"), max_size=9)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENTS = st.integers(0, 4 * 10**15).map(lambda number: _EPOCH + timedelta(microseconds=number))
_PRINTS = st.builds(
    Print,
    printer_id=st.just("P1"),
    task_id=st.none() | _TEXT,
    title=st.none() | _TEXT,
    result=st.none() | st.sampled_from(PrintResult),
    started_at=st.none() | _MOMENTS,
    cost_time=st.none() | st.floats(0, 1e9),
    filaments=st.lists(
        st.builds(
            Filament,
            type=st.none() | _TEXT,
            color=st.none(),
            weight=st.none() | st.floats(0, 1e9),
            slot=st.none() | st.integers(1, 16),
        ),
        max_size=2,
    ).map(tuple),
    plate=st.none() | st.integers(-(2**53), 2**53),
)
_TELLERS = st.builds(
    Tellers,
    busy_since=st.none() | _MOMENTS,
    word=st.none()
    | st.builds(Word, status=st.sampled_from(PrinterStatus), task_id=st.none() | _TEXT),
    run=st.none() | st.builds(Run, since=_MOMENTS, after=st.none() | _MOMENTS, name=_TEXT),
)
_RECORDS = st.builds(
    Records,
    read_at=st.none() | _MOMENTS,
    printers=st.dictionaries(
        _TEXT,
        st.builds(
            PrinterRecord,
            baseline=_MOMENTS,
            seen_at=_MOMENTS,
            online_at=_MOMENTS,
            open=st.lists(st.builds(OpenPrint, print=_PRINTS, since=_MOMENTS), max_size=2).map(
                tuple
            ),
            announced=st.dictionaries(_TEXT, _MOMENTS, max_size=2),
            untold=st.lists(
                st.builds(UntoldPrint, started_at=_MOMENTS, ended_at=_MOMENTS), max_size=2
            ).map(tuple),
            tellers=_TELLERS,
            unread_since=st.none() | _MOMENTS,
            last=st.none() | _PRINTS,
        ),
        max_size=2,
    ),
)
_EVENTS = st.builds(
    PrintEvent,
    type=st.sampled_from(PrintEventType),
    print=_PRINTS,
    found_at=_MOMENTS,
    errors=st.lists(
        st.builds(PrinterError, code=_TEXT, severity=st.none() | _TEXT), max_size=2
    ).map(tuple),
)
_FIRMWARE = st.builds(
    DeviceFirmware,
    installed=st.none() | _TEXT,
    latest=st.none(),
    notes=st.none() | _TEXT,
    ams=st.none()
    | st.builds(
        Ams,
        printer_id=_TEXT,
        unit=st.none() | st.integers(0, 255),
        model_id=st.none() | _TEXT,
        serial_number=st.none(),
        missing=st.integers(0, 9),
    ),
)
_KINDS = {Records: _RECORDS, PrintEvent: _EVENTS, DeviceFirmware: _FIRMWARE}
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Return where in a body there is something to replace: what holds it, and its key."""
    keys = {dict: lambda: list(data), list: lambda: list(range(len(data)))}
    own = keys.get(type(data), list)()
    return [(data, key) for key in own] + [place for key in own for place in _places(data[key])]


@pytest.mark.parametrize("kind", _KINDS)
@given(data=st.data())
def test_round_trip(kind: Any, data: st.DataObject) -> None:
    value = data.draw(_KINDS[kind])
    assert from_stored(kind, json.loads(json.dumps(as_stored(value)))) == value


def test_while_the_clock_stands_still(freezer: FrozenDateTimeFactory) -> None:
    """Tests of others replace datetime, after its types were looked up or before."""
    records = Records(read_at=_EPOCH)
    assert from_stored(Records, as_stored(records)) == records


@pytest.mark.parametrize("kind", _KINDS)
@given(data=st.data())
def test_anything_else(kind: Any, data: st.DataObject) -> None:
    """Whatever stands at any place: what is read writes the same again, or it is not read."""
    stored = {"": json.loads(json.dumps(as_stored(data.draw(_KINDS[kind]))))}
    place, key = data.draw(st.sampled_from(_places(stored)))
    place[key] = data.draw(_JSON)
    with suppress(UnreadableError):
        assert as_stored(from_stored(kind, stored[""])) == stored[""]
