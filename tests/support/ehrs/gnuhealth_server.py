"""One running GNU Health server of the tests: on a free port, stopped by its pid, asked over its own JSON-RPC."""

import base64
import json
import os
import re
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.ehrs import gnuhealth_install as install


class RpcRefused(Exception):
    """The server's own error, or the HTTP status where it gave no JSON."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def post(url: str, method: str, params: list[Any], authorization: str | None = None) -> Any:
    headers = {"Content-Type": "application/json"}
    headers |= {"Authorization": authorization} if authorization else {}
    body = json.dumps({"id": 1, "method": method, "params": params}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
            said = json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        raise RpcRefused(error.code) from None
    if "error" in said:
        raise RpcRefused(said["error"])
    return said["result"]


class Server:
    """`databases` are SQLite files in `folder`; the first is `database`. `users` maps logins to passwords."""

    def __init__(self, folder: Path, databases: list[str], users: dict[str, str], **config: Any) -> None:
        self.folder, self.databases, self.users = folder, databases, users
        self.port = free_port()
        self.config: dict[str, Any] = {"authentications": "password"} | config
        self._process: subprocess.Popen[bytes] | None = None
        self._admin: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        return self.databases[0]

    def start(self) -> None:
        install.configure(self.folder, port=self.port, **self.config)
        program = install.environment() / "venv/bin/trytond"
        command = [program, "-c", self.folder / "trytond.conf", "-d", *self.databases]
        env = os.environ | {"PYTHONPATH": str(install.LAB), "COBALT_LAB_SMS": str(self.folder / "texts.jsonl")}
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen([str(word) for word in command], env=env, stdout=log, stderr=log)
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                return post(self.url + "/", "common.server.version", [])
            except OSError:
                if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "server.log").read_text()[-4000:]) from None
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
        self._process = None
        self._admin.clear()

    def restart(self) -> None:
        self.stop()
        self.start()

    def rpc(self, method: str, *params: Any, database: str | None = None) -> Any:
        """A call as `admin`; the context is added."""
        name = database or self.database
        if name not in self._admin:
            self._admin[name] = self.sign_in("admin", install.ADMIN_PASSWORD, name)
        return post(f"{self.url}/{name}/", method, [*params, {}], self._admin[name])

    def sign_in(self, login: str, password: str, database: str | None = None, code: str | None = None) -> str:
        """The value of an Authorization header."""
        words = {"password": password} | ({"sms_code": code} if code else {})
        url = f"{self.url}/{database or self.database}/"
        try:
            user, key = post(url, "common.db.login", [login, words, "en"])
        except RpcRefused as refused:
            if code or "sms_code" not in str(refused):
                raise
            return self.sign_in(login, password, database, self.last_code(login))
        return "Session " + base64.b64encode(f"{login}:{user}:{key}".encode()).decode()

    def texts(self) -> list[dict[str, str]]:
        """Every text message so far: `to` and `text`."""
        file = self.folder / "texts.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def last_code(self, login: str) -> str:
        """The code in the last text to this user's mobile, without asking for one."""
        mobile = self._rows("SELECT mobile FROM res_user WHERE login = ?", login)[0][0]
        sent = [text["text"] for text in self.texts() if text["to"] == mobile]
        return re.findall(r"\d{6}", sent[-1])[-1]

    def forget_codes(self) -> None:
        """As if five minutes had passed: the server sends a new code at the next sign-in."""
        self._rows("DELETE FROM res_user_login_sms_code")

    def forget_attempts(self) -> None:
        """As if the lock-out were over; failed sign-ins also make the server sleep."""
        self._rows("DELETE FROM res_user_login_attempt")

    def drop_sessions(self) -> None:
        """As if every session had ended."""
        self._rows("DELETE FROM ir_session")
        self._admin.clear()

    def sessions(self, login: str) -> int:
        rows = self._rows(
            "SELECT count(*) FROM ir_session JOIN res_user u ON u.id = ir_session.create_uid WHERE login = ?", login
        )
        return rows[0][0]

    def set_password(self, login: str, new: str) -> None:
        user = self.rpc("model.res.user.search", [["login", "=", login]], 0, 1, None)
        self.rpc("model.res.user.write", user, {"password": new})
        self.users[login] = new

    def made_earlier(self, appointment: int) -> None:
        """As if it had been made before all the others."""
        self._rows("UPDATE gnuhealth_appointment SET create_date = '2025-01-01 12:00:00' WHERE id = ?", appointment)

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        """Only for what time would do: the sessions, codes and link sessions that the server keeps."""
        found: list[Any] = []
        for name in self.databases:
            connection = sqlite3.connect(self.folder / f"{name}.sqlite", timeout=30)
            with connection:
                found += connection.execute(sql, values).fetchall()
            connection.close()
        return found
