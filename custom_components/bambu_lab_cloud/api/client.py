"""The cloud, one coroutine for each endpoint."""

from collections.abc import Callable, Mapping
from datetime import timedelta
import re
import time
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from .clock import ServerClock
from .errors import (
    CannotConnectError,
    RateLimitedError,
    ResponseError,
    RetryLaterError,
)
from .images import image_type
from .models import (
    LONGEST_PAGE,
    MOST_PRINTERS,
    CameraCredentials,
    Device,
    DeviceVersion,
    Image,
    Message,
    MessageCount,
    Notification,
    Preference,
    PrintStatus,
    Profile,
    Project,
    SlicerResources,
    SlicerSetting,
    SlicerSettings,
    Spool,
    TaskDetail,
    TaskPage,
    Ticket,
    Token,
)
from .transport import LARGEST_BODY, Answer, Region, bare, send
from .values import identifier, promised_list, records

_LARGEST_PRESETS = 32 * 1024 * 1024
_LARGEST_IMAGE = 5 * 1024 * 1024
# Neither user nor port.
_IMAGE_URL = re.compile(r"https://((?:[a-z0-9-]{1,63}\.)+[a-z]+)/\S*", re.ASCII | re.IGNORECASE)
# The object stores are whole providers: the names of the buckets change and those of China are
# not known. No token goes there.
_IMAGE_HOSTS = (
    ".bambulab.com",
    ".bambulab.cn",
    ".bblmw.com",
    ".bblmw.cn",
    ".makerworld.com",
    ".makerworld.com.cn",
    ".amazonaws.com",
    ".aliyuncs.com",
)


class BambuCloud:
    """A signed-in account.

    The session stays the caller's. `user_agent` should name the caller honestly; `timeout` counts
    seconds for a whole request. Every method can raise CannotConnectError, AuthenticationError,
    PermissionDeniedError, ResponseError, RateLimitedError, CaptchaError and BlockedError. After
    one of the last three, all methods but `download_image` raise RateLimitedError without asking
    until `not_before` is 0.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        region: Region,
        token: str,
        *,
        user_agent: str,
        timeout: float = 20,
    ) -> None:
        self._session = session
        self._region = region
        self._token = bare(token)
        self._user_agent = user_agent
        self._timeout = timeout
        self._clock = ServerClock()
        self._last_request_id: str | None = None
        self._free_at = 0.0
        self._bind: tuple[bytes | None, list[Device]] = (None, [])

    @property
    def clock_offset(self) -> timedelta:
        """Return how far the server's clock is ahead of ours, as several answers agree.

        It is zero below 5 s and never beyond 30 days; `ServerClock` has the rules.
        """
        return self._clock.offset

    @property
    def last_request_id(self) -> str | None:
        """Return the cloud's name for the last request, for a report to its makers."""
        return self._last_request_id

    @property
    def not_before(self) -> float:
        """Return the seconds for which the cloud wants to be left alone."""
        return max(self._free_at - time.monotonic(), 0.0)

    async def refresh_token(self, refresh_token: str) -> Token:
        """Exchange a refresh token (seed document).

        Raises AuthenticationError with every token since 2026, fresh ones included.
        """
        return await self._ask(
            "POST",
            "user-service/user/refreshtoken",
            Token.from_api,
            json={"refreshToken": refresh_token},
            signed=False,
        )

    async def get_preference(self) -> Preference:
        """Return who the account is (seed document).

        The cheapest way to see whether the token is good: a dead one raises AuthenticationError.
        """
        return await self._ask("GET", "design-user-service/my/preference", Preference.from_api)

    async def get_devices(self) -> list[Device]:
        """Return the printers of the account in no fixed order (seed document).

        An answer without a readable list raises ResponseError, an account without printers
        returns none. While the answer stays the same to the byte, so does the list.
        """
        known, devices = self._bind
        answer = await self._request("GET", "iot-service/api/user/bind", known=known)
        if not answer.is_known:
            devices = await answer.read(Device.list_from_api)
            self._bind = answer.digest, devices
        return devices

    async def get_print_status(self, force: bool = False) -> list[PrintStatus]:  # noqa: FBT001, FBT002 - the endpoint's only switch
        """Return what the printers are doing (seed document).

        Since 2025 the answers hold no task (observed 2025 and 2026). Bambu Studio always sets
        `force`.
        """
        return await self._ask(
            "GET",
            "iot-service/api/user/print",
            _list_of(PrintStatus.from_api, "devices", MOST_PRINTERS),
            params={"force": "true" if force else None},
        )

    async def get_tasks(
        self,
        *,
        device_id: str | None = None,
        limit: int = 20,
        offset: int = 0,
        after: str | None = None,
        status: int | None = None,
    ) -> TaskPage:
        """Return a page of the prints of the account or of one printer, newest first.

        A `limit` of 100 works and so does `offset`; `after` is ignored (observed 2026).
        """
        return await self._ask(
            "GET",
            "user-service/my/tasks",
            TaskPage.from_api,
            params={
                "deviceId": device_id,
                "limit": limit,
                "offset": offset,
                "after": after,
                "status": status,
            },
        )

    async def get_task(self, task_id: str) -> TaskDetail:
        """Return a print with its plates (seed document; keys observed 2026).

        Most callers get PermissionDeniedError, also for their own prints.
        """
        return await self._ask(
            "GET", "iot-service/api/user/task/{id}", TaskDetail.from_api, task_id
        )

    async def create_task(self, task: Mapping[str, Any]) -> str | None:
        """Create a print from a task as my/tasks has it and return its id (seed document).

        It makes a printer print. The cloud refuses it to clients without its signature
        (observed 2026).
        """
        return await self._ask(
            "POST",
            "user-service/my/task",
            lambda data: identifier(data.get("id")),
            json=task,
        )

    async def get_messages(
        self,
        *,
        type: int | None = None,  # noqa: A002 - the endpoint's name
        after: str | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> list[Message]:
        """Return the messages of about two weeks, newest first (seed document).

        `type` picks a group that is not a message's own type, and sources disagree on which.
        """
        return await self._ask(
            "GET",
            "user-service/my/messages",
            _list_of(Message.from_api, "hits", LONGEST_PAGE),
            params={"type": type, "after": after, "limit": limit, "offset": offset},
        )

    async def get_message_count(self) -> MessageCount:
        """Return how many messages are unread, all of them and by kind (observed 2026)."""
        return await self._ask("GET", "user-service/my/message/count", MessageCount.from_api)

    async def get_filaments(self, *, limit: int = 20, offset: int = 0) -> list[Spool]:
        """Return a page of the spools that the owner keeps in Bambu Handy (observed 2026).

        How many the cloud gives at most is not known; the cloud of 2022 has no such list.
        """
        return await self._ask(
            "GET",
            "design-user-service/my/filament/v2",
            _list_of(Spool.from_api, "hits", LONGEST_PAGE),
            params={"limit": limit, "offset": offset},
        )

    async def get_ticket(self, ticket_id: str) -> Ticket:
        """Return a ticket (seed document), which is one of the web sign-in (observed 2026)."""
        return await self._ask("GET", "user-service/my/ticket/{id}", Ticket.from_api, ticket_id)

    async def get_device_versions(self, device_id: str) -> list[DeviceVersion]:
        """Return the firmware of a printer and its AMS and what is offered (seed document)."""
        return await self._ask(
            "GET",
            "iot-service/api/user/device/version",
            _list_of(DeviceVersion.from_api, "devices", MOST_PRINTERS),
            params={"dev_id": device_id},
        )

    async def rename_device(self, device_id: str, name: str) -> None:
        """Rename a printer (seed document; body observed 2026)."""
        await self._request(
            "PATCH",
            "iot-service/api/user/device/info",
            json={"dev_id": device_id, "dev_name": name},
        )

    async def get_projects(self) -> list[Project]:
        """Return the projects of the account without their profiles (seed document)."""
        return await self._ask(
            "GET",
            "iot-service/api/user/project",
            _list_of(Project.from_api, "projects", LONGEST_PAGE),
        )

    async def get_project(self, project_id: str) -> Project:
        """Return a project with its profiles (seed document)."""
        return await self._ask(
            "GET", "iot-service/api/user/project/{id}", Project.from_api, project_id
        )

    async def get_profile(self, profile_id: str, model_id: str) -> Profile:
        """Return how a model was sliced (seed document)."""
        return await self._ask(
            "GET",
            "iot-service/api/user/profile/{id}",
            Profile.from_api,
            profile_id,
            params={"model_id": model_id},
        )

    async def get_slicer_resources(self, resource_type: str, version: str) -> SlicerResources:
        """Return the newest Bambu Studio and a resource of it (seed document).

        The type "slicer/plugins/cloud" is known; `version` is the one the caller has, such as
        "01.01.00.00". The endpoint is public and the token is not sent.
        """
        return await self._ask(
            "GET",
            "iot-service/api/slicer/resource",
            SlicerResources.from_api,
            params={resource_type: version},
            signed=False,
        )

    async def get_slicer_settings(
        self,
        version: str,
        public: bool | None = None,  # noqa: FBT001 - the endpoint's name
    ) -> SlicerSettings:
        """Return the presets of the slicer (seed document).

        `version` is a version of Bambu Studio with four parts, and any works. Without Bambu
        Lab's own presets (`public` False) the answer is much smaller (observed 2026).
        """
        return await self._ask(
            "GET",
            "iot-service/api/slicer/setting",
            SlicerSettings.from_api,
            params={"version": version, "public": None if public is None else str(public).lower()},
            largest_body=_LARGEST_PRESETS,
        )

    async def get_slicer_setting(self, setting_id: str) -> SlicerSetting:
        """Return a preset with its values (seed document)."""
        return await self._ask(
            "GET",
            "iot-service/api/slicer/setting/{id}",
            # Some answers leave the id out.
            lambda data: SlicerSetting.from_api({**data, "setting_id": setting_id}),
            setting_id,
        )

    async def get_notification(self, action: str, ticket: str) -> Notification:
        """Return the state of an upload (seed document).

        `action` is "upload" or "import_mesh".
        """
        return await self._ask(
            "GET",
            "iot-service/api/user/notification",
            Notification.from_api,
            params={"action": action, "ticket": ticket},
        )

    async def get_camera_credentials(self, device_id: str) -> CameraCredentials:
        """Return what opens the stream of a camera (seed document).

        The cloud refuses it to clients without its signature (observed 2026).
        """
        return await self._ask(
            "POST",
            "iot-service/api/user/ttcode",
            CameraCredentials.from_api,
            json={"dev_id": device_id},
        )

    async def download_image(self, url: str) -> Image:
        """Return the picture at a URL that the cloud gave, as PNG, JPEG or WebP up to 5 MB.

        Signed URLs live for 5 to 30 minutes (observed 2026); an expired one raises ResponseError
        with its status, and so does every URL outside of the hosts that hold the cloud's
        pictures. Neither token nor cookies are sent.
        """
        # A session of its own for its cookies: those of the shared jar are the account's.
        async with aiohttp.ClientSession(
            connector=self._session.connector,
            connector_owner=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            answer = await send(
                session,
                "GET",
                self._image_url(url),
                endpoint="image",
                headers={"User-Agent": self._user_agent},
                timeout=self._timeout,
                largest_body=_LARGEST_IMAGE,
            )
        if answer.status >= 500:
            raise answer.fail(CannotConnectError)
        content_type = image_type(answer.body)
        if answer.status != 200 or content_type is None:
            raise answer.fail(ResponseError)
        return Image(answer.body, content_type)

    def _image_url(self, text: str) -> URL:
        match = _IMAGE_URL.fullmatch(text)
        is_known = match is not None and f".{match[1]}".lower().endswith(_IMAGE_HOSTS)
        images = self._region.images
        is_exempt = images is not None and text.startswith(f"{images}/") and " " not in text
        if not (is_known or is_exempt) or not text.isprintable():
            raise ResponseError("image: not a URL of the cloud's pictures")
        # A signature covers the query as it is written.
        return URL(text, encoded=True)

    async def _ask[T](
        self,
        method: str,
        endpoint: str,
        parse: Callable[[dict[str, Any]], T],
        item_id: str = "",
        *,
        params: Mapping[str, str | int | None] | None = None,
        json: Mapping[str, Any] | None = None,
        signed: bool = True,
        largest_body: int = LARGEST_BODY,
    ) -> T:
        answer = await self._request(
            method,
            endpoint,
            item_id,
            params=params,
            json=json,
            signed=signed,
            largest_body=largest_body,
        )
        return await answer.read(parse)

    async def _request(
        self,
        method: str,
        endpoint: str,
        item_id: str = "",
        *,
        params: Mapping[str, str | int | None] | None = None,
        json: Mapping[str, Any] | None = None,
        signed: bool = True,
        largest_body: int = LARGEST_BODY,
        known: bytes | None = None,
    ) -> Answer:
        if wait := self.not_before:
            raise RateLimitedError(wait, f"{endpoint}: not before {wait:.0f} s have passed")
        if "{id}" in endpoint and item_id in {"", ".", ".."}:
            # The URL would be that of another endpoint.
            raise ResponseError(f"{endpoint}: not an id")
        path = endpoint.replace("{id}", quote(item_id, safe=""))
        url = URL(f"{self._region.api}/v1/{path}").with_query(
            {key: value for key, value in (params or {}).items() if value is not None}
        )
        headers = {"User-Agent": self._user_agent}
        if signed:
            headers["Authorization"] = f"Bearer {self._token}"
        answer = await send(
            self._session,
            method,
            url,
            endpoint=endpoint,
            headers=headers,
            timeout=self._timeout,
            json=json,
            largest_body=largest_body,
            known=known,
        )
        self._last_request_id = answer.request_id
        if (offset := answer.clock_offset) is not None:
            self._clock.hear(offset)
        try:
            answer.check()
        except RetryLaterError as err:
            self._free_at = max(self._free_at, time.monotonic() + err.retry_after)
            raise
        return answer


def _list_of[T](
    parse: Callable[[Any], T], key: str, longest: int
) -> Callable[[dict[str, Any]], list[T]]:
    """Return what reads an answer whose list is promised under a key."""
    return lambda data: list(records(promised_list(data.get(key)), parse, longest=longest))
