"""The conversation that ends with a token."""

from dataclasses import dataclass, field
from typing import Any
from unicodedata import normalize

import aiohttp
from yarl import URL

from .errors import (
    AuthenticationError,
    BambuCloudError,
    BlockedError,
    ExpiredCodeError,
    InvalidCodeError,
    InvalidCredentialsError,
    PermissionDeniedError,
    ResponseError,
    UsedCodeError,
)
from .models import Token
from .transport import Answer, Region, send
from .values import label, opaque, part

_CSRF_COOKIE = "bbl_csrf_token"
_EXPIRED_CODE = 1


@dataclass(frozen=True, slots=True)
class CodeRequired:
    """The password is right; a code by email or SMS is wanted, too.

    Sources disagree on whether the cloud has sent one already. A new code invalidates the
    one before.
    """


@dataclass(frozen=True, slots=True)
class TotpRequired:
    """The password is right; a code of the authenticator app is wanted, too.

    `tfa_key` goes to `with_totp`. These accounts can sign in with an emailed code instead.
    """

    tfa_key: str = field(repr=False)


class BambuLogin:
    """Signs an account in.

    The session stays the caller's and must have a DummyCookieJar: the cookie of one account would
    sign in the next. `timeout` counts seconds for a whole request. Nothing is repeated by itself.
    Beside the errors named there, every method raises those of BambuCloud.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        region: Region,
        *,
        user_agent: str,
        timeout: float = 20,
    ) -> None:
        self._session = session
        self._region = region
        self._user_agent = user_agent
        self._timeout = timeout

    async def with_password(
        self, account: str, password: str
    ) -> Token | CodeRequired | TotpRequired:
        """Sign in with an email address, in China a phone number, and a password.

        Raises InvalidCredentialsError (seed document; answers observed 2026).
        """
        answer = await self._api(
            "user-service/user/login", {"account": account.strip(), "password": password}
        )
        _check(answer, InvalidCredentialsError)
        return await answer.read(_login_result)

    async def send_email_code(self, email: str) -> None:
        """Send a code by email; it invalidates the one before (observed 2026)."""
        answer = await self._api(
            "user-service/user/sendemail/code", {"email": email.strip(), "type": "codeLogin"}
        )
        answer.check()

    async def send_sms_code(self, phone: str) -> None:
        """Send a code by SMS, in China only (observed in other clients)."""
        answer = await self._api(
            "user-service/user/sendsmscode", {"phone": phone.strip(), "type": "codeLogin"}
        )
        answer.check()

    async def with_code(self, account: str, code: str) -> Token:
        """Sign in with a code that was sent; it may be typed with spaces or dashes.

        Raises InvalidCodeError, ExpiredCodeError and UsedCodeError (seed document; answers
        observed 2026).
        """
        answer = await self._api(
            "user-service/user/login", {"account": account.strip(), "code": _digits(code)}
        )
        kind: type[BambuCloudError] = InvalidCodeError
        if answer.code == _EXPIRED_CODE or "expired" in answer.error.lower():
            kind = ExpiredCodeError
        elif answer.status == 400 and answer.code is None and not answer.error:
            # A 400 that says nothing is the answer to a code that was good once.
            kind = UsedCodeError
        _check(answer, kind)
        return await answer.read(Token.from_api)

    async def with_totp(self, tfa_key: str, code: str) -> Token:
        """Sign in with a code of the authenticator app.

        Raises InvalidCodeError. The web host answers this, and Cloudflare may turn it away
        (BlockedError). The cookie of api/csrf has to come back as a cookie and as a header, and
        the token comes as a cookie, seldom in the body (observed 2026).
        """
        answer = await self._web("GET", "api/csrf")
        _check_web(answer, ResponseError)
        cookie = answer.cookies.get(_CSRF_COOKIE)
        # Older Pythons unfold line breaks in it, which no header may have.
        csrf = opaque(cookie and cookie.value)
        if csrf is None:
            raise answer.wait(BlockedError)
        answer = await self._web(
            "POST",
            "api/sign-in/tfa",
            {"tfaKey": tfa_key, "tfaCode": _digits(code)},
            {"Cookie": f"{_CSRF_COOKIE}={csrf}", "x-bbl-csrf-token": csrf},
        )
        _check_web(answer, InvalidCodeError)
        return _totp_result(answer)

    async def _api(self, path: str, json: dict[str, str]) -> Answer:
        return await self._send("POST", f"{self._region.api}/v1/{path}", path, json)

    async def _web(
        self,
        method: str,
        path: str,
        json: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        return await self._send(method, f"{self._region.web}/{path}", path, json, headers)

    async def _send(
        self,
        method: str,
        url: str,
        endpoint: str,
        json: dict[str, str] | None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        return await send(
            self._session,
            method,
            URL(url),
            endpoint=endpoint,
            headers={"User-Agent": self._user_agent, **(headers or {})},
            timeout=self._timeout,
            json=json,
        )


def _digits(code: str) -> str:
    # An input method can write wide digits.
    return "".join(filter(str.isalnum, normalize("NFKC", code)))


def _check(answer: Answer, kind: type[BambuCloudError]) -> None:
    """Raise what the answer is; a refusal is about what this step sent."""
    try:
        answer.check()
    except AuthenticationError, ResponseError:
        is_refusal = isinstance(answer.data, dict) or not answer.body.strip()
        if answer.meaning in {400, 401} and is_refusal:
            raise answer.fail(kind) from None
        raise


def _check_web(answer: Answer, kind: type[BambuCloudError]) -> None:
    """Raise as `_check` does; the web host's 403 is about the way in, not the account."""
    try:
        _check(answer, kind)
    except PermissionDeniedError:
        raise answer.wait(BlockedError) from None


def _login_result(data: dict[str, Any]) -> Token | CodeRequired | TotpRequired:
    if opaque(data.get("accessToken")):
        return Token.from_api(data)
    login_type = (label(data.get("loginType")) or "").lower()
    # Accounts with an authenticator app can answer with a key and an empty type.
    tfa_key = opaque(data.get("tfaKey"))
    if tfa_key or login_type == "tfa":
        return TotpRequired(tfa_key or "")
    if login_type == "verifycode":
        return CodeRequired()
    raise ResponseError("the login type is not known")


def _totp_result(answer: Answer) -> Token:
    cookie = answer.cookies.get("token")
    body = {**part(answer.data, "data"), **part(answer.data)}
    token = (
        opaque(cookie and cookie.value)
        or opaque(body.get("accessToken"))
        or opaque(body.get("token"))
    )
    try:
        life = cookie and cookie["max-age"]
        return Token.from_api({"expiresIn": life, **body, "accessToken": token})
    except ResponseError as err:
        raise answer.fail(ResponseError, str(err)) from None
