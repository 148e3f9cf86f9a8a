"""Bodies that nobody means well with, each made from the seed and its number alone."""

from collections.abc import Callable
from copy import deepcopy
import json
from random import Random
from typing import Any

# It stands wherever a secret may, so that it is found where none should be.
SECRET = "5ecret-0f-the-fuzz"  # noqa: S105 - made up
TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\U0001f600" * 300,
    "\u202egnp.exe\u2066",
    "\u200b\u200d\u2060",
    "\x1b[31m",
    "\ufeff",
    "\uffff",
    "a\nb\r\nc\u2028d",
    "{{ 1 + 1 }}",
    "{% for x in range(10**9) %}",
    "{title}{0.__class__}%s%n",
    "<script>alert(1)</script>",
    "[click](javascript:alert(1)) ![x](http://example.com/x.png)",
    "../../../../etc/passwd",
    "' OR 1=1; --",
    "nan",
    "Infinity",
    "1e400",
    "-1",
    "9" * 30,
    "9" * 5_000,
    "x" * 256,
    "ß" * 5_000,
    "x" * 100_000,
    "https://example.com/",
    "http://127.0.0.1:8123/",
    "file:///etc/passwd",
    "2026-11-20T12:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "9e99-01-01",
    "RUNNING",
    "FINISH",
    "FAILED",
    "not a robot",
    SECRET,
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    3,
    4,
    255,
    418,
    429,
    0.1,
    -0.0,
    1.0,
    2**31,
    2**53,
    2**63,
    2**64,
    10**40,
    1e300,
    -1e300,
    float("nan"),
    float("inf"),
    253402300800,
    1763640000,
    1763640000000,
    [],
    {},
    [[]],
    [{}],
    [None] * 40,
    {"": {}},
)
DATES = (
    "Fri, 20 Nov 2026 12:00:00 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Wed, 32 Foo 2026 99:99:99 GMT",
    "0",
    "120",
    "-5",
    "1e9",
    "nan",
    "9" * 400,
    "soon",
    "",
)
COOKIES = (
    f"token={SECRET}; Path=/",
    "bbl_csrf_token=c5rf; Secure",
    r'bbl_csrf_token="a\015\012X: y"',
    "token=; Max-Age=soon",
    "token=a; Max-Age=99999999999999999999; Expires=never",
    'x="; ;;=',
    "=",
    "token=" + "x" * 7_000,
)
PAGES = (
    b"",
    b"null",
    b"[]",
    b"OK",
    b"<!DOCTYPE html><html><title>Just a moment...</title></html>",
    b"error code: 1015",
    b"\xff\xfe{\x00}\x00",
    b"\x1f\x8b\x08\x00 not gzip",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"code": 418}',
    b'{"code": 429, "error": "Too many requests"}',
    b'{"captchaId": "1"}',
    b'{"devices": [' + b"{}," * 80_000 + b"{}]}",
    b'{"hits": [' + b'{"id": 1},' * 25_000 + b'{"id": 1}]}',
    b'{"devices": [' + b'{"dev_id": 1},' * 10_000 + b'{"dev_id": 1}]}',
    b'{"print": {"hms": [' + b'{"attr": 1, "code": 1},' * 10_000 + b"{}]}}",
    b'{"print": {' + b",".join(b'"k%d": 1' % n for n in range(25_000)) + b"}}",
    b'{"print": {"a": [' + b"1," * 100_000 + b"9" * 5_000 + b"]}}",
)
STATUSES = (200, 200, 200, 200, 200, 200, 201, 204, 206, 301, 302, 400, 401, 403, 404, 418, 422)
STATUSES += (429, 500, 502, 503, 599)

# By these a body is told from others.
MEANT = ("command", "dev_id", "event", "gcode_state", "id", "print_status")
# Nearly as much as is read in the event loop.
LARGE = 250_000

type Node = tuple[Any, Any]


def chance(seed: int, number: int) -> Random:
    """Return where all chance of a body comes from."""
    return Random(f"{seed}:{number}")  # noqa: S311 - it has to be the same each time


def _nodes(data: Any) -> list[Node]:
    """Return all places in a body: what holds them, and by which key or index."""
    places: list[Node] = []
    rest = [data]
    while rest and len(places) < 2_000:
        holder = rest.pop()
        keys = holder if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            places.append((holder, key))
            if isinstance(holder[key], dict | list):
                rest.append(holder[key])
    return places


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value] if depth % 2 else {"a": value}
    return value


def _replace(random: Random, holder: Any, key: Any) -> None:
    value = random.choice(TEXTS) if random.random() < 0.5 else deepcopy(random.choice(VALUES))
    holder[key] = _nested(random.choice((3, 100, 400))) if random.random() < 0.05 else value


def _drop(random: Random, holder: Any, key: Any) -> None:
    del holder[key]


def _rename(random: Random, holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        holder[random.choice((key.upper(), f"{key}_", "", *TEXTS))] = holder.pop(key)


def _retype(random: Random, holder: Any, key: Any) -> None:
    """Say the same in another type: an id as a float, a flag as a number, a number as text."""
    value = holder[key]
    if isinstance(value, bool):
        holder[key] = random.choice((int(value), str(value).lower()))
    elif isinstance(value, int | float):
        holder[key] = random.choice((float(value), str(value), -value, value * 10**12, value + 0.5))
    elif isinstance(value, str):
        text = random.choice(TEXTS)
        holder[key] = random.choice((text + value, value + text, [value], {"value": value}, 7))
    else:
        holder[key] = random.choice((None, "", 0, [value], {"0": value}))


def _repeat(random: Random, holder: Any, key: Any) -> None:
    """Say it once more, or so often that a body is full of it, whole or only by its id."""
    value = holder[key]
    if not isinstance(value, list) or not value:
        return
    if isinstance(value[0], dict) and random.random() < 0.3:
        value = [{each: value[0][each] for each in value[0] if str(each).endswith("id")}]
    holder[key] = value * random.choice((2, 2, 40, max(1, LARGE // len(str(value)))))


def _mix(random: Random, holder: Any, key: Any) -> None:
    """Put what stands there where something else stands."""
    other = random.choice(list(holder if isinstance(holder, dict) else range(len(holder))))
    holder[key], holder[other] = holder[other], holder[key]


CHANGES: tuple[Callable[[Random, Any, Any], None], ...] = (
    *(_replace,) * 5,
    *(_retype,) * 3,
    _drop,
    _rename,
    _repeat,
    _mix,
)


def _overwrite(random: Random, data: Any) -> None:
    """Put one text wherever people may have written one."""
    text = random.choice(TEXTS)
    for holder, key in _nodes(data):
        if isinstance(holder[key], str) and key not in MEANT:
            holder[key] = text


def mutated(random: Random, valid: Any) -> bytes:
    """Return a valid body after some changes, written in some way."""
    data = deepcopy(valid)
    if random.random() < 0.15:
        _overwrite(random, data)
    for _ in range(random.choice((1, 1, 2, 3, 6, 20))):
        if places := _nodes(data):
            holder, key = random.choice(places)
            random.choice(CHANGES)(random, holder, key)
    text = json.dumps(data, ensure_ascii=random.random() < 0.5)
    if random.random() < 0.1:
        # The last of two keys of one name counts, whatever it is.
        text = text.replace('{"', random.choice(('{"id": [], "', '{"dev_id": 1.5, "id": {}, "')), 3)
    coding = random.choice((*("utf-8",) * 8, "utf-8-sig", "utf-16", "latin-1"))
    return _spoilt(random, text.encode(coding, "surrogatepass" if "utf" in coding else "replace"))


def _spoilt(random: Random, body: bytes) -> bytes:
    """Return a body that a bad line spoils now and then."""
    at, how = random.randrange(len(body) + 1), random.random()
    if how < 0.04:
        return body[:at]
    if how < 0.08:
        return body[:at] + random.randbytes(random.randrange(1, 9)) + body[at + 3 :]
    return body


def body(random: Random, valid: Any) -> bytes:
    """Return a hostile body: mostly a valid one that was changed, else a page or mere chance."""
    kind = random.random()
    if kind < 0.02:
        return random.choice(PAGES)
    if kind < 0.05:
        return random.randbytes(random.choice((1, 40, 4_000)))
    return mutated(random, valid)


def headers(random: Random) -> list[tuple[str, str]]:
    """Return hostile headers."""
    some = [
        ("Date", random.choice(DATES)),
        ("Retry-After", random.choice(DATES)),
        ("X-Request-Id", random.choice(("", "r" * 4_000, "\x1b[31m", "\udcff"))),
        ("cf-mitigated", "challenge"),
        ("Content-Type", random.choice(("text/html", "image/png", "?"))),
        ("Set-Cookie", random.choice(COOKIES)),
        ("Set-Cookie", random.choice(COOKIES)),
        ("Location", "http://127.0.0.1/"),
    ]
    return random.sample(some, random.choice((0, 0, 1, 3, 8)))
