"""One value at a time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
import logging
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
        (2**53 - 1, 2**53 - 1),
        (1 - 2**53, 1 - 2**53),
        (2**53, None),
        (-(2**53), None),
        (float(2**53), None),
        # As a float it would be another number.
        ("9007199254740993", None),
        (2**64, None),
        (10**400, None),
        ("9" * 5_000, None),
        (1e300, None),
        (42.0, 42),
        ("42", 42),
        (42.5, None),
        ("42.5", None),
        (False, None),
        (math.inf, None),
        (math.nan, None),
        (None, None),
    ],
)
def test_integer(value: Any, expected: int | None) -> None:
    assert values.integer(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(0, 0), ("7", 7), (-1, None), (2**53, None)])
def test_count(value: Any, expected: int | None) -> None:
    assert values.count(value) == expected


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
    [
        ("Vase\n", "Vase"),
        ("Käthe", "Käthe"),
        (" ", None),
        ("\0", None),
        ("a\ud800", "a?"),
        ("a\0b\x1b[31mc\x7f\x9f", "ab[31mc"),
        # An arrow of a writing system is its own, a turn of direction is everybody's.
        ("a\u202eb\u2066c\u200fd", "abc\u200fd"),
        ("\N{FAMILY}\u200d\N{BOY}", "\N{FAMILY}\u200d\N{BOY}"),
        (7, None),
    ],
)
def test_text(value: Any, expected: str | None) -> None:
    assert values.text(value) == expected
    assert values.label(value) == expected
    assert values.upper(value) == (expected and expected.upper())


@pytest.mark.parametrize(
    ("value", "text", "label"),
    [
        ("a\r\nb\rc\n\nd", "a\nb\nc\n\nd", "a b c  d"),
        ("a\tb", "a\tb", "a b"),
        ("a\x0bb\x85c\u2028d", "a\nb\nc\nd", "a b c d"),
        ("a" * 255, "a" * 255, "a" * 255),
        ("a" * 256, "a" * 256, "a" * 255),
        ("a" * 254 + " b", "a" * 254 + " b", "a" * 254),
        ("a" * 4_001, "a" * 4_000, "a" * 255),
        (" " * 9_000 + "a", "a", "a"),
    ],
)
def test_long_and_broken_text(value: str, text: str, label: str) -> None:
    assert values.text(value) == text
    assert values.label(value) == label


def test_upper_case_is_no_longer() -> None:
    assert values.upper("ß" * 255) == "S" * 255


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" a b\n", "a b"),
        ("花瓶", "花瓶"),
        ("a" * 4_000, "a" * 4_000),
        ("a" * 4_001, None),
        ("a\nb", None),
        ("a\0b", None),
        ("a\u202eb", None),
        ("a\ud800", None),
        (" ", None),
        (7, None),
        (None, None),
    ],
)
def test_opaque(value: Any, expected: str | None) -> None:
    assert values.opaque(value) == expected


@pytest.mark.parametrize(
    ("value", "identifier", "reference"),
    [
        (1220177551, "1220177551", "1220177551"),
        (1220177551.0, "1220177551", "1220177551"),
        ("1220177551", "1220177551", "1220177551"),
        ("US0a", "US0a", "US0a"),
        (2**63, "9223372036854775808", "9223372036854775808"),
        (2**64, None, None),
        pytest.param(10**5_000, None, None, id="more digits than Python writes"),
        (1e300, None, None),
        ("a" * 255, "a" * 255, "a" * 255),
        ("a" * 256, None, None),
        ("a\nb", None, None),
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
        ("2100-01-01T00:00:00+14:00", datetime(2099, 12, 31, 10, tzinfo=UTC)),
        ("2099-12-31T23:00:00-14:00", None),
        ("1999-12-31T23:00:00-14:00", datetime(2000, 1, 1, 13, tzinfo=UTC)),
        ("9999-12-31T23:59:59-14:00", None),
        ("9" * 5_000, None),
        (f"2026-03-01T12:00:00.{'0' * 5_000}", None),
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


@pytest.mark.parametrize("read", [values.text, values.label, values.upper])
@given(value=st.text() | st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zs"])))
def test_texts_can_be_stored(read: Callable[[str], str | None], value: str) -> None:
    result = read(value) or ""
    assert result.encode().decode() == result == result.strip()
    assert read(result) == (result or None)


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


def _odd(value: int) -> int:
    return values.required(value if value % 2 else None)


def test_records() -> None:
    assert values.records([1, 2, 3], _odd) == (1, 3)
    assert values.records({"a": 1}, _odd) == values.records(None, _odd) == ()
    assert values.records([1] * 10_001, _odd) == (1,) * 10_000


def test_skipped_elements_are_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with values.skipping("my/tasks"):
        values.records([1, 2, 4], _odd)
        values.records([2] + [1] * 10_001, _odd)
    with values.skipping("user/bind"):
        values.records([1] * 10_002, _odd)
    with values.skipping("user/print"):
        values.records([1], _odd)
    assert [record.getMessage() for record in caplog.records] == [
        "my/tasks: skipped 5 elements, the first in _odd: a required value is missing",
        "user/bind: skipped 2 elements, the first in _odd: the list is too long",
    ]
