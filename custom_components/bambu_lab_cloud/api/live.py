"""What the printers of an account say themselves, by way of the cloud's MQTT broker.

Not a part of what the package imports: aiomqtt takes a while, and not everybody wants it.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from enum import Enum
from itertools import batched
import re
import ssl
from typing import Self

import aiomqtt

from .errors import BrokerRefusedError, CannotConnectError, PermissionDeniedError
from .mqtt import Connection
from .report import Presence, Report, Versions, parse
from .transport import Broker, bare

# Seconds between any two packets of ours.
_GAP = 0.25
# How many every broker takes in one packet; AWS IoT takes no more.
_MOST_TOPICS = 8
# A level of a topic, and no wildcard.
_SERIAL = re.compile(r"[\w.-]{1,64}", re.ASCII)
# Codes as paho has them: CONNACK 4 and 5, and SUBACK.
_REFUSALS = (134, 135)
_GRANTS = (0, 1, 2)


class _Question(Enum):
    """All that is ever published. A printer does nothing upon it but answer."""

    EVERYTHING = b'{"pushing":{"sequence_id":"0","command":"pushall","version":1,"push_target":1}}'
    VERSIONS = b'{"info":{"sequence_id":"0","command":"get_version"}}'


class LiveSession:
    """One session with the broker, from `async with` to its end (MQTT 3.1.1, community documents).

    The user is `u_` and the account's uid. `tls_context` must verify certificates; only a broker
    on this machine can do without. Connecting raises BrokerRefusedError and CannotConnectError
    within ten seconds; everything else raises CannotConnectError once the session is lost, which
    takes up to two minutes where the network swallows what is sent. Nothing connects again by
    itself, and a session is used once.

    Iterating yields the id of a printer with a message of it, for printers that are followed. It
    goes on beside the other methods: what nobody takes is dropped in the end, oldest first.

    Whatever is sent, two printers can be asked two questions, and 250 ms lie between any two
    packets, in the order of the calls.
    """

    def __init__(
        self, broker: Broker, uid: str, token: str, *, tls_context: ssl.SSLContext | None
    ) -> None:
        self._broker = broker
        self._user = f"u_{uid}"
        self._token = bare(token)
        self._tls = _verifying(tls_context) if broker.is_encrypted else None
        # Whom to listen to, by topic, and whom the broker has granted.
        self._printers: dict[str, str] = {}
        self._granted: set[str] = set()
        self._sending = asyncio.Lock()
        self._free_at = 0.0

    @property
    def dropped(self) -> int:
        """Return how many messages nobody took in time: what was told by changes is not whole."""
        return self._connection.dropped

    async def __aenter__(self) -> Self:
        self._connection = Connection(
            self._broker.host,
            self._broker.port,
            username=self._user,
            password=self._token,
            tls=self._tls,
        )
        with _failures():
            await self._connection.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.__aexit__()

    async def follow(self, *printer_ids: str) -> set[str]:
        """Hear printers, and return those that the broker refuses: they are not the account's.

        One packet asks for several, so that many are no burst. The broker may grant a printer
        that does not exist, and then nothing comes.
        """
        for some in batched(filter(_SERIAL.fullmatch, printer_ids), _MOST_TOPICS, strict=False):
            await self._subscribe({f"device/{each}/report": each for each in some})
        return set(printer_ids) - self._granted

    async def unfollow(self, *printer_ids: str) -> None:
        """Hear printers no more, from now on, whatever the broker says."""
        self._granted.difference_update(printer_ids)
        known = [topic for topic, each in self._printers.items() if each in printer_ids]
        for topic in known:
            del self._printers[topic]
        for some in batched(known, _MOST_TOPICS, strict=False):
            await self._turn()
            with _failures():
                await self._connection.unsubscribe(list(some))

    async def ask_for_everything(self, printer_id: str) -> None:
        """Ask a printer for its whole state, which it then reports (as Bambu Studio).

        Seldom: the broker may hang up on who asks often. Raises PermissionDeniedError where the
        printer is not followed.
        """
        await self._ask(printer_id, _Question.EVERYTHING)

    async def ask_for_versions(self, printer_id: str) -> None:
        """Ask a printer for its modules, such as its AMS units (as Bambu Studio).

        Raises PermissionDeniedError where the printer is not followed.
        """
        await self._ask(printer_id, _Question.VERSIONS)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[str, Report | Versions | Presence]:
        while True:
            with _failures():
                received = await self._connection.take()
            printer_id = self._printers.get(received.topic.value)
            # What a broker has retained is older than the session.
            if printer_id is None or received.retain:
                continue
            if (message := parse(received.payload)) is not None:
                return printer_id, message

    async def _subscribe(self, printers: dict[str, str]) -> None:
        await self._turn()
        # The first message may come with the grant.
        self._printers |= printers
        self._granted.difference_update(printers.values())
        try:
            with _failures():
                codes = await self._connection.subscribe([(topic, 0) for topic in printers])
            answers = zip(printers.values(), codes, strict=False)
            self._granted.update(each for each, code in answers if code in _GRANTS)
        finally:
            for topic, each in printers.items():
                if each not in self._granted:
                    self._printers.pop(topic, None)

    async def _ask(self, printer_id: str, question: _Question) -> None:
        await self._turn()
        if printer_id not in self._granted:
            raise PermissionDeniedError("MQTT broker: the printer is not followed")
        with _failures():
            await self._connection.publish(f"device/{printer_id}/request", question.value)

    async def _turn(self) -> None:
        """Wait until something may be sent."""
        loop = asyncio.get_running_loop()
        async with self._sending:
            await asyncio.sleep(self._free_at - loop.time())
            self._free_at = loop.time() + _GAP


def _verifying(tls: ssl.SSLContext | None) -> ssl.SSLContext:
    # Without the certificate there is no host name to check.
    if tls is None or not tls.check_hostname:
        raise ValueError("the broker's certificate must be verified")
    return tls


@contextmanager
def _failures() -> Generator[None]:
    """Turn what aiomqtt and the network raise into an error of ours."""
    try:
        yield
    except aiomqtt.MqttError as err:
        refused = isinstance(err, aiomqtt.MqttCodeError) and err.rc in _REFUSALS
        kind = BrokerRefusedError if refused else CannotConnectError
        raise kind(f"MQTT broker: {err}") from None
    except OSError as err:
        # The text of these errors can hold anything.
        raise CannotConnectError(f"MQTT broker: {type(err).__name__}") from None
