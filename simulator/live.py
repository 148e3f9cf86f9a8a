"""The cloud's MQTT: who may connect to its broker, and what the printers say there, and when."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import json
from random import Random
import re
from typing import Any, Literal

from . import reports
from .broker import Broker, Client, Message, Publication
from .cloud import Cloud, Printer

LISTED = 20_000
# How often a printer says nothing while it is off, and every how many messages one is not its own.
EMPTY_EVERY = timedelta(seconds=30)
FOREIGN_EVERY = 8
AT_ONCE = ("gcode_state", "print_error")
TOPIC = re.compile(r"device/([^/+#]+)/(report|request)")
# What clients may publish, beside a sequence id.
ALLOWED: Mapping[str, Mapping[str, Any]] = {
    "pushing": {"command": "pushall", "version": 1, "push_target": 1},
    "info": {"command": "get_version"},
}
SEQUENCE_ID = re.compile(r"[0-9]{1,9}")

type Mqtt = bool | Literal["manual"]


@dataclass(slots=True)
class Talk:
    """How far a printer is with what it says."""

    # Whether the cloud has told that it is off, and how many of its returns it has told of.
    gone: bool = False
    returns: int = 0
    sequence: int = 0
    said: reports.Body = field(default_factory=dict)
    # How many of its next messages are lost.
    lost: int = 0
    versions_told: int = 0
    # When it spoke last by itself, and for how long it then says only what cannot wait.
    spoke: datetime | None = None
    pause: timedelta = timedelta()


def request(body: bytes) -> tuple[str, str] | None:
    """Return the command and the sequence id of one of the two requests that are allowed."""
    try:
        asked = json.loads(body)
        ((section, words),) = asked.items()
        number = words.pop("sequence_id")
        allowed = words == ALLOWED[section] and SEQUENCE_ID.fullmatch(number)
    except ValueError, TypeError, AttributeError, LookupError:
        return None
    return (words["command"], number) if allowed else None


class Live:
    """The MQTT of a cloud; with "manual" no printer says anything without being asked or told."""

    def __init__(self, cloud: Cloud, *, mqtt: Mqtt = False, silence: float = 200) -> None:
        """Begin without a broker; `silence` is how many seconds later an end of power is told."""
        self.cloud = cloud
        self.mqtt = mqtt
        self.mqtt_url = ""
        self._silence = timedelta(seconds=silence)
        self._broker = Broker(self)
        self._speaking: asyncio.Task[None] | None = None
        self._chance = Random(cloud.seed)
        self._talks = {
            printer.dev_id: Talk(gone=printer.offline_since is not None)
            for printer in cloud.all_printers()
        }
        self._clients: list[Client] = []
        # The ids of clients in the order in which they came.
        self._ids: dict[str, int] = {}
        self._logged = 0
        self._log: list[dict[str, Any]] = []
        self._accidents: list[dict[str, Any]] = []

    # The broker

    async def start_broker(self, port: int = 0) -> None:
        """Start the broker, on the port that it had before or on this one."""
        if self._broker.running:
            raise ValueError("The broker is running")
        await self._broker.start(self._broker.port or port)
        self.mqtt_url = f"mqtt://127.0.0.1:{self._broker.port}"
        if self.mqtt is True:
            self._speaking = asyncio.create_task(self._speak())

    async def stop_broker(self) -> None:
        """Stop the broker, which cuts all connections."""
        if self._speaking:
            self._speaking.cancel()
            with suppress(asyncio.CancelledError):
                await self._speaking
            self._speaking = None
        await self._broker.stop()

    async def drop_sessions(self, account: str | None = None) -> None:
        """Cut the connections of an account, or all."""
        owner = self.cloud.accounts.find(account) if account else None
        self._need_broker()
        await self._broker.cut(lambda client: owner in (None, client.account))

    def _need_broker(self) -> None:
        if not self._broker.running:
            raise ValueError("The broker is not running")

    # What the broker asks

    def admits(self, client: Client, user: str | None, password: str | None) -> bool:
        """Return whether a client may connect: with the number of an account and its token."""
        account = self.cloud.accounts.of_token(password or "", datetime.now(UTC))
        if account is None or user != f"u_{account.uid}" or account.mqtt_refused:
            known = {f"u_{known.uid}": known.alias for known in self.cloud.accounts}
            self._note("refused", client, account=known.get(user or ""))
            return False
        client.account = account
        self._clients.append(client)
        self._note("connect", client)
        return True

    def may_subscribe(self, client: Client, topic: str) -> bool:
        """Return whether a client may subscribe: to the reports of a printer of its account."""
        dev_id = self._dev_id(topic, "report")
        if dev_id is None or not self._owns(client, dev_id):
            self._note("subscribe_refused", client, topic=topic)
            return False
        if not self._heard(dev_id):
            # It goes on from here, and nothing that it said before was heard.
            self._state(self.cloud.printer(dev_id), self._talk(dev_id))
        client.dev_ids.add(dev_id)
        self._note("subscribe", client, dev_id=dev_id)
        return True

    def may_hear(self, client: Client, topic: str) -> bool:
        """Return whether the printer still is one of the account's."""
        dev_id = self._dev_id(topic, "report")
        return dev_id is not None and self._owns(client, dev_id)

    def unsubscribes(self, client: Client, topic: str) -> None:
        """Note that a client wants a topic no more."""
        if dev_id := self._dev_id(topic, "report"):
            client.dev_ids.discard(dev_id)
            self._note("unsubscribe", client, dev_id=dev_id)

    def leaves(self, client: Client) -> None:
        """Note that a connection has ended."""
        self._clients.remove(client)
        self._note("disconnect", client)

    def published(self, client: Client, publication: Publication) -> bool:
        """Answer the two requests that are allowed; everything else is an accident."""
        dev_id = self._dev_id(publication.topic, "request")
        asked = request(publication.body)
        plain = publication.qos == 0 and not publication.retain
        if dev_id is None or asked is None or not plain or not self._owns(client, dev_id):
            self._note("accident", client, dev_id=dev_id)
            body = publication.body.decode(errors="replace")
            self._accidents.append({**self._log[-1], "topic": publication.topic, "body": body})
            return False
        command, number = asked
        self._note(command, client, dev_id=dev_id)
        printer, talk = self.cloud.printer(dev_id), self._talk(dev_id)
        if printer.offline_since:
            return True
        if command == "pushall":
            answer = self._full(printer, talk)
        else:
            talk.versions_told += 1
            early = talk.versions_told == 1
            answer = self._message(printer, reports.versions(printer, number, early=early))
            for each in printer.units.values():
                each.untold = max(0, each.untold - 1)
        self._broker.send([answer])
        return True

    def _dev_id(self, topic: str, kind: str) -> str | None:
        found = TOPIC.fullmatch(topic)
        return found[1] if found and found[2] == kind else None

    def _owns(self, client: Client, dev_id: str) -> bool:
        account = client.account
        return account is not None and self.cloud.is_bound(dev_id, account)

    def _heard(self, dev_id: str) -> bool:
        """Return whether anybody listens to a printer."""
        return any(dev_id in client.dev_ids for client in self._clients)

    # The log

    def _note(self, what: str, client: Client, **more: Any) -> None:
        self._logged += 1
        entry = {
            "n": self._logged,
            "at": datetime.now(UTC).isoformat(),
            "what": what,
            "account": client.account and client.account.alias,
            "client": self._ids.setdefault(client.id, len(self._ids) + 1),
        }
        self._log.append(entry | more)
        del self._log[:-LISTED]

    def mqtt_log(self, since: int = 0) -> list[dict[str, Any]]:
        """Return what clients did after number `since`.

        `what` is connect, refused, disconnect, subscribe, subscribe_refused, unsubscribe, pushall,
        get_version or accident; `client` is the number of its id, the same for the same id.
        """
        return [entry for entry in self._log if entry["n"] > since]

    def accidents(self) -> list[dict[str, Any]]:
        """Return what clients published beyond the two requests that are allowed."""
        return list(self._accidents)

    def mqtt_state(self, since: int = 0) -> dict[str, Any]:
        """Return who is connected, and what clients did after number `since`."""
        return {
            "url": self.mqtt_url,
            "running": self._broker.running,
            "sessions": [
                {
                    "account": client.account and client.account.alias,
                    "client": self._ids[client.id],
                    "dev_ids": sorted(client.dev_ids),
                }
                for client in self._clients
            ],
            "log": self.mqtt_log(since),
            "accidents": self.accidents(),
        }

    def clear_mqtt_log(self) -> None:
        """Forget what clients did, accidents too; the numbers go on."""
        self._log.clear()
        self._accidents.clear()

    # What printers say

    def _talk(self, dev_id: str) -> Talk:
        return self._talks.setdefault(dev_id, Talk())

    def _message(self, printer: Printer, body: reports.Body | bytes) -> Message:
        sent = body if isinstance(body, bytes) else reports.encoded(printer, body)
        return f"device/{printer.dev_id}/report", sent

    def _state(self, printer: Printer, talk: Talk) -> reports.Body:
        """Return the state of a printer, which counts as told."""
        now = datetime.now(UTC)
        talk.said = reports.status(self.cloud, printer, now, talk.sequence)
        return talk.said

    def _full(self, printer: Printer, talk: Talk) -> Message:
        """Say everything."""
        talk.sequence += 1
        body = reports.full(printer, self._state(printer, talk), talk.sequence)
        return self._message(printer, body)

    def _delta(self, printer: Printer, talk: Talk) -> list[Message]:
        """Say what has changed since the last message, whether that arrived or not."""
        talk.sequence += 1
        before, after = talk.said, self._state(printer, talk)
        if talk.lost:
            talk.lost -= 1
            return []
        return [self._message(printer, reports.delta(printer, before, after, talk.sequence))]

    def _presence(self, printer: Printer, talk: Talk, now: datetime) -> list[Message]:
        """Say that a printer went or came back, as long as there is something to say of that."""
        connected = self._message(printer, reports.event("connected", now))
        disconnected = self._message(printer, reports.event("disconnected", now))
        if since := printer.offline_since:
            if talk.gone:
                return []
            talk.gone = now - since >= self._silence
            return [disconnected if talk.gone else self._message(printer, {})]
        if talk.returns == printer.returns:
            return []
        events = [connected] if talk.gone else [disconnected, connected]
        if printer.off_for < self._silence and printer.number % 2:
            # Of both within a second nobody knows which comes first.
            events.reverse()
        talk.gone, talk.returns = False, printer.returns
        return [*events, self._full(printer, talk)]

    async def push(self, dev_id: str, *, full: bool = False) -> None:
        """Let a printer speak: of its power if that was switched, else of what has changed.

        One that is off says `{}` until the cloud tells that it is gone, and then nothing.
        """
        self._need_broker()
        printer, talk = self.cloud.printer(dev_id), self._talk(dev_id)
        messages = self._presence(printer, talk, datetime.now(UTC))
        if not messages and printer.offline_since is None:
            messages = [self._full(printer, talk)] if full else self._delta(printer, talk)
        await self._send(messages)

    async def publish(self, dev_id: str, body: reports.Body | bytes) -> None:
        """Send any message as a printer's."""
        self._need_broker()
        await self._send([self._message(self.cloud.printer(dev_id), body)])

    async def _send(self, messages: list[Message]) -> None:
        await asyncio.wrap_future(self._broker.send(messages))

    def lose(self, dev_id: str, number: int = 1) -> None:
        """Lose the next messages of a printer that nobody has asked for."""
        self._talk(self.cloud.printer(dev_id).dev_id).lost = number

    def mqtt_secrets(self) -> list[str]:
        """Return everything in the messages that nobody but the owner may see."""
        return reports.secrets(self.cloud)

    def _has_news(self, printer: Printer, talk: Talk, now: datetime) -> bool:
        """Return whether a printer speaks up: some say nothing while they rest."""
        quiet = now - talk.spoke if talk.spoke else timedelta.max
        if since := printer.offline_since:
            return not talk.gone and (quiet >= EMPTY_EVERY or now - since >= self._silence)
        state = reports.status(self.cloud, printer, now, talk.sequence)
        if talk.returns != printer.returns or any(state[key] != talk.said[key] for key in AT_ONCE):
            return True
        if quiet < talk.pause:
            return False
        return state != talk.said or reports.talkative(printer, state)

    async def speak_up(self) -> None:
        """Let the printers speak that somebody listens to and that have something to say."""
        for dev_id in self._listened_to():
            printer, talk = self.cloud.printer(dev_id), self._talk(dev_id)
            now = datetime.now(UTC)
            if not self._has_news(printer, talk, now):
                continue
            talk.spoke, talk.pause = now, timedelta(seconds=self._chance.uniform(2, 3))
            await self.push(dev_id)
            if talk.sequence % FOREIGN_EVERY == 0 and printer.offline_since is None:
                others = reports.foreign(printer)
                await self.publish(dev_id, others[talk.sequence // FOREIGN_EVERY % len(others)])

    async def _speak(self) -> None:
        while True:
            await self.speak_up()
            await asyncio.sleep(0.5)

    def _listened_to(self) -> Iterable[str]:
        return sorted({dev_id for client in self._clients for dev_id in client.dev_ids})
