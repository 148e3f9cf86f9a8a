"""One value at a time."""

from datetime import UTC, datetime, timedelta, timezone
import math
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.bambu_lab_cloud.api import ResponseError, values

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (42, 42.0),
        (42.5, 42.5),
        ("42.5", 42.5),
        (" 42 ", 42.0),
        ("-1e3", -1000.0),
        (True, None),
        (math.nan, None),
        (math.inf, None),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("42 %", None),
        (10**400, None),
        (None, None),
        ([42], None),
        ({}, None),
    ],
)
def test_number(value: Any, expected: float | None) -> None:
    assert values.number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**63, 2**63),
        (42.0, 42),
        ("42", 42),
        (42.5, None),
        ("42.5", None),
        (False, None),
        (math.inf, None),
        (None, None),
    ],
)
def test_integer(value: Any, expected: int | None) -> None:
    assert values.integer(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0.0), ("12.6", 12.6), (1e9, 1e9), (-0.1, None), (1.1e9, None), (None, None)],
)
def test_amount(value: Any, expected: float | None) -> None:
    assert values.amount(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (42, 42.0),
        (42.0, 42.0),
        ("42", 42.0),
        ("42%", 42.0),
        (" 42 %", 42.0),
        (-1, 0.0),
        (101, 100.0),
        ("%", None),
        (True, None),
        (None, None),
    ],
)
def test_percent(value: Any, expected: float | None) -> None:
    assert values.percent(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), (False, False), (1, None), ("true", None), (None, None)]
)
def test_flag(*, value: Any, expected: bool | None) -> None:
    assert values.flag(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("Vase\n", "Vase"), ("Käthe", "Käthe"), (" ", None), ("a\ud800", "a?"), (7, None)],
)
def test_text(value: Any, expected: str | None) -> None:
    assert values.text(value) == expected
    assert values.upper(value) == (expected and expected.upper())


@pytest.mark.parametrize(
    ("value", "identifier", "reference"),
    [
        (1220177551, "1220177551", "1220177551"),
        (1220177551.0, "1220177551", "1220177551"),
        ("1220177551", "1220177551", "1220177551"),
        ("US0a", "US0a", "US0a"),
        (0, "0", None),
        ("0", "0", None),
        ("", None, None),
        (True, None, None),
        (None, None, None),
        (1.5, None, None),
    ],
)
def test_ids(value: Any, identifier: str | None, reference: str | None) -> None:
    assert values.identifier(value) == identifier
    assert values.reference(value) == reference


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a1b2c3FF", "#A1B2C3"),
        ("#A1B2C3FF", "#A1B2C3"),
        ("#A1B2C3", "#A1B2C3"),
        ("A1B2C3", "#A1B2C3"),
        ("", None),
        ("#RRGGBBAA", None),
        ("A1B2C3F", None),
        ("A1B2C3FF\n", None),
        (0, None),
        (None, None),
    ],
)
def test_color(value: Any, expected: str | None) -> None:
    assert values.color(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-01T12:00:00Z", NOON),
        ("2026-03-01T13:00:00+01:00", NOON),
        ("2026-03-01 12:00:00", NOON),
        (NOON.timestamp(), NOON),
        (int(NOON.timestamp() * 1000), NOON),
        (str(int(NOON.timestamp())), NOON),
        (0, None),
        ("0", None),
        ("", None),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59Z", None),
        ("soon", None),
        (-1e300, None),
        (1e300, None),
        (True, None),
        (None, None),
        ([], None),
    ],
)
def test_moment(value: Any, expected: datetime | None) -> None:
    assert values.moment(value) == expected


@given(
    st.datetimes(
        datetime(2000, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
        datetime(2099, 12, 30),  # noqa: DTZ001 - the strategy adds the zone
        timezones=st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours))),
    ).map(lambda moment: moment.replace(microsecond=0))
)
def test_every_spelling_of_a_moment(moment: datetime) -> None:
    seconds = int(moment.timestamp())
    spellings = [
        moment.isoformat(),
        moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        seconds,
        str(seconds),
    ]
    assert {values.moment(spelling) for spelling in spellings} == {moment}


@given(st.integers(200_000_000_000, 4_000_000_000_000))
def test_milliseconds(milliseconds: int) -> None:
    assert values.moment(milliseconds) in {None, values.moment(milliseconds / 1000)}


@given(st.text())
def test_texts_can_be_stored(value: str) -> None:
    assert (values.text(value) or "").encode().decode() == (values.text(value) or "")


@given(st.integers(0, 0xFFFFFF), st.integers(0, 0xFF), st.sampled_from(["", "#"]))
def test_colors(rgb: int, alpha: int, start: str) -> None:
    assert values.color(f"{start}{rgb:06x}{alpha:02x}") == f"#{rgb:06X}"


@pytest.mark.parametrize(
    ("data", "keys", "expected"),
    [
        ({"a": {"b": {"c": 1}}}, ("a", "b"), {"c": 1}),
        ({"a": {"b": 1}}, ("a", "b"), {}),
        ({"a": None}, ("a", "b"), {}),
        ({"a": 1}, (), {"a": 1}),
        ([], ("a",), {}),
        (None, (), {}),
    ],
)
def test_part(data: Any, keys: tuple[str, ...], expected: Any) -> None:
    assert values.part(data, *keys) == expected


@pytest.mark.parametrize(("value", "expected"), [(None, []), ([], []), ([1], [1])])
def test_promised_list(value: Any, expected: list[int]) -> None:
    assert values.promised_list(value) == expected


@pytest.mark.parametrize("value", [{}, (), "", 0, False, {"a": 1}])
def test_broken_promise(value: Any) -> None:
    with pytest.raises(ResponseError):
        values.promised_list(value)
