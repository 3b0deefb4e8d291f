from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from notifiers.operations.channel import OperationsChannel
from notifiers.operations.config import OperationsConfig, urls_of


class Room(ThreadingHTTPServer):
    """A chat room that keeps what it is told, at the other end of the wire."""

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Listener)
        self.status = status
        self.heard: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"json://user:canary-password@127.0.0.1:{self.server_port}/canary-token"


class _Listener(BaseHTTPRequestHandler):
    server: Room

    def do_POST(self) -> None:
        self.server.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def rooms() -> Iterator[tuple[Room, Room]]:
    """One that works, and one that is broken."""
    opened = (Room(), Room(500))
    threads = [threading.Thread(target=room.serve_forever, args=(0.02,)) for room in opened]
    for thread in threads:
        thread.start()
    yield opened
    for room, thread in zip(opened, threads, strict=True):
        room.shutdown()
        thread.join()
        room.server_close()


def channel(*urls: str) -> OperationsChannel:
    return OperationsChannel(OperationsConfig(urls=urls))


def test_the_team_is_told_once_on_each_of_its_channels(rooms: tuple[Room, Room]) -> None:
    room, _ = rooms
    assert channel(room.url).tell("Kizashi: rules", "- the rules can't be used", good_news=False)
    [heard] = room.heard
    assert (heard["title"], heard["message"], heard["type"]) == (
        "Kizashi: rules",
        "- the rules can't be used",
        "warning",
    )


def test_one_channel_that_works_is_enough_and_a_broken_one_is_not(rooms: tuple[Room, Room]) -> None:
    room, broken = rooms
    assert channel(broken.url, room.url).tell("t", "x", good_news=True)
    assert not channel(broken.url).tell("t", "x", good_news=True)
    assert room.heard[0]["type"] == "success"


def test_nobody_there_is_not_told(rooms: tuple[Room, Room]) -> None:
    room, _ = rooms
    nobody = room.url.replace(str(room.server_port), "9")
    assert not channel(nobody).tell("t", "x", good_news=False)


def test_no_secret_is_in_any_log_or_error(rooms: tuple[Room, Room], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for room in rooms:
        channel(room.url).tell("t", "x", good_news=False)
    with pytest.raises(ValueError, match="number 2 is not a URL") as refused:
        channel(rooms[0].url, "nonsense://canary")
    said = repr([(each.getMessage(), vars(each)) for each in caplog.records]) + str(refused.value)
    said += repr(OperationsConfig(urls=(rooms[0].url,)))
    assert "canary" not in said


def test_urls_are_separated_by_spaces_or_lines_and_there_is_at_least_one() -> None:
    assert urls_of(" json://a  json://b\n\njson://c\n") == ("json://a", "json://b", "json://c")
    with pytest.raises(ValueError, match=r"operations\.urls is empty"):
        OperationsConfig(urls=urls_of(" \n"))


def test_apprise_is_loaded_by_nobody_who_does_not_use_it() -> None:
    code = "import sys, gateway.delivery.run, notifiers.operations.config; print('apprise' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (found.stdout.strip(), found.stderr) == ("False", "")
