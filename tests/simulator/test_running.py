"""The program: its arguments, its ports and its end."""

import asyncio
import os
import signal
import socket

from aiohttp import ClientConnectionError, ClientSession
import pytest

from simulator import Simulator, __main__ as program


def test_arguments() -> None:
    options = program.arguments(["--port", "0"])
    assert (options.time_factor, options.era, options.seed) == (60.0, "2026", 1)
    words = "--port 1 --era 2022 --printers 5 --history 7 --faults slow empty --seed 9"
    options = program.arguments(words.split())
    assert (options.era, options.printers, options.history) == ("2022", 5, 7)
    assert (options.faults, options.seed) == (["slow", "empty"], 9)
    assert not options.card_keeps_job
    assert (options.mqtt_port, options.list_id) == (None, "task_id")
    assert program.arguments(["--port", "1", "--card-keeps-job"]).card_keeps_job
    options = program.arguments(["--port", "1", "--mqtt-port", "0", "--list-id", "both"])
    assert (options.mqtt_port, options.list_id) == (0, "both")


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ("--port", "-1"),
        ("--port", "65536"),
        ("--port", "http"),
        ("--mqtt-port", "65536"),
        ("--time-factor", "0"),
        ("--time-factor", "-1"),
        ("--time-factor", "nan"),
        ("--time-factor", "inf"),
        ("--printers", "-1"),
        ("--history", "-1"),
        pytest.param("--history", "9" * 5000, id="too long"),
    ],
)
def test_impossible_arguments(capsys: pytest.CaptureFixture[str], option: str, word: str) -> None:
    with pytest.raises(SystemExit):
        program.arguments(["--port", "0", option, word])
    assert f"argument {option}: {word} is no number from " in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--port"], ["--port", "0", "--mqtt-port"]])
async def test_busy_port(socket_enabled: None, words: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        options = program.arguments([*words, str(server.getsockname()[1])])
        with pytest.raises(SystemExit, match=r"The simulator cannot listen: .+ in use"):
            await program.run(options)


async def test_program_serves_until_a_signal(
    socket_enabled: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: asyncio.Future[Simulator] = asyncio.get_running_loop().create_future()

    class Watched(Simulator):
        async def start(self, port: int = 0, host: str = "127.0.0.1", mqtt_port: int = 0) -> None:
            await super().start(port, host, mqtt_port)
            started.set_result(self)

    monkeypatch.setattr(program, "Simulator", Watched)
    words = "--port 0 --era 2022 --card-keeps-job --faults not_found --mqtt-port 0"
    options = program.arguments(words.split())
    running = asyncio.create_task(program.run(options))
    simulator = await started
    url, cloud = simulator.url, simulator.cloud
    assert (cloud.era, cloud.card_keeps_job) == ("2022", True)
    async with ClientSession() as session:
        async with session.get(f"{url}/api/csrf") as response:
            assert response.status == 404
        os.kill(os.getpid(), signal.SIGTERM)
        await running
        assert capsys.readouterr().out.splitlines() == [
            f"Simulated Bambu Lab cloud at {url}",
            f"Its broker at {simulator.mqtt_url}",
        ]
        for ended in (url, simulator.mqtt_url.replace("mqtt", "http")):
            with pytest.raises(ClientConnectionError):
                await session.get(ended)
