#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: 200 clients that guess passwords at once stop no live update and no poll, and keep the owner out of no browser. Method: the
flood lasts until a live stream showed several samples and each block was polled several times; every guess is answered 401,
or 429 with Retry-After; while it lasts the owner logs in at a browser known from before, at once, and at a new one elsewhere,
waiting as long as the answers say."""

import http.client
import json
import secrets
import sys
import threading
import time
from collections import Counter

from stalls import BUILD, STORE, Live, World, finish, now_us, regular, wait_polls

CLIENTS = 200
WAIT_MAX_S = 40  # for the owner's login during the flood
FLOOD_S = 60  # until the first guess is throttled
TIMEOUT_S = 60
PACE_S = 0.5  # of a guesser, between an answer and the next guess
ELSEWHERE = "127.0.0.2"  # where nobody guesses


class Flood:
    def __init__(self, port: int, owner: str):
        self.port = port
        self.owner = owner
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        self.threads = [threading.Thread(target=self.guess, args=(number,), daemon=True) for number in range(CLIENTS)]

    def guess(self, number: int) -> None:
        """Each client keeps guessing, the half of them the owner's password, and waits a little when told to."""
        name = self.owner if number % 2 == 0 else f"guest{number}"
        while not self.ending.is_set():
            answer = self.ask(name)
            with self.lock:
                self.answers[answer] += 1
            self.ending.wait(PACE_S)

    def ask(self, name: str) -> str:
        body = json.dumps({"name": name, "password": secrets.token_urlsafe(12)})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request("POST", "/api/login", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            says_when = (answer.getheader("Retry-After") or "").isdigit()
            return f"{answer.status}{' with Retry-After' if says_when else ''}"
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        finally:
            connection.close()

    def run(self, world: World, live: Live, blocks: list[str], known: str) -> None:
        for thread in self.threads:
            thread.start()
        world.wait_for(lambda: self.answers["401"] and self.answers["429 with Retry-After"], FLOOD_S, "throttle")
        start_us = now_us()
        wait_polls(world, blocks, start_us)
        live.wait(world, start_us)
        print(f"at a known browser the owner logged in after {log_in(world, ELSEWHERE, known, 0):.1f} s", flush=True)
        print(f"at a new one after {log_in(world, ELSEWHERE, None, WAIT_MAX_S):.1f} s", flush=True)
        self.ending.set()
        for thread in self.threads:
            thread.join()


def log_in(world: World, source: str, cookie: str | None, wait_max_s: float) -> float:
    """The right password, as often as the answers say; how long it took."""
    began = time.monotonic()
    while True:
        status, wait_s = try_login(world, source, cookie)
        if status == 200:
            return time.monotonic() - began
        if status != 429 or time.monotonic() + wait_s > began + wait_max_s:
            raise AssertionError(f"the owner's login is answered {status}, Retry-After {wait_s} s")
        moment = time.monotonic() + wait_s
        world.wait_for(lambda: time.monotonic() >= moment, wait_s + 5, "moment to try again")


def try_login(world: World, source: str, cookie: str | None) -> tuple[int, float]:
    connection = http.client.HTTPConnection("127.0.0.1", world.site.http_port, timeout=TIMEOUT_S, source_address=(source, 0))
    body = json.dumps({"name": world.api.user, "password": world.api.password})
    headers = {"Content-Type": "application/json"} | ({"Cookie": cookie} if cookie else {})
    connection.request("POST", "/api/login", body, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, float(answer.getheader("Retry-After") or 0)


def main() -> int:
    with World(BUILD, STORE) as world:
        blocks, live = regular(world), Live(world)
        flood = Flood(world.site.http_port, world.api.user)
        flood.run(world, live, blocks, world.api.device())
        print(f"answers: {dict(flood.answers)}", flush=True)
        wrong = live.judge()
        strange = set(flood.answers) - {"401", "429 with Retry-After"}
        wrong += [f"a guess was answered: {answer}" for answer in strange]
        return finish(world, wrong)


if __name__ == "__main__":
    sys.exit(main())
