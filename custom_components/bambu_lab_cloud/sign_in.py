"""What an owner types to sign in, and what the cloud's answers are to the owner."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil
import re
from unicodedata import normalize

from .api import (
    AuthenticationError,
    BambuCloudError,
    BlockedError,
    CannotConnectError,
    CaptchaError,
    ExpiredCodeError,
    InvalidCodeError,
    InvalidCredentialsError,
    RateLimitedError,
    ResponseError,
    Token,
    UsedCodeError,
)

# As it is typed, pasted from a list of contacts, or dialled from abroad.
_BETWEEN_DIGITS = re.compile(r"[\s()\-\u2010-\u2015\u202a-\u202e]")
_PHONE_NUMBER = re.compile(r"(?:(?:\+|00)86|86(?=\d{11}))?(\d+)", re.ASCII)

type Errors = Mapping[type[BambuCloudError], str]

ERRORS: Errors = {
    AuthenticationError: "refused",
    BlockedError: "blocked",
    CannotConnectError: "cannot_connect",
    CaptchaError: "captcha",
    ExpiredCodeError: "expired_code",
    InvalidCodeError: "invalid_code",
    InvalidCredentialsError: "invalid_auth",
    RateLimitedError: "rate_limited",
    UsedCodeError: "used_code",
}
SEND_ERRORS: Errors = {RateLimitedError: "too_many_codes"}
TOKEN_ERRORS: Errors = {AuthenticationError: "invalid_token"}
# The web host is the only one to take these codes, and it turns many away.
TOTP_ERRORS: Errors = {
    AuthenticationError: "refused",
    BlockedError: "totp_refused",
    InvalidCodeError: "invalid_totp",
    ResponseError: "totp_refused",
}
# After these a token is good for nothing.
REFUSED = ("invalid_token", "refused")


def bare_account(text: str) -> str:
    """Return an account as the cloud knows it: a phone number in digits, without +86."""
    account = text.strip()
    number = _PHONE_NUMBER.fullmatch(_BETWEEN_DIGITS.sub("", normalize("NFKC", account)))
    return number[1] if number else account


def is_phone_number(account: str) -> bool:
    """Return if an account is a phone number: only China has those."""
    return account.isascii() and account.isdecimal()


def bare_token(text: str) -> str:
    """Return the token without what was copied with it: a header, a cookie, quotes."""
    if cookie := re.search(r"(?:^|[;\s\"'])token=([^;\s\"']+)", text):
        return cookie[1]
    return re.sub(
        r"(?i)^(?:authorization:)?\s*bearer(?:\s+|$)", "", text.strip(" \t\r\n\"'")
    ).strip()


def expiry(token: Token, now: datetime) -> str | None:
    """Return until when a token is good, None where the cloud does not say."""
    if not token.expires_in:
        return None
    return (now + timedelta(seconds=token.expires_in)).isoformat()


def wait_text(wait: timedelta) -> str:
    """Return a time to wait, rounded up, with the symbol of its unit: those have no plural."""
    seconds = ceil(wait.total_seconds())
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{ceil(seconds / length)} {unit}"
    return f"{seconds} s"
