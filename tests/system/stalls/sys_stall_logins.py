#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: 200 clients that guess passwords at once move no live update and no poll, and lock nobody out for long. Method:
the samples on a live stream during the flood are measured by those before it; every guess is answered 401, or 429 with
Retry-After; afterwards the owner logs in, waiting as long as the answers say."""

import http.client
import json
import secrets
import sys
import threading
import time
from collections import Counter

from stalls import BUILD, STORE, US, World, finish, judge_polls, judge_rhythm, now_us, wait_polls

CLIENTS = 200
FLOOD_POLLS = 20  # the flood lasts until each block was polled so often
WAIT_MAX_S = 40  # for the owner's login after the flood
TIMEOUT_S = 20


class Live:
    """Follows the live stream and notes when a sample came."""

    def __init__(self, world: World):
        self.stream = world.api.stream(world.site.device_id)
        self.times: list[int] = []
        self.thread = threading.Thread(target=self.follow, name="live", daemon=True)
        self.thread.start()

    def follow(self) -> None:
        for line in self.stream:
            if line.strip() == b"event: sample":
                self.times.append(now_us())


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
            self.ending.wait(0.5)

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

    def run(self, world: World) -> tuple[int, int]:
        start_us = now_us()
        for thread in self.threads:
            thread.start()
        wait_polls(world, start_us, FLOOD_POLLS, 40)
        self.ending.set()
        for thread in self.threads:
            thread.join()
        return start_us, now_us()


def log_in(world: World) -> float:
    """The right password, as often as the answers say; how long it took."""
    began = time.monotonic()
    while True:
        status, wait_s = try_login(world)
        if status == 200:
            return time.monotonic() - began
        if status != 429 or time.monotonic() + wait_s > began + WAIT_MAX_S:
            raise AssertionError(f"the owner's login is answered {status}, Retry-After {wait_s} s")
        moment = time.monotonic() + wait_s
        world.wait_for(lambda: time.monotonic() >= moment, wait_s + 5, "moment to try again")


def try_login(world: World) -> tuple[int, float]:
    connection = http.client.HTTPConnection("127.0.0.1", world.site.http_port, timeout=TIMEOUT_S)
    body = json.dumps({"name": world.api.user, "password": world.api.password})
    connection.request("POST", "/api/login", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, float(answer.getheader("Retry-After") or 0)


def main() -> int:
    with World(BUILD, STORE) as world:
        world.log_in()
        world.first_value()
        live = Live(world)
        world.wait_for(lambda: live.times, 20, "first live sample")
        start_us = now_us()
        wait_polls(world, start_us, FLOOD_POLLS, 60)
        calm = start_us, now_us()
        flood = Flood(world.site.http_port, world.api.user)
        stall = flood.run(world)
        world.wait_for(lambda: live.times[-1] > stall[1], 20, "live sample after the flood")
        wrong = judge_rhythm("live samples", live.times, calm, stall)
        wrong += judge_polls(world, calm, stall)
        print(f"answers: {dict(flood.answers)} in {(stall[1] - stall[0]) / US:.1f} s", flush=True)
        strange = set(flood.answers) - {"401", "429 with Retry-After"}
        wrong += [f"a guess was answered: {answer}" for answer in strange]
        wrong += [] if flood.answers["401"] and flood.answers["429 with Retry-After"] else ["the flood met no throttle"]
        print(f"the owner logged in after {log_in(world):.1f} s", flush=True)
        return finish(world, wrong)


if __name__ == "__main__":
    sys.exit(main())
