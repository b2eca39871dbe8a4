# SPDX-License-Identifier: Apache-2.0
"""A cloud as a real process on a loopback port, the helper that writes its hub's log, and how to wait and check."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))

from world.ports import free_port  # noqa: E402

BUILD = pathlib.Path(os.environ["BUSWARD_BUILD"])
DEADLINE_S = 30
T0 = (int(time.time()) // 60 - 2000) * 60_000


class Cloud:
    def __init__(self, folder: pathlib.Path, *options: str):
        self.folder = folder
        self.options = options
        self.port = free_port()
        self.cookie = self.csrf = self.device = None
        self.process = None

    def start(self) -> None:
        command = [BUILD / "apps/cloud/busward-cloud", "--data", self.folder / "data", "--hub-log", self.folder / "log",
                   "--listen", f"127.0.0.1:{self.port}", "--web", self.folder / "web", *self.options]
        with open(self.folder / "cloud.log", "ab") as log:
            self.process = subprocess.Popen(command, stderr=log)
        wait_for(lambda: self.ask("GET", "/healthz")[0] == 200, "the server")

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(DEADLINE_S)

    def connect(self, source: str | None = None) -> http.client.HTTPConnection:
        where = (source, 0) if source else None
        if "--cert" not in self.options:
            return http.client.HTTPConnection("127.0.0.1", self.port, DEADLINE_S, where)
        context = ssl.create_default_context(cafile=self.folder / "cert.pem")
        return http.client.HTTPSConnection("localhost", self.port, timeout=DEADLINE_S, context=context)

    def ask(self, method: str, path: str, body=None, headers=None, source=None):
        """(status, headers, parsed or raw body)"""
        sent = dict(headers or {})
        if self.cookie:
            sent["Cookie"] = self.cookie
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        with contextlib.closing(self.connect(source)) as connection:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            raw = answer.read()
            is_json = answer.getheader("Content-Type", "").startswith("application/json")
            return answer.status, answer.headers, json.loads(raw) if is_json and raw else raw

    def get(self, path: str):
        status, _, body = self.ask("GET", path)
        check(status == 200, f"GET {path} gives {status} {body}")
        return body

    def log_in_by(self, path: str, body: dict) -> None:
        status, headers, answer = self.ask("POST", path, body)
        check(status in (200, 201), f"{path}: {status} {answer}")
        cookies = headers.get_all("Set-Cookie")
        for cookie in cookies:
            check("HttpOnly" in cookie and "SameSite=Strict" in cookie, cookie)
        self.cookie, self.device = (cookie.split(";")[0] for cookie in cookies)
        check(self.device.startswith("busward_device=") and "; Path=/api/login;" in cookies[1], f"cookies {cookies}")
        self.csrf = answer["csrf"]


class Feed:
    def __init__(self, folder: pathlib.Path, device: str):
        self.process = subprocess.Popen([BUILD / "tests/system/cloud/cloud-feed", folder, device], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def say(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        check(answer == "ok", f"feed {line[:60]}: {answer}")

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(DEADLINE_S)


def check(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def wait_for(question, what: str):
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if found := question():
                return found
        os.sched_yield()
    raise AssertionError(f"waited {DEADLINE_S} s for {what}")


def count_of(cloud: Cloud, point: int) -> int:
    series = cloud.get(f"/api/sites/shop/points/{point}/series?from={T0 - 10**10}&to={T0 + 10**10}&buckets=10")
    return sum(series["n"])
