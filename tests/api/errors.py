"""How the cloud refuses, whatever was asked: an answer and the error it is."""

from typing import Any

import pytest

from custom_components.bambu_lab_cloud.api import (
    AuthenticationError,
    BambuCloudError,
    BlockedError,
    CannotConnectError,
    CaptchaError,
    PermissionDeniedError,
    RateLimitedError,
    ResponseError,
)


def _row(
    name: str, status: int, body: str, error: type[BambuCloudError], headers: Any = None
) -> Any:
    return pytest.param(status, body.encode(), headers, error, id=name)


# Neither depends on what was asked.
ANYWHERE = [
    _row("captcha", 400, '{"captchaId": "c", "error": "confirm"}', CaptchaError),
    _row("captcha by text", 400, '{"error": "Confirm that you are not a robot."}', CaptchaError),
    _row("captcha by code", 400, '{"code": 418, "error": "Session challenge"}', CaptchaError),
    _row("captcha by status", 418, '{"code": 418}', CaptchaError),
    _row("captcha in plain text", 418, "blocked by policy", CaptchaError),
    _row("captcha in a good answer", 200, '{"code": 418}', CaptchaError),
    _row("rate limit", 429, '{"error": "slow down"}', RateLimitedError),
    _row("rate limit of Cloudflare", 429, "error code: 1015", RateLimitedError),
    _row("rate limit in a good answer", 200, '{"code": 429}', RateLimitedError),
    _row("challenge", 403, "<!DOCTYPE html><title>Just a moment...</title>", BlockedError),
    _row("attention", 403, "\n <title>Attention Required! | Cloudflare</title>", BlockedError),
    _row("challenge 503", 503, "<html>Just a moment...</html>", BlockedError),
    _row("challenge by header", 403, "", BlockedError, {"cf-mitigated": "challenge"}),
    _row("client refused", 403, "error code: 1010", BlockedError),
    _row("client refused 503", 503, "error code: 1020", BlockedError),
    _row("outage", 500, '{"error": "oops"}', CannotConnectError),
    _row("outage in HTML", 502, "<html>Bad Gateway</html>", CannotConnectError),
    _row("outage without words", 503, "", CannotConnectError),
    _row("outage with a page", 503, "<html>503 Service Unavailable", CannotConnectError),
    _row("outage of Cloudflare", 503, "error code: 503", CannotConnectError),
    _row("outage in a good answer", 200, '{"code": 503}', CannotConnectError),
    _row("unknown route", 404, "404 Route Not Found", ResponseError),
    _row("wrong method", 405, "", ResponseError),
    _row("bad parameters", 422, '{"detail": "Invalid input parameters"}', ResponseError),
    _row("bad parameters in text", 400, 'field "version" is not set', ResponseError),
    _row("proxy", 400, "<html>Bad Request</html>", ResponseError),
    _row("redirect", 302, "", ResponseError, {"Location": "/elsewhere"}),
    _row("portal", 200, "<html>Welcome to the hotel</html>", ResponseError),
]
# A login step has a meaning of its own for these.
ELSEWHERE = [
    _row("dead token", 401, '{"code": 4, "error": "Please login."}', AuthenticationError),
    _row("dead token without words", 401, "", AuthenticationError),
    _row("dead token by code", 401, '{"code": 401, "error": "authenticate"}', AuthenticationError),
    _row("dead token in a good answer", 200, '{"code": 401}', AuthenticationError),
    _row("dead token, number of the envelope", 200, '{"code": "4"}', AuthenticationError),
    _row("forbidden", 403, '{"code": 8, "error": "Resource forbidden"}', PermissionDeniedError),
    _row("forbidden otherwise", 403, '{"error": "no"}', PermissionDeniedError),
    _row("forbidden without words", 403, "", PermissionDeniedError),
    _row("forbidden in a good answer", 200, '{"code": 8}', PermissionDeniedError),
    _row("refused", 400, '{"code": 1, "error": "Expired code"}', ResponseError),
    _row("refused without words", 400, "", ResponseError),
    _row("refused with an empty object", 400, "{}", ResponseError),
    _row("quota", 200, '{"code": 14, "error": "quota"}', ResponseError),
]
# Where an answer is read.
UNREADABLE = [
    _row("empty", 200, "", ResponseError),
    _row("text", 200, "hello", ResponseError),
    _row("list", 200, "[]", ResponseError),
    _row("null", 200, "null", ResponseError),
    _row("text in JSON", 200, '"hello"', ResponseError),
    _row("cut off", 200, '{"devices": [', ResponseError),
    _row("too deep", 200, "[" * 200_000, ResponseError),
    _row("too many digits", 200, '{"code": ' + "9" * 5_000 + "}", ResponseError),
]
BAD_UTF8 = pytest.param(200, b'{"devices": [{"dev_id": "\xff"', None, ResponseError, id="not UTF-8")
