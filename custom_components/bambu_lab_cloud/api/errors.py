"""The ways in which the cloud refuses, told apart by what the caller does next."""


class BambuCloudError(Exception):
    """Anything that keeps the cloud from giving a usable answer.

    The text names the endpoint and the HTTP status; it never holds an account, a token or a query.
    `code` is the cloud's own number for the error, where its answer has one.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        request_id: str | None = None,
        code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id
        self.code = code


class CannotConnectError(BambuCloudError):
    """The network, a timeout or an outage of the cloud: ask again later."""


class AuthenticationError(BambuCloudError):
    """The token is not valid any more: sign in again."""


class BrokerRefusedError(BambuCloudError):
    """The MQTT broker does not take the token: ask the API whether it is dead.

    It may be good all the same, as in 2023, when the broker refused every token for weeks.
    """


class InvalidCredentialsError(BambuCloudError):
    """The account or its password is wrong."""


class InvalidCodeError(BambuCloudError):
    """The code is wrong: let the user type it again."""


class UsedCodeError(BambuCloudError):
    """The code was used before, or a newer one has taken its place."""


class ExpiredCodeError(BambuCloudError):
    """The code is too old: send a new one."""


class PermissionDeniedError(BambuCloudError):
    """The account may not see this; its token is still good."""


class ResponseError(BambuCloudError):
    """The answer is not what the API promises."""


class RetryLaterError(BambuCloudError):
    """The cloud wants to be left alone for `retry_after` seconds."""

    def __init__(
        self,
        retry_after: float,
        message: str = "",
        *,
        status: int | None = None,
        request_id: str | None = None,
        code: int | None = None,
    ) -> None:
        super().__init__(message, status=status, request_id=request_id, code=code)
        self.retry_after = retry_after


class RateLimitedError(RetryLaterError):
    """Too many requests."""


class CaptchaError(RetryLaterError):
    """The cloud wants a human check, and every further request prolongs it."""


class BlockedError(RetryLaterError):
    """Cloudflare or the web sign-in turned the request away; the credentials are not at fault."""
