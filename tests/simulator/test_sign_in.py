from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
import pytest

from simulator.cloud import Cloud

from .conftest import Ask, Reply

LOGIN = "/v1/user-service/user/login"
EMAIL_CODE = "/v1/user-service/user/sendemail/code"
SMS_CODE = "/v1/user-service/user/sendsmscode"
PREFERENCE = "/v1/design-user-service/my/preference"
TFA = "/api/sign-in/tfa"


async def with_password(ask: Ask, alias: str, login: str | None = None) -> Reply:
    body = {"account": login or f"{alias}@example.com", "password": f"{alias}-password"}
    return await ask("POST", LOGIN, account=None, body=body)


async def with_code(ask: Ask, login: str, code: str) -> Reply:
    return await ask("POST", LOGIN, account=None, body={"account": login, "code": code})


async def send_code(ask: Ask, login: str = "google@example.com") -> Reply:
    body = {"email": login, "type": "codeLogin"}
    return await ask("POST", EMAIL_CODE, account=None, body=body)


async def preference(ask: Ask, token: str) -> Reply:
    headers = {"Authorization": f"Bearer {token}"}
    return await ask("GET", PREFERENCE, account=None, headers=headers)


@pytest.mark.parametrize("alias", ["password", "none", "one", "farm", "partner"])
async def test_password_alone(ask: Ask, alias: str) -> None:
    reply = await with_password(ask, alias)
    assert reply.status == 200
    assert reply.json["loginType"] == ""
    assert reply.json["expiresIn"] == reply.json["refreshExpiresIn"] == 7776000
    assert reply.json["refreshToken"] == reply.json["accessToken"]
    assert (await preference(ask, reply.json["accessToken"])).status == 200


@pytest.mark.parametrize(
    ("alias", "login", "kind"),
    [("demo", "demo@example.com", "email"), ("china", "13800000000", "sms")],
)
async def test_password_then_code(
    ask: Ask, cloud: Cloud, alias: str, login: str, kind: str
) -> None:
    challenge = (await with_password(ask, alias, login)).json
    assert challenge["loginType"] == "verifyCode"
    assert challenge["accessToken"] == ""
    code = cloud.code(login)
    assert code["kind"] == kind
    reply = await with_code(ask, login, code["code"])
    assert (await preference(ask, reply.json["accessToken"])).json["uid"] > 1_000_000_000


@pytest.mark.parametrize(("alias", "login_type"), [("totp", ""), ("tfa", "tfa")])
async def test_password_then_totp(ask: Ask, cloud: Cloud, alias: str, login_type: str) -> None:
    challenge = (await with_password(ask, alias)).json
    assert challenge["loginType"] == login_type
    assert challenge["accessToken"] == ""
    csrf = await ask("GET", "/api/csrf", account=None)
    assert csrf.status == 204
    token = csrf.headers["Set-Cookie"].partition("bbl_csrf_token=")[2].partition(";")[0]
    code = cloud.code(alias)
    assert code["kind"] == "totp"
    body = {"tfaKey": challenge["tfaKey"], "tfaCode": code["code"]}
    headers = {"Cookie": f"bbl_csrf_token={token}", "x-bbl-csrf-token": token}
    reply = await ask("POST", TFA, account=None, body=body, headers=headers)
    assert (reply.status, reply.json) == (200, {})
    cookies = reply.headers.getall("Set-Cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == ["token", "refreshToken"]
    assert ["Max-Age=7776000" in cookie.split("; ") for cookie in cookies] == [True, True]
    access = cookies[0].removeprefix("token=").partition(";")[0]
    assert (await preference(ask, access)).status == 200
    again = await ask("POST", TFA, account=None, body=body, headers=headers)
    assert (again.status, again.json["code"]) == (400, 5)


@pytest.mark.parametrize(
    ("names", "status", "error"),
    [
        ((), 403, "CSRF error: missing_cookie"),
        (("x-bbl-csrf-token",), 403, "CSRF error: missing_cookie"),
        (("Cookie",), 403, "CSRF error: missing_header"),
        (("Cookie", "x-bbl-csrf-token"), 400, "Login failed"),
    ],
)
async def test_web_sign_in_refused(
    ask: Ask, cloud: Cloud, names: tuple[str, ...], status: int, error: str
) -> None:
    token = cloud.accounts.csrf_token()
    headers = {"Cookie": f"bbl_csrf_token={token}", "x-bbl-csrf-token": token}
    body = {"tfaKey": "made-up", "tfaCode": "123456"}
    sent = {name: headers[name] for name in names}
    reply = await ask("POST", TFA, account=None, body=body, headers=sent)
    assert (reply.status, reply.json["error"]) == (status, error)


async def test_web_sign_in_with_made_up_csrf_token(ask: Ask) -> None:
    headers = {"Cookie": "bbl_csrf_token=mine", "x-bbl-csrf-token": "mine"}
    reply = await ask("POST", TFA, account=None, body={}, headers=headers)
    assert (reply.status, reply.json["reason"]) == (403, "invalid_token")


@pytest.mark.parametrize(("age", "status"), [(0, 200), (1, 200), (2, 400)])
async def test_totp_code_changes(
    ask: Ask, cloud: Cloud, freezer: FrozenDateTimeFactory, age: int, status: int
) -> None:
    key = (await with_password(ask, "totp")).json["tfaKey"]
    token = cloud.accounts.csrf_token()
    code = cloud.code("totp")["code"]
    freezer.tick(timedelta(seconds=30 * age))
    headers = {"Cookie": f"bbl_csrf_token={token}", "x-bbl-csrf-token": token}
    wrong = {"tfaKey": key, "tfaCode": "no"}
    assert (await ask("POST", TFA, account=None, body=wrong, headers=headers)).status == 400
    body = {"tfaKey": key, "tfaCode": code}
    assert (await ask("POST", TFA, account=None, body=body, headers=headers)).status == status


async def test_web_sign_in_key_expires(
    ask: Ask, cloud: Cloud, freezer: FrozenDateTimeFactory
) -> None:
    key = (await with_password(ask, "tfa")).json["tfaKey"]
    token = cloud.accounts.csrf_token()
    freezer.tick(timedelta(minutes=6))
    body = {"tfaKey": key, "tfaCode": cloud.code("tfa")["code"]}
    headers = {"Cookie": f"bbl_csrf_token={token}", "x-bbl-csrf-token": token}
    reply = await ask("POST", TFA, account=None, body=body, headers=headers)
    assert (reply.status, reply.json["code"]) == (400, 5)


@pytest.mark.parametrize("login", ["google@example.com", "totp@example.com", "tfa@example.com"])
async def test_code_alone(ask: Ask, login: str) -> None:
    await send_code(ask, login)
    code = (await ask("GET", f"/simulator/codes/{login}?kind=email", account=None)).json
    assert code["kind"] == "email"
    assert (await with_code(ask, login, code["code"])).json["accessToken"]


@pytest.mark.parametrize(
    ("login", "kind"),
    [
        ("totp@example.com", "sms"),
        ("google@example.com", "totp"),
        ("google@example.com", "sms"),
        ("13800000000", "email"),
    ],
)
async def test_codes_of_another_kind(ask: Ask, cloud: Cloud, login: str, kind: str) -> None:
    cloud.accounts.send_code(login, datetime.now(UTC))
    path = f"/simulator/codes/{login}?kind={kind}"
    assert (await ask("GET", path, account=None)).status == 404


async def test_no_code_by_email_before_one_is_sent(ask: Ask) -> None:
    path = "/simulator/codes/totp@example.com?kind=email"
    assert (await ask("GET", path, account=None)).status == 404


async def test_code_of_the_app_beside_an_emailed_one(ask: Ask, cloud: Cloud) -> None:
    await send_code(ask, "totp@example.com")
    assert cloud.code("totp")["kind"] == cloud.code("totp", "totp")["kind"] == "totp"
    assert cloud.code("totp")["code"] != cloud.code("totp", "email")["code"]


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("demo@example.com", "wrong"),
        ("nobody@example.com", "demo-password"),
        ("google@example.com", "google-password"),
    ],
)
async def test_wrong_password(ask: Ask, login: str, password: str) -> None:
    reply = await ask("POST", LOGIN, account=None, body={"account": login, "password": password})
    assert reply.status == 400
    assert reply.json == {"code": 2, "error": "Incorrect account or password."}


@pytest.mark.parametrize(
    ("alias", "status", "mark"),
    [
        ("captcha", 400, "not a robot"),
        ("blocked", 403, "Just a moment..."),
        ("limited", 429, "1015"),
    ],
)
async def test_accounts_that_never_get_in(ask: Ask, alias: str, status: int, mark: str) -> None:
    for reply in (await with_password(ask, alias), await send_code(ask, f"{alias}@example.com")):
        assert reply.status == status
        assert mark in reply.text


async def test_blocked_and_limited_headers(ask: Ask) -> None:
    blocked = await with_password(ask, "blocked")
    assert blocked.headers["cf-mitigated"] == "challenge"
    assert blocked.headers["Content-Type"].startswith("text/html")
    assert (await with_password(ask, "limited")).headers["Retry-After"] == "300"


async def test_code_is_wrong_unknown_used_superseded_and_expired(
    ask: Ask, cloud: Cloud, freezer: FrozenDateTimeFactory
) -> None:
    login = "google@example.com"
    reply = await with_code(ask, login, "123456")
    assert (reply.status, reply.json["code"]) == (400, 1)
    await send_code(ask)
    first = cloud.code(login)["code"]
    await send_code(ask)
    second = cloud.code(login)["code"]
    wrong = await with_code(ask, login, "x" + second)
    assert (wrong.status, wrong.json) == (400, {"code": 2, "error": "Incorrect code"})
    superseded = await with_code(ask, login, first)
    assert (superseded.status, superseded.json) == (400, {})
    assert (await with_code(ask, login, second)).status == 200
    used = await with_code(ask, login, second)
    assert (used.status, used.json) == (400, {})
    await send_code(ask)
    third = cloud.code(login)["code"]
    freezer.tick(timedelta(minutes=5, seconds=1))
    expired = await with_code(ask, login, third)
    assert (expired.status, expired.json) == (400, {"code": 1, "error": "Expired code"})
    unknown = await with_code(ask, "nobody@example.com", third)
    assert (unknown.status, unknown.json["code"]) == (400, 1)


async def test_too_many_codes(ask: Ask, freezer: FrozenDateTimeFactory) -> None:
    sent = [await send_code(ask) for _ in range(6)]
    assert [reply.status for reply in sent] == [200, 200, 200, 200, 200, 429]
    assert {reply.text for reply in sent[:5]} == {"{}", '{"code": null, "error": null}', ""}
    assert sent[5].headers["Retry-After"] == "600"
    freezer.tick(timedelta(minutes=11))
    assert (await send_code(ask)).status == 200


@pytest.mark.parametrize("host", ["", "/api"], ids=["API", "web"])
async def test_sms_code(ask: Ask, cloud: Cloud, host: str) -> None:
    body = {"phone": "13800000000", "type": "codeLogin"}
    assert (await ask("POST", host + SMS_CODE, account=None, body=body)).status == 200
    assert cloud.code("13800000000")["kind"] == "sms"


async def test_code_to_nobody_is_not_told(ask: Ask, cloud: Cloud) -> None:
    assert (await send_code(ask, "nobody@example.com")).status == 200
    with pytest.raises(LookupError):
        cloud.code("google@example.com")


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        (LOGIN, {"account": "demo@example.com"}, ""),
        (LOGIN, {"account": "demo@example.com", "password": "a", "code": "b"}, ""),
        (LOGIN, {"password": "a"}, ""),
        (LOGIN, [], ""),
        (LOGIN, {"account": 7, "password": "a"}, "type mismatch for field account"),
        (EMAIL_CODE, {"email": "demo@example.com"}, ""),
        (EMAIL_CODE, {"email": "demo@example.com", "type": "other"}, ""),
        (SMS_CODE, {"type": "codeLogin"}, ""),
    ],
)
async def test_malformed_sign_in(ask: Ask, path: str, body: object, text: str) -> None:
    reply = await ask("POST", path, account=None, body=body)
    assert (reply.status, reply.text) == (400, text)


async def test_sign_in_without_json(ask: Ask) -> None:
    reply = await ask("POST", LOGIN, account=None, data=b"account=demo")
    assert (reply.status, reply.text) == (400, "")
    assert (await ask("POST", LOGIN, account=None)).status == 400


REFRESH = "/v1/user-service/user/refreshtoken"
ERA_2022 = pytest.mark.parametrize("options", [{"era": "2022"}])


async def test_refresh_is_dead(ask: Ask, tokens: Callable[[str], str]) -> None:
    reply = await ask("POST", REFRESH, account=None, body={"refreshToken": tokens("demo")})
    assert reply.status == 401
    assert reply.json == {"code": 401, "error": "The client must authenticate itself..."}


@ERA_2022
async def test_refresh_of_2022(
    ask: Ask, tokens: Callable[[str], str], freezer: FrozenDateTimeFactory
) -> None:
    old = tokens("demo")
    freezer.tick(timedelta(days=89))
    reply = await ask("POST", REFRESH, account=None, body={"refreshToken": old})
    body = reply.json
    assert set(body) == {"accessToken", "refreshToken", "expiresIn", "refreshExpiresIn"}
    assert body["accessToken"] == body["refreshToken"] != old
    assert body["expiresIn"] == body["refreshExpiresIn"] == 7776000
    freezer.tick(timedelta(days=89))
    assert (await preference(ask, body["accessToken"])).json["name"] == "Demo Maker"
    late = await ask("POST", REFRESH, account=None, body={"refreshToken": old})
    assert (late.status, late.json["code"]) == (401, 401)


async def test_token_expires(ask: Ask, cloud: Cloud, freezer: FrozenDateTimeFactory) -> None:
    cloud.set_expires_in("password", 60)
    reply = (await with_password(ask, "password")).json
    assert reply["expiresIn"] == 60
    freezer.tick(timedelta(seconds=59))
    assert (await preference(ask, reply["accessToken"])).status == 200
    freezer.tick(timedelta(seconds=1))
    assert (await preference(ask, reply["accessToken"])).status == 401


async def test_token_is_revoked(ask: Ask, cloud: Cloud) -> None:
    token = (await with_password(ask, "password")).json["accessToken"]
    other = (await with_password(ask, "one")).json["accessToken"]
    cloud.revoke("password")
    assert (await preference(ask, token)).status == 401
    assert (await preference(ask, other)).status == 200
    token = (await with_password(ask, "password")).json["accessToken"]
    assert (await preference(ask, token)).status == 200


async def test_tokens_outlive_a_restart_with_the_same_seed(
    ask: Ask, freezer: FrozenDateTimeFactory
) -> None:
    token = (await with_password(ask, "password")).json["accessToken"]
    now = freezer.time_to_freeze.astimezone()
    account = Cloud(seed=1).accounts.of_token(token, now)
    assert account is not None
    assert account.alias == "password"
    assert Cloud(seed=2).accounts.of_token(token, now) is None


@pytest.mark.parametrize("token", ["", "short", "AQ" + "A" * 123, "Ünïcode", "AQ!" * 40])
async def test_made_up_tokens(cloud: Cloud, freezer: FrozenDateTimeFactory, token: str) -> None:
    assert cloud.accounts.of_token(token, freezer.time_to_freeze.astimezone()) is None
