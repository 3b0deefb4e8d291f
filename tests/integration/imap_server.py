"""A mailbox that speaks as much IMAP4rev1 as a client that looks for unseen mails asks for."""

from __future__ import annotations

import contextlib
import re
import socketserver
import ssl
import threading
from typing import ClassVar


class Mailbox(socketserver.ThreadingTCPServer):
    """Serves on loopback; ``mails`` are its content by number, ``seen`` those that were marked."""

    allow_reuse_address: ClassVar[bool] = True  # type: ignore[misc]
    daemon_threads: ClassVar[bool] = True  # type: ignore[misc]

    def __init__(self, mails: dict[int, bytes], password: str = "secret", tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        if tls is not None:
            # The handshake is the session's: who does not trust us must not end the server.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.mails = mails
        self.password = password
        self.seen: set[int] = set()
        self.commands: list[str] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Session(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            self._talk()

    def finish(self) -> None:
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            super().finish()

    def _talk(self) -> None:
        self._say("* OK IMAP4rev1 ready")
        while line := self.rfile.readline():
            tag, _, command = line.decode().strip().partition(" ")
            self.server.commands.append(command.partition(" ")[0].upper())
            self._answer(tag, command)

    def _answer(self, tag: str, command: str) -> None:
        name = command.partition(" ")[0].upper()
        if name == "LOGIN" and f'"{self.server.password}"' not in command:
            self._say(f"{tag} NO [AUTHENTICATIONFAILED] {command}")
            return
        if name == "CAPABILITY":
            self._say("* CAPABILITY IMAP4rev1")
        elif name == "SELECT":
            self._say(f"* {len(self.server.mails)} EXISTS")
        elif name == "LOGOUT":
            self._say("* BYE")
        elif name == "UID":
            self._uid(command[4:])
        self._say(f"{tag} OK done")

    def _uid(self, command: str) -> None:
        if command.startswith("SEARCH"):
            unseen = sorted(set(self.server.mails) - self.server.seen)
            self._say("* SEARCH " + " ".join(str(number) for number in unseen))
        elif found := re.fullmatch(r"FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", command):
            mail = self.server.mails[int(found.group(1))][: int(found.group(2))]
            self._say(f"* 1 FETCH (UID {found.group(1)} BODY[]<0> {{{len(mail)}}}")
            self.wfile.write(mail)
            self._say(")")
        elif found := re.fullmatch(r"STORE (\d+) \+FLAGS\.SILENT \(\\Seen\)", command):
            self.server.seen.add(int(found.group(1)))

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")
