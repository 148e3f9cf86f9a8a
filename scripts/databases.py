"""Proves that the recorder keeps the same on every database that Home Assistant knows.

Each database is a server of its own, of an ordinary user, in a temporary folder and reached by a
socket there. The tests that look into the recorder's database run on each.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
import os
from pathlib import Path
import shutil
from signal import SIGTERM, signal
import sqlite3
import subprocess
from subprocess import PIPE, STDOUT
import sys
from tempfile import TemporaryDirectory
import time
from xml.etree import ElementTree as ET

from scripts import figures

ROOT = Path(__file__).parents[1]
SHORT = ("tests/test_databases.py",)
ALL = (*SHORT, "tests/test_statistics.py", "tests/test_logbook.py")
TABLES = ("statistics", "states", "state_attributes", "events")
PATIENCE = 60
# Neither server runs as root.
NOBODY = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


class DatabaseError(Exception):
    """A server does not start."""


@dataclass
class Outcome:
    """What the tests have said of one database."""

    database: str
    version: str
    passed: int
    failed: list[str]
    seconds: float
    rows: Counter[str]
    # By test, what tells if any of its statistics is another.
    digests: dict[str, str]


@contextmanager
def running(command: list[str], folder: Path, socket: Path) -> Iterator[None]:
    """Have a server until it is no longer needed, whatever happens."""
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603
            command, stdout=log, stderr=log, cwd=folder, **NOBODY
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not socket.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                raise DatabaseError((folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(PATIENCE)
        server.kill()
        server.wait()


def prepare(command: list[str], folder: Path) -> None:
    """Make the files of a server."""
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, stdout=PIPE, stderr=STDOUT, text=True, check=False, **NOBODY
    )
    if done.returncode:
        raise DatabaseError(done.stdout[-2000:])


def version_of(program: Path) -> str:
    """Return what a program says of its version: the first number in it."""
    said = subprocess.check_output([program, "--version"], text=True)  # noqa: S603
    return next(word for word in said.split() if word[0].isdigit()).split("-")[0]


@contextmanager
def sqlite(folder: Path) -> Iterator[tuple[str, str]]:
    """Give the version and the address of the database that Home Assistant has by itself."""
    yield sqlite3.sqlite_version, "sqlite://"


@contextmanager
def postgresql(folder: Path) -> Iterator[tuple[str, str]]:
    """Give the version and the address of a PostgreSQL."""
    found = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    program = max(found, key=lambda path: int(path.parts[-3]))
    data = folder / "data"
    # Nothing has to outlive the test.
    prepare(
        [
            *(str(program.with_name("initdb")), "--pgdata", str(data), "--no-sync"),
            *("--username=homeassistant", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"),
        ],
        folder,
    )
    command = [str(program), "-D", str(data), "-k", str(folder), "-F", "-c", "listen_addresses="]
    with running(command, folder, folder / ".s.PGSQL.5432"):
        yield version_of(program), f"postgresql://homeassistant@/homeassistant?host={folder}"


@contextmanager
def mariadb(folder: Path) -> Iterator[tuple[str, str]]:
    """Give the version and the address of a MariaDB."""
    program = Path(shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin") or "mariadbd")
    data, socket = folder / "data", folder / "socket"
    prepare(
        [
            *("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db"),
            "--auth-root-authentication-method=normal",
        ],
        folder,
    )
    command = [
        *(str(program), "--no-defaults", f"--datadir={data}", f"--socket={socket}"),
        *("--skip-networking", f"--pid-file={folder / 'pid'}"),
    ]
    with running(command, folder, socket):
        url = f"mysql://root@localhost/homeassistant?charset=utf8mb4&unix_socket={socket}"
        yield version_of(program), url


DATABASES = {"SQLite": sqlite, "PostgreSQL": postgresql, "MariaDB": mariadb}


def check(database: str, tests: tuple[str, ...]) -> Outcome:
    """Run tests on a database."""
    with TemporaryDirectory(prefix="db-") as name:
        folder = Path(name)
        for each in (folder, folder / "data"):
            each.mkdir(exist_ok=True)
            if NOBODY:
                shutil.chown(each, "nobody", "nogroup")
        # initdb wants it so.
        (folder / "data").chmod(0o700)
        folder.chmod(0o755)
        with DATABASES[database](folder) as (version, url):
            report = folder / "report.xml"
            began = time.monotonic()
            subprocess.run(  # noqa: S603
                [
                    *(sys.executable, "-m", "pytest", "-q", "-p", "no:cov", "-p", "no:randomly"),
                    *(f"--dburl={url}", "--tb=short", "--show-capture=no"),
                    # The other kind has no room for the figures.
                    *(f"--junit-xml={report}", "--override-ini=junit_family=xunit1"),
                    *tests,
                ],
                cwd=ROOT,
                stdout=sys.stderr,
                check=False,
            )
            seconds = time.monotonic() - began
            return outcome(database, version, seconds, ET.parse(report))  # noqa: S314 - of pytest


def outcome(database: str, version: str, seconds: float, report: ET.ElementTree) -> Outcome:
    """Read what the tests have left."""
    rows: Counter[str] = Counter()
    digests: dict[str, str] = {}
    failed, passed = [], 0
    for case in report.iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        else:
            passed += 1
        for each in case.iter("property"):
            key, value = each.get("name", ""), each.get("value", "")
            if key == "digest":
                digests[name] = value
            else:
                rows[key] += int(value)
    return Outcome(database, version, passed, failed, seconds, rows, digests)


def table(outcomes: list[Outcome]) -> str:
    """Return the figures as Markdown."""
    lines = [
        "| database | version | tests | statistics | states | attributes | events | seconds | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    first = outcomes[0]
    for each in outcomes:
        cells = [
            *(each.database, each.version, f"{each.passed} of {each.passed + len(each.failed)}"),
            *(f"{each.rows[key]:,}" for key in TABLES),
            *(f"{each.seconds:.0f}", "✗" if wrong(each, first) else "✓"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def wrong(each: Outcome, first: Outcome) -> list[str]:
    """Return what is not as it should be, beside what the first database has."""
    same = each.digests == first.digests and each.rows == first.rows and each.rows
    return [*each.failed, *([] if same else [f"other rows than {first.database}"])]


def main() -> int:
    """Check all of them."""
    parser = argparse.ArgumentParser(prog="scripts/databases")
    parser.add_argument("--short", action="store_true", help="only the tests of odd titles")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    arguments = parser.parse_args()
    tests = SHORT if arguments.short else ALL
    # So that no server stays behind.
    signal(SIGTERM, lambda *_: sys.exit(1))
    try:
        outcomes = [check(database, tests) for database in DATABASES]
    except DatabaseError as err:
        print(f"[databases] A server does not start: {err}", file=sys.stderr)
        return 1
    print(table(outcomes))
    mistakes = [
        f"{each.database}: {what}" for each in outcomes for what in wrong(each, outcomes[0])
    ]
    print(*mistakes, sep="\n", end="\n" if mistakes else "")
    if arguments.write:
        figures.write("reliability", "scripts/databases", table(outcomes))
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
