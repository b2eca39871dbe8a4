#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: while strangers guess, from one address or from ever new ones, the owner comes in; behind a trusted proxy each client counts
for itself; a password can be changed and recovered. Method: a real process on a loopback port, asked from many of 127.0.0.0/8."""

import contextlib
import itertools
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from cloud_world import BUILD, DEADLINE_S, Cloud, check, wait_for

PASSWORD, OTHER = "correct horse battery", "staple of the battery"
OWNER = {"name": "owner", "password": PASSWORD}
GUESSERS = 80  # more than places to wait in
GUESSES = 20  # answered 401 before anything is judged
PAUSE_S = 0.1  # of a guesser that was turned away: the flood is there, not to keep this machine busy
PROXY, PHONE = "127.0.0.2", "127.200.0.1"


def token_of(cloud: Cloud) -> str:
    link = cloud.folder / "data/setup-link"
    check(link.stat().st_mode & 0o777 == 0o600, "setup-link is 0600")
    return link.read_text().strip().rsplit("token=", 1)[1]


@contextlib.contextmanager
def running(*options: str) -> Iterator[Cloud]:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "web").mkdir()
        cloud = Cloud(folder, *options)
        cloud.start()
        try:
            yield cloud
            check(cloud.stop() == 0, "a clean end")
        except BaseException:
            print((folder / "cloud.log").read_text()[-4000:])
            raise
        finally:
            cloud.process.kill()
            cloud.process.wait()


def set_up(cloud: Cloud) -> None:
    cloud.log_in_by("/api/setup", OWNER | {"token": token_of(cloud)})


def log_in(cloud: Cloud, cookie: str | None, source: str, password: str = PASSWORD):
    """(status, headers, body) of one attempt, as a browser with that cookie or none."""
    kept, cloud.cookie = cloud.cookie, cookie
    try:
        return cloud.ask("POST", "/api/login", {"name": "owner", "password": password}, source=source)
    finally:
        cloud.cookie = kept


class Flood:
    """Guesses without end; each asks from the address and for the name that the two functions give."""

    def __init__(self, cloud: Cloud, source: Callable[[int], str], name: Callable[[int], str]):
        self.cloud, self.source, self.name = cloud, source, name
        self.ending, self.numbers = threading.Event(), itertools.count()
        self.answers: Counter[int] = Counter()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(GUESSERS)]

    def run(self) -> None:
        while not self.ending.is_set():
            number = next(self.numbers)
            body = json.dumps({"name": self.name(number), "password": "guess"})
            with contextlib.suppress(OSError), contextlib.closing(self.cloud.connect(self.source(number))) as connection:
                connection.request("POST", "/api/login", body, {"Content-Type": "application/json"})
                status = connection.getresponse().status
                self.answers[status] += 1
                self.ending.wait(PAUSE_S if status == 429 else 0)

    def __enter__(self) -> "Flood":
        for thread in self.threads:
            thread.start()
        wait_for(lambda: self.answers[401] >= GUESSES and self.answers[429], "a flood")
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join(DEADLINE_S)
        print(f"the flood was answered {dict(self.answers)}", flush=True)
        check(set(self.answers) == {401, 429}, f"answers to the flood: {dict(self.answers)}")


def fresh(number: int) -> str:
    return f"127.{1 + number // 62500 % 100}.{1 + number // 250 % 250}.{1 + number % 250}"


def from_one_address() -> None:
    """A script that keeps guessing keeps no new browser out; what is let through is a share, not a way around the wait."""
    with running() as cloud:
        set_up(cloud)
        known = cloud.device
        blocked = []

        def script() -> bool:
            status, headers, _ = log_in(cloud, None, "127.0.0.66", "guess")
            blocked.append(int(headers["Retry-After"]) if status == 429 else 0)
            return blocked[-1] > 2
        wait_for(script, "a wait of some seconds")
        status, headers, _ = log_in(cloud, None, PHONE)
        check(status == 200, f"a new browser, while a script guesses: {status}")
        status, headers, _ = log_in(cloud, None, "127.200.0.2")
        check(status == 429 and 1 <= int(headers["Retry-After"]) <= 31, f"the next one has to wait: {status}")
        check(log_in(cloud, None, "127.0.0.66")[0] == 429, "and so has who guessed, though the password is right now")
        check(log_in(cloud, known, "127.0.0.66")[0] == 200, "a known browser has not, wherever it is")


def from_ever_new_addresses() -> None:
    """More strangers than there are places: the known browser comes in at once, who is logged in changes the password."""
    with running() as cloud:
        set_up(cloud)
        with Flood(cloud, fresh, lambda number: "owner" if number % 2 else f"guest{number}"):
            for _ in range(5):
                status, _, body = log_in(cloud, cloud.device, PHONE)
                check(status == 200, f"a known browser during the flood: {status} {body}")
            csrf = {"X-CSRF-Token": cloud.csrf}
            for old, new in ((PASSWORD, OTHER), (OTHER, PASSWORD)):
                status, _, body = cloud.ask("POST", "/api/password", {"password": old, "new_password": new}, csrf)
                check(status == 204, f"a new password during the flood: {status} {body}")


def from_some_addresses() -> None:
    """Eighty clients at twenty addresses, which guess at other names: a new browser comes in, as soon as it is told to."""
    with running() as cloud:
        set_up(cloud)
        with Flood(cloud, lambda number: f"127.0.7.{number % 20 + 1}", lambda number: f"guest{number}"):
            def attempt() -> bool:
                status, headers, _ = log_in(cloud, None, PHONE)
                check(status == 200 or (status == 429 and headers["Retry-After"].isdigit()), f"a new browser: {status}")
                return status == 200
            wait_for(attempt, "the login of a new browser")


def behind_a_proxy() -> None:
    """Each client counts by the address that the proxy appended; cookies are for TLS; metrics are not for it."""
    with running("--trusted-proxy", PROXY) as cloud:
        def ask(path: str, body: dict | None, forwarded: str | None, source: str = PROXY):
            headers = {"X-Forwarded-For": forwarded} if forwarded else {}
            return cloud.ask("POST" if body else "GET", path, body, headers, source)

        for forwarded in (None, "", "unknown", "192.0.2.1, x", "192.0.2.1,"):
            status, _, body = ask("/api/session", None, forwarded)
            check(status == 400 and "X-Forwarded-For" in body["error"]["message"], f"{forwarded!r}: {status} {body}")
        check(ask("/healthz", None, None)[0] == 200, "a health check on this machine")
        for source, status in ((PROXY, 403), ("127.0.0.1", 200)):
            check(ask("/metrics", None, None, source)[0] == status, f"metrics for {source}")
        status, headers, answer = ask("/api/setup", OWNER | {"token": token_of(cloud)}, "203.0.113.9, 192.0.2.1:4711")
        check(status == 201, f"set-up: {status} {answer}")
        cookies = headers.get_all("Set-Cookie")
        check(all("; Secure" in cookie for cookie in cookies), f"behind a proxy that speaks TLS: {cookies}")
        guess = {"name": "guest", "password": "guess"}
        statuses = [ask("/api/login", guess | {"name": f"guest{k}"}, f"203.0.113.{k}, 192.0.2.9")[0] for k in range(8)]
        check(statuses[0] == 401 and statuses[-1] == 429, f"one client, whatever it says it is: {statuses}")
        check(ask("/api/login", guess, "192.0.2.10")[0] == 401, "another client")
        check(ask("/api/login", guess, "2001:db8:7::1")[0] == 401, "one of IPv6")
        status, headers, _ = ask("/api/login", OWNER, "192.0.2.77", "127.0.0.1")
        check(status == 200 and "; Secure" not in headers["Set-Cookie"], f"not by the proxy: {status}")
        cloud.cookie = cookies[0].split(";")[0]
        entries = ask("/api/audit", None, "192.0.2.1")[2]["entries"]
        found = [(entry["action"], entry["address"]) for entry in reversed(entries)]
        check(found[:2] == [("account.make", "192.0.2.1"), ("login", "192.0.2.1")], f"the audit log: {found[:2]}")
        check(found[-1] == ("login", "127.0.0.1"), f"only the proxy is believed: {found[-1]}")
        check(("login.refused", "2001:db8:7::1") in found and not any("203.0.113" in where for _, where in found), f"{found}")
    command = [BUILD / "apps/cloud/busward-cloud", "--data", "/nowhere", "--hub-log", "/nowhere", "--trusted-proxy", "localhost"]
    wrong = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    check(wrong.returncode == 2 and '"localhost" is not an address' in wrong.stderr, f"a name: {wrong}")


def a_new_password() -> None:
    """Who knows the present one sets another; the other sessions end, at once and for good."""
    with running() as cloud:
        set_up(cloud)
        elsewhere = log_in(cloud, None, PHONE)[1].get_all("Set-Cookie")[0].split(";")[0]
        csrf = {"X-CSRF-Token": cloud.csrf}
        change = {"password": PASSWORD, "new_password": OTHER}
        check(cloud.ask("POST", "/api/password", change)[0] == 403, "without the CSRF token")
        for wrong, status in (({"password": "guess"}, 403), ({"new_password": "short"}, 400), ({"name": "owner"}, 400)):
            check(cloud.ask("POST", "/api/password", change | wrong, csrf)[0] == status, f"a change with {wrong}")
        check(cloud.ask("POST", "/api/password", change, csrf)[0] == 204, "the change")
        mine, cloud.cookie = cloud.cookie, elsewhere
        check(cloud.ask("GET", "/api/sites")[0] == 401, "the other session is over")
        cloud.cookie = mine
        check(cloud.ask("GET", "/api/sites")[0] == 200, "this one is not")
        check(log_in(cloud, None, PHONE)[0] == 401 and log_in(cloud, None, PHONE, OTHER)[0] == 200, "the new one it is")
        statuses = [cloud.ask("POST", "/api/password", change, csrf)[0] for _ in range(7)]
        check(statuses[0] == 403 and statuses[-1] == 429, f"guessing by a session is slowed down: {statuses}")
        cloud.stop(signal.SIGKILL)
        cloud.start()
        cloud.cookie = elsewhere
        check(cloud.ask("GET", "/api/sites")[0] == 401, "over after kill -9, too")
        cloud.cookie = mine
        actions = [entry["action"] for entry in cloud.get("/api/audit")["entries"]]
        check("password.change" in actions and "password.refused" in actions, f"audited: {actions}")


def new_link(cloud: Cloud, data: str = "data") -> subprocess.CompletedProcess:
    command = [BUILD / "apps/cloud/busward-cloud", "--data", cloud.folder / data, "--new-setup-link"]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


def a_lost_password() -> None:
    """Who may read the data folder sets a new one by a single-use link; everything else stays."""
    with running() as cloud:
        set_up(cloud)
        refused = new_link(cloud)
        check(refused.returncode == 1 and "another busward-cloud uses it" in refused.stderr, f"while it runs: {refused}")
        cloud.stop()
        mistyped = new_link(cloud, "date")
        check(mistyped.returncode == 1 and "No such file" in mistyped.stderr and not (cloud.folder / "date").exists(), f"{mistyped}")
        made = new_link(cloud)
        check(made.returncode == 0 and "account  owner" in made.stdout, f"{made}")
        check(token_of(cloud) not in made.stdout + made.stderr, "the token is in the file alone")
        before = cloud.cookie
        for _ in range(2):  # it outlives a restart
            cloud.start()
            check(not cloud.ask("GET", "/api/session")[2]["setup_needed"], "there is an account")
            cloud.stop()
        cloud.start()
        token = token_of(cloud)
        given = {"token": token, "name": "owner", "password": OTHER}
        check(cloud.ask("POST", "/api/setup", given | {"token": "0" * 64})[0] == 403, "a wrong token")
        check(cloud.ask("POST", "/api/setup", given | {"name": "other"})[0] == 404, "another name")
        check(cloud.ask("GET", "/api/sites")[0] == 200, "nothing has changed yet")
        cloud.log_in_by("/api/setup", given)
        mine, cloud.cookie = cloud.cookie, before
        check(cloud.ask("GET", "/api/sites")[0] == 401, "the sessions of before are over")
        cloud.cookie = mine
        check(cloud.ask("POST", "/api/setup", given)[0] == 409, "the link works once")
        check(not (cloud.folder / "data/setup-link").exists(), "and is gone")
        cloud.stop(signal.SIGKILL)
        cloud.start()
        check(cloud.ask("POST", "/api/setup", given)[0] == 409, "also after kill -9")
        check(log_in(cloud, None, PHONE)[0] == 401 and log_in(cloud, None, PHONE, OTHER)[0] == 200, "the new one it is")
        actions = [entry["action"] for entry in cloud.get("/api/audit")["entries"]]
        check(actions[-1] == "account.make" and {"setup_link.make", "password.reset"} <= set(actions), f"audited: {actions}")


def main() -> int:
    for test in (from_one_address, from_ever_new_addresses, from_some_addresses, behind_a_proxy, a_new_password, a_lost_password):
        began = time.monotonic()
        test()
        print(f"ok {test.__name__} in {time.monotonic() - began:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
