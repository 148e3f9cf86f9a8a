"""The conversation that ends with a token."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from custom_components.bambu_lab_cloud.api import (
    AuthenticationError,
    BambuCloudError,
    BambuLogin,
    BlockedError,
    CannotConnectError,
    CaptchaError,
    CodeRequired,
    ExpiredCodeError,
    InvalidCodeError,
    InvalidCredentialsError,
    PermissionDeniedError,
    RateLimitedError,
    ResponseError,
    Token,
    TotpRequired,
    UsedCodeError,
)

from .conftest import USER_AGENT, Stub, json_reply, raw
from .errors import ANYWHERE, UNREADABLE

LOGIN = "/v1/user-service/user/login"
CSRF = raw(b"", status=204, headers={"Set-Cookie": "bbl_csrf_token=c5rf; Path=/; Secure"})

type Step = Callable[[BambuLogin], Awaitable[Any]]


def password(login: BambuLogin) -> Awaitable[Any]:
    return login.with_password("maker@example.com", "pass word")


def code(login: BambuLogin) -> Awaitable[Any]:
    return login.with_code("maker@example.com", "123456")


def totp(login: BambuLogin) -> Awaitable[Any]:
    return login.with_totp("key", "123456")


def email(login: BambuLogin) -> Awaitable[Any]:
    return login.send_email_code("maker@example.com")


def sms(login: BambuLogin) -> Awaitable[Any]:
    return login.send_sms_code("13800000001")


STEPS = [password, code, email, sms]


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (
            {"accessToken": "a", "refreshToken": "r", "expiresIn": 7776000, "loginType": ""},
            Token("a", 7776000, "r"),
        ),
        ({"accessToken": "a"}, Token("a")),
        ({"accessToken": "a", "loginType": "password", "tfaKey": None, "code": None}, Token("a")),
        ({"accessToken": "a", "expiresIn": 0, "tfaKey": "k"}, Token("a")),
        ({"accessToken": "", "loginType": "verifyCode", "tfaKey": ""}, CodeRequired()),
        ({"loginType": "VERIFYCODE"}, CodeRequired()),
        ({"accessToken": "", "loginType": "tfa", "tfaKey": "k"}, TotpRequired("k")),
        ({"accessToken": "", "loginType": "", "tfaKey": "k"}, TotpRequired("k")),
        ({"loginType": "verifyCode", "tfaKey": "k"}, TotpRequired("k")),
        ({"loginType": "TFA"}, TotpRequired("")),
    ],
)
async def test_password(login: BambuLogin, stub: Stub, answer: Any, result: Any) -> None:
    stub.answer(json_reply(answer))
    assert await login.with_password(" maker@example.com\n", " pass word ") == result
    (seen,) = stub.seen
    assert (seen.method, seen.path) == ("POST", LOGIN)
    assert seen.json == {"account": "maker@example.com", "password": " pass word "}
    assert seen.headers["User-Agent"] == USER_AGENT
    assert "Authorization" not in seen.headers


@pytest.mark.parametrize("answer", [{"loginType": "somethingNew"}, {}, {"accessToken": None}])
async def test_unknown_login_type(login: BambuLogin, stub: Stub, answer: Any) -> None:
    stub.answer(json_reply(answer))
    with pytest.raises(ResponseError, match="user-service/user/login: HTTP 200, the login type"):
        await password(login)


@pytest.mark.parametrize(
    "typed",
    [
        "123456",
        "123 456",
        "123-456",
        " 12\N{EN DASH}34 56\n",
        "\uff11\uff12\uff13\uff14\uff15\uff16",
    ],
)
async def test_code(login: BambuLogin, stub: Stub, typed: str) -> None:
    stub.answer(json_reply({"accessToken": "a", "expiresIn": 60}))
    assert await login.with_code(" maker@example.com", typed) == Token("a", 60)
    (seen,) = stub.seen
    assert (seen.method, seen.path) == ("POST", LOGIN)
    assert seen.json == {"account": "maker@example.com", "code": "123456"}


async def test_code_without_token(login: BambuLogin, stub: Stub) -> None:
    stub.answer(json_reply({"accessToken": "", "loginType": "verifyCode"}))
    with pytest.raises(ResponseError):
        await code(login)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"code": null, "error": null}'])
async def test_send_email_code(login: BambuLogin, stub: Stub, body: bytes) -> None:
    stub.answer(raw(body))
    await login.send_email_code(" maker@example.com ")
    (seen,) = stub.seen
    assert (seen.method, seen.path) == ("POST", "/v1/user-service/user/sendemail/code")
    assert seen.json == {"email": "maker@example.com", "type": "codeLogin"}


async def test_send_sms_code(login: BambuLogin, stub: Stub) -> None:
    stub.answer(raw(b""))
    await login.send_sms_code("13800000001 ")
    (seen,) = stub.seen
    assert (seen.method, seen.path) == ("POST", "/v1/user-service/user/sendsmscode")
    assert seen.json == {"phone": "13800000001", "type": "codeLogin"}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("status", "body", "headers", "error"), ANYWHERE)
async def test_errors(
    *,
    login: BambuLogin,
    stub: Stub,
    step: Step,
    status: int,
    body: bytes,
    headers: Any,
    error: type[BambuCloudError],
) -> None:
    stub.answer(raw(body, status=status, headers=headers))
    with pytest.raises(BambuCloudError) as caught:
        await step(login)
    assert type(caught.value) is error
    assert caught.value.status == status
    assert len(stub.seen) == 1


@pytest.mark.parametrize("step", [password, code])
@pytest.mark.parametrize(("status", "body", "headers", "error"), UNREADABLE)
async def test_unreadable(
    *,
    login: BambuLogin,
    stub: Stub,
    step: Step,
    status: int,
    body: bytes,
    headers: Any,
    error: type[BambuCloudError],
) -> None:
    stub.answer(raw(body, status=status, headers=headers))
    with pytest.raises(error):
        await step(login)


# The same answer means something else at each step.
@pytest.mark.parametrize(
    ("status", "body", "at_password", "at_code", "at_totp"),
    [
        pytest.param(*row, id=f"{row[0]} {row[1]}")
        for row in (
            (
                400,
                '{"code": 1, "error": "Code does not exist"}',
                InvalidCredentialsError,
                ExpiredCodeError,
                InvalidCodeError,
            ),
            (
                400,
                '{"error": "Expired code"}',
                InvalidCredentialsError,
                ExpiredCodeError,
                InvalidCodeError,
            ),
            (
                400,
                '{"code": 2, "error": "Incorrect"}',
                InvalidCredentialsError,
                InvalidCodeError,
                InvalidCodeError,
            ),
            (
                400,
                '{"code": 5, "error": "Login failed"}',
                InvalidCredentialsError,
                InvalidCodeError,
                InvalidCodeError,
            ),
            (
                400,
                '{"message": "Invalid code"}',
                InvalidCredentialsError,
                InvalidCodeError,
                InvalidCodeError,
            ),
            (400, "{}", InvalidCredentialsError, UsedCodeError, InvalidCodeError),
            (400, "", InvalidCredentialsError, UsedCodeError, InvalidCodeError),
            (401, "", InvalidCredentialsError, InvalidCodeError, InvalidCodeError),
            (200, '{"code": 2}', InvalidCredentialsError, InvalidCodeError, InvalidCodeError),
            (403, '{"code": 8}', PermissionDeniedError, PermissionDeniedError, BlockedError),
            (
                403,
                '{"error": "CSRF error: missing_cookie", "reason": "missing_cookie"}',
                PermissionDeniedError,
                PermissionDeniedError,
                BlockedError,
            ),
        )
    ],
)
async def test_refusals(
    *,
    login: BambuLogin,
    stub: Stub,
    status: int,
    body: str,
    at_password: type[BambuCloudError],
    at_code: type[BambuCloudError],
    at_totp: type[BambuCloudError],
) -> None:
    refusal = raw(body.encode(), status=status, headers={"X-Request-Id": "r-5"})
    stub.answer(refusal, refusal, CSRF, refusal)
    for step, error in ((password, at_password), (code, at_code), (totp, at_totp)):
        with pytest.raises(BambuCloudError) as caught:
            await step(login)
        assert type(caught.value) is error
        assert (caught.value.status, caught.value.request_id) == (status, "r-5")
    assert len(stub.seen) == 4


@pytest.mark.parametrize("step", [email, sms])
@pytest.mark.parametrize(("status", "error"), [(400, ResponseError), (401, AuthenticationError)])
async def test_code_is_not_sent(
    login: BambuLogin, stub: Stub, step: Step, status: int, error: type[BambuCloudError]
) -> None:
    stub.answer(json_reply({"code": 3}, status=status))
    with pytest.raises(error):
        await step(login)


@pytest.mark.parametrize(
    ("body", "cookies", "result"),
    [
        (b"{}", ["token=cookie; Path=/; HttpOnly", "refreshToken=r"], Token("cookie")),
        (b"", ["token=cookie"], Token("cookie")),
        (b"{}", ["token=cookie; Max-Age=60; Path=/"], Token("cookie", 60)),
        (b"{}", ["token=cookie; Max-Age=soon"], Token("cookie")),
        (b'{"expiresIn": 60}', ["token=cookie; Max-Age=30"], Token("cookie", 60)),
        (b'{"accessToken": "body", "expiresIn": 60}', ["token=cookie"], Token("cookie", 60)),
        (b'{"accessToken": "body", "refreshToken": "r"}', [], Token("body", None, "r")),
        (b'{"token": "body"}', ["token="], Token("body")),
        (b'{"data": {"accessToken": "inner", "expiresIn": 60}}', [], Token("inner", 60)),
        (b'{"data": {"token": "inner"}}', [], Token("inner")),
    ],
)
async def test_totp(
    login: BambuLogin, stub: Stub, body: bytes, cookies: list[str], result: Token
) -> None:
    stub.answer(CSRF, raw(body, headers=[("Set-Cookie", cookie) for cookie in cookies]))
    assert await login.with_totp("the-key", "123 456") == result
    csrf, seen = stub.seen
    assert (csrf.method, csrf.path) == ("GET", "/api/csrf")
    assert (seen.method, seen.path) == ("POST", "/api/sign-in/tfa")
    assert seen.json == {"tfaKey": "the-key", "tfaCode": "123456"}
    assert seen.headers["Cookie"] == "bbl_csrf_token=c5rf"
    assert seen.headers["x-bbl-csrf-token"] == "c5rf"
    assert csrf.headers["User-Agent"] == seen.headers["User-Agent"] == USER_AGENT


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"data": []}', b'{"success": false}'])
async def test_totp_without_token(login: BambuLogin, stub: Stub, body: bytes) -> None:
    stub.answer(CSRF, raw(body))
    with pytest.raises(ResponseError, match="api/sign-in/tfa: HTTP 200, "):
        await totp(login)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (raw(b"", status=204), BlockedError),
        (raw(b"", status=204, headers={"Set-Cookie": "bbl_csrf_token=c5\u202erf"}), BlockedError),
        (
            raw(b"", status=204, headers={"Set-Cookie": r'bbl_csrf_token="a\015\012b"'}),
            BlockedError,
        ),
        (raw(b"<html>", status=403), BlockedError),
        (raw(b"{}", status=403), BlockedError),
        (raw(b"404 Route Not Found", status=404), ResponseError),
        (raw(b"{}", status=400), ResponseError),
        (raw(b"", status=418), CaptchaError),
        (raw(b"", status=429), RateLimitedError),
        (raw(b"", status=502), CannotConnectError),
    ],
)
async def test_no_csrf_token(
    login: BambuLogin, stub: Stub, reply: Any, error: type[BambuCloudError]
) -> None:
    stub.answer(reply)
    with pytest.raises(error):
        await totp(login)
    assert len(stub.seen) == 1


async def test_nothing_is_carried_into_the_next_login(login: BambuLogin, stub: Stub) -> None:
    stub.answer(CSRF, raw(b"{}", headers={"Set-Cookie": "token=first"}), json_reply({}))
    await totp(login)
    with pytest.raises(ResponseError):
        await password(login)
    assert "Cookie" not in stub.seen[-1].headers
