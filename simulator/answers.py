"""One answer of the cloud, and the answers that refuse."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HTML = {"Content-Type": "text/html; charset=utf-8"}
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
XML = {"Content-Type": "application/xml"}

ENVELOPE: Mapping[str, Any] = {"message": "success", "code": None, "error": None}


@dataclass(frozen=True, slots=True)
class Answer:
    """Text is sent as it stands, None is an empty body, everything else is sent as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    # For how many seconds a browser keeps the cookies, None until it is closed.
    max_age: int | None = None


class RefusedError(Exception):
    """A request is answered with an error."""

    def __init__(self, answer: Answer) -> None:
        """Keep the answer for the server."""
        super().__init__(f"answered with {answer.status}")
        self.answer = answer


def _block(status: int, title: str, mark: str, headers: Mapping[str, str]) -> Answer:
    """Return a page of the firewall in front of the cloud."""
    page = (
        f'<!DOCTYPE html>\n<html lang="en-US"><head><title>{title}</title></head>'
        f"<body><p>{mark}</p></body></html>\n"
    )
    return Answer(status, page, {**HTML, "Server": "cloudflare", **headers})


EXPIRED_CODE = Answer(400, {"code": 1, "error": "Expired code"})
UNKNOWN_CODE = Answer(400, {"code": 1, "error": "Code does not exist or has expired"})
INCORRECT_CODE = Answer(400, {"code": 2, "error": "Incorrect code"})
INCORRECT_PASSWORD = Answer(400, {"code": 2, "error": "Incorrect account or password."})
LOGIN_FAILED = Answer(400, {"code": 5, "error": "Login failed"})
EMPTY_OBJECT = Answer(400, {})
BAD_REQUEST = Answer(400)
CAPTCHA = Answer(
    400,
    {
        "captchaId": "5c0ffee5c0ffee5c0ffee5c0ffee5c0f",
        "captchaScene": "verify_code",
        "error": "We need to confirm that you are not a robot.",
    },
)
BLOCKED = _block(
    403, "Just a moment...", "challenges.cloudflare.com", {"cf-mitigated": "challenge"}
)
LIMITED = Answer(429, "error code: 1015", {**TEXT, "Retry-After": "300"})
TOO_MANY_CODES = Answer(429, {"error": "Too many requests"}, {"Retry-After": "600"})
UNAUTHORIZED = Answer(401, {"code": 4, "error": "Please login.", "message": ""})
UNAUTHORIZED_EMPTY = Answer(401)
REFRESH_REFUSED = Answer(401, {"code": 401, "error": "The client must authenticate itself..."})
FORBIDDEN = Answer(403, {"code": 8, "error": "The specified resource is forbidden.", "message": ""})
ROUTE_NOT_FOUND = Answer(404, "404 Route Not Found", TEXT)
# Only the code is known.
TOO_MANY_PRESETS = Answer(400, {"message": "", "code": 14, "error": "Too many presets"})
INVALID_INPUT = Answer(422, {"detail": "Invalid input parameters"})


def csrf(reason: str) -> Answer:
    """Refuse a web sign-in without a valid double submit."""
    return Answer(403, {"error": f"CSRF error: {reason}", "reason": reason})


def storage(status: int, code: str, message: str) -> Answer:
    """Refuse a picture as an object store does."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return Answer(status, text, XML)


# Each row of the API's table of errors, and the breakages of a network; None is not an answer
# but a behaviour of the server.
FAULTS: Mapping[str, Answer | None] = {
    "captcha": CAPTCHA,
    "captcha_418": Answer(418, {"code": 418, "error": "Session challenge required"}),
    "captcha_text": Answer(418, "Login blocked by server policy", TEXT),
    "cloudflare": BLOCKED,
    "cloudflare_attention": _block(403, "Attention Required! | Cloudflare", "error 1010", {}),
    "cloudflare_503": _block(503, "Just a moment...", "challenges.cloudflare.com", {}),
    "rate_limited": Answer(429, {"error": "Too many requests"}, {"Retry-After": "300"}),
    "rate_limited_1015": Answer(429, "error code: 1015", TEXT),
    "unauthorized": UNAUTHORIZED,
    "unauthorized_empty": UNAUTHORIZED_EMPTY,
    "unauthorized_refresh": REFRESH_REFUSED,
    "unauthorized_200": Answer(200, {"code": 401, "message": "Unauthorized"}),
    "forbidden": FORBIDDEN,
    "csrf": csrf("missing_cookie"),
    "expired_code": EXPIRED_CODE,
    "incorrect_code": INCORRECT_CODE,
    "incorrect_password": INCORRECT_PASSWORD,
    "login_failed": LOGIN_FAILED,
    "bad_request": BAD_REQUEST,
    "bad_request_object": EMPTY_OBJECT,
    "not_found": ROUTE_NOT_FOUND,
    "method_not_allowed": Answer(405, "405 Method Not Allowed", TEXT),
    "invalid_input": INVALID_INPUT,
    "server_error": Answer(500, {"code": 1, "error": "Internal server error", "message": ""}),
    "bad_gateway": Answer(502, "<html><head><title>502 Bad Gateway</title></head></html>", HTML),
    "unavailable": Answer(503, "upstream connect error", TEXT),
    "redirect": Answer(302, None, {"Location": "https://elsewhere.example.com/"}),
    "empty": Answer(200),
    "empty_object": Answer(200, {}),
    "null": Answer(200, "null", JSON),
    "text": Answer(200, "OK", TEXT),
    "html": Answer(200, "<!DOCTYPE html><html><body>Maintenance</body></html>", HTML),
    "truncated_json": Answer(200, '{"message": "success", "devices": [{"dev_id": "00M', JSON),
    "wrong_shape": Answer(
        200,
        {
            **ENVELOPE,
            "accessToken": [],
            "uid": {},
            "devices": "none",
            "hits": {"total": 1},
            "total": "many",
            "projects": 7,
        },
    ),
    "timeout": None,
    "slow": None,
    "disconnect": None,
    "reset": None,
    "truncated": None,
    "trickle": None,
    "wrong_gzip": None,
}
