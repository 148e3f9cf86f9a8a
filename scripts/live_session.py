"""The broker of a simulated cloud without sockets, for time that is moved.

What printers say is what the simulator's broker would carry; what goes wrong follows from a seed.
"""

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, datetime
from random import Random
from typing import Any, Self

from custom_components.bambu_lab_cloud.api import BrokerRefusedError, CannotConnectError
from custom_components.bambu_lab_cloud.api.report import parse
from simulator import reports
from simulator.cloud import Cloud, Printer

# So often the event loop goes round until all is said that there is to say.
ROUNDS = 20
# For how many seconds a message can be under way. Those after it wait, as on one connection.
LONGEST_WAY = 20.0


class Broker:
    """The broker, in which a share of what is said is lost, repeated or late, by a seed."""

    def __init__(self, cloud: Cloud, *, seed: int = 0, share: float = 0.0) -> None:
        """Take connections, and lose a share of what is said."""
        self.cloud = cloud
        self.is_away = False
        # What was done to messages, and how many were said.
        self.done = Counter[str]()
        self.session: Session | None = None
        # When something new that a printer said was lost.
        self.lost = defaultdict[str, list[datetime]](list)
        self._seed = seed
        self.share = share
        self._told: dict[str, reports.Body] = {}
        self._numbers = Counter[str]()
        self._messages = Counter[str]()
        self._waiting: dict[str, list[Any]] = {}

    async def connect(self, _hass: object, _region: str, uid: str, token: str) -> Session:
        """Return a session, in place of one with the real broker."""
        return Session(self, uid, token)

    def drop(self) -> None:
        """Cut the connection."""
        if session := self.session:
            session.end(CannotConnectError("MQTT broker: cut"))

    def go_away(self) -> None:
        """Cut the connection, and refuse the next ones."""
        self.is_away = True
        self.drop()

    def come_back(self) -> None:
        """Take connections again."""
        self.is_away = False

    def hears(self, printer: Printer) -> bool:
        """Return whether somebody listens to a printer."""
        return self.session is not None and printer.dev_id in self.session.followed

    def speak(self, printer: Printer) -> None:
        """Let a printer say what has changed."""
        if self.hears(printer):
            before = self._told.get(printer.dev_id, {})
            status = self._status(printer)
            self._say(printer, reports.delta(printer, before, status, self._number(printer)))

    def murmur(self, printer: Printer) -> None:
        """Let a printer say that it is there."""
        if self.hears(printer):
            number = self._number(printer)
            signal = f"-{40 + number % 20}dBm"
            body = {"command": "push_status", "wifi_signal": signal, "sequence_id": f"{number}"}
            self._say(printer, {"print": body}, is_news=False)

    def say_presence(self, printer: Printer, event: str) -> None:
        """Let the broker say that a printer came or went."""
        if self.hears(printer):
            self._say(printer, reports.event(event, datetime.now(UTC)))

    def say_everything(self, printer: Printer) -> None:
        """Let a printer say all."""
        if printer.offline_since is None:
            status = self._status(printer)
            self._say(printer, reports.full(printer, status, self._number(printer)))

    def say_versions(self, printer: Printer) -> None:
        """Let a printer say what it consists of."""
        if printer.offline_since is None:
            self._say(printer, reports.versions(printer, "0"))

    async def is_heard(self) -> None:
        """Wait until all that was said is heard."""
        # Whoever follows and asks does so upon what is said.
        for _ in range(ROUNDS):
            await asyncio.sleep(0)

    def follow(self, dev_id: str) -> None:
        """Let a printer say from here on what has changed."""
        self._status(self.cloud.printer(dev_id))

    def _number(self, printer: Printer) -> int:
        self._numbers[printer.dev_id] += 1
        return self._numbers[printer.dev_id]

    def _status(self, printer: Printer) -> reports.Body:
        number = self._numbers[printer.dev_id]
        status = reports.status(self.cloud, printer, datetime.now(UTC), number)
        self._told[printer.dev_id] = status
        return status

    def _say(self, printer: Printer, body: reports.Body, *, is_news: bool = True) -> None:
        message = parse(reports.encoded(printer, body))
        dev_id = printer.dev_id
        self.done["said"] += 1
        self._messages[dev_id] += 1
        if message is None:
            return
        chance = Random(f"{self._seed}:{dev_id}:{self._messages[dev_id]}")  # noqa: S311 - chance
        fate = "heard"
        if chance.random() < self.share:
            fate = chance.choice(("lost", "repeated", "late"))
        self.done[fate] += 1
        if fate == "lost" and is_news:
            self.lost[dev_id].append(datetime.now(UTC))
        messages = {"lost": [], "repeated": [message] * 2}.get(fate, [message])
        if dev_id in self._waiting:
            self._waiting[dev_id] += messages
        elif fate == "late":
            self._waiting[dev_id] = messages
            way = chance.uniform(1, LONGEST_WAY)
            asyncio.get_running_loop().call_later(way, self._arrive, dev_id, self.session)
        else:
            self._deliver(dev_id, messages, self.session)

    def _arrive(self, dev_id: str, session: Session | None) -> None:
        self._deliver(dev_id, self._waiting.pop(dev_id), session)

    def _deliver(self, dev_id: str, messages: list[Any], session: Session | None) -> None:
        # A connection that was cut takes with it what was on its way.
        if session is not None and session is self.session:
            for message in messages:
                session.hear(dev_id, message)


class Session:
    """One session with the broker, which answers as `api.live` does."""

    dropped = 0

    def __init__(self, broker: Broker, uid: str, token: str) -> None:
        """Initialize the session of an account."""
        self.followed = set[str]()
        self._broker = broker
        self._uid = uid
        self._token = token
        self._said = asyncio.Queue[Any]()

    async def __aenter__(self) -> Self:
        """Connect, if the broker is there and takes the token."""
        if self._broker.is_away:
            raise CannotConnectError("MQTT broker: ConnectionRefusedError")
        account = self._broker.cloud.accounts.of_token(self._token, datetime.now(UTC))
        if account is None or account.mqtt_refused or str(account.uid) != self._uid:
            raise BrokerRefusedError("MQTT broker: not authorized")
        self._broker.session = self
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        if self._broker.session is self:
            self._broker.session = None

    async def follow(self, *printer_ids: str) -> set[str]:
        """Hear printers; none is refused."""
        for each in printer_ids:
            self._broker.follow(each)
        self.followed.update(printer_ids)
        return set()

    async def unfollow(self, *printer_ids: str) -> None:
        """Hear printers no more."""
        self.followed.difference_update(printer_ids)

    async def ask_for_everything(self, printer_id: str) -> None:
        """Have a printer say all."""
        self._broker.say_everything(self._broker.cloud.printer(printer_id))

    async def ask_for_versions(self, printer_id: str) -> None:
        """Have a printer say what it consists of."""
        self._broker.say_versions(self._broker.cloud.printer(printer_id))

    def hear(self, printer_id: str, message: Any) -> None:
        """Take what a printer says."""
        self._said.put_nowait((printer_id, message))

    def end(self, failure: Exception) -> None:
        """Let the session end after what was said."""
        self._said.put_nowait(failure)

    def __aiter__(self) -> Self:
        """Iterate over what is said."""
        return self

    async def __anext__(self) -> Any:
        """Return what is said next, with its printer."""
        said = await self._said.get()
        if isinstance(said, Exception):
            raise said
        return said
