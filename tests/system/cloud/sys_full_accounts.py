#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: on a full disk the right password still opens the page, wrong ones are refused and slowed down as ever, and what cannot be done
says why; with room again all is kept as before, and who gives way to a new session stays out. Method: a tmpfs of the test's own holds the
data and is filled to the last byte."""

import contextlib
import hashlib
import pathlib
import signal
import sqlite3
import sys
import tempfile
import time

from cloud_world import Cloud, check, wait_for
from world import mounts

PASSWORD, OTHER = "correct horse battery", "staple of the battery"
DISK = "6m"
SESSIONS_MAX = 512
OLDEST = "0" * 64  # a token


def log_in(cloud: Cloud, password: str, source: str) -> tuple[int, dict]:
    kept, cloud.cookie = cloud.cookie, None
    status, _, body = cloud.ask("POST", "/api/login", {"name": "owner", "password": password}, source=source)
    cloud.cookie = kept
    return status, body


def check_full(cloud: Cloud) -> None:
    statuses = [log_in(cloud, "guess", "127.0.0.66")[0] for _ in range(8)]
    check(statuses[0] == 401 and statuses[-1] == 429, f"guessing is refused and slowed down: {statuses}")
    change = {"password": PASSWORD, "new_password": OTHER}
    status, headers, body = cloud.ask("POST", "/api/password", change, {"X-CSRF-Token": cloud.csrf})
    check(status == 503 and headers["Retry-After"] and "disk of the accounts is full" in body["error"]["message"], f"{status} {body}")
    cloud.log_in_by("/api/login", {"name": "owner", "password": PASSWORD})
    check(cloud.ask("GET", "/api/sites")[0] == 200, "the session is good")
    check("ev=session_not_stored" in (cloud.folder / "cloud.log").read_text(), "the disk was full indeed")
    check(cloud.ask("POST", "/api/logout", headers={"X-CSRF-Token": cloud.csrf})[0] == 204, "what is not in the file is over at once")
    check(cloud.ask("GET", "/api/sites")[0] == 401, "over")


def check_setup(cloud: Cloud, setup: dict) -> None:
    status, headers, body = cloud.ask("POST", "/api/setup", setup)
    check(status == 503 and headers["Retry-After"] and body["error"]["code"] == "disk_full", f"{status} {body}")
    check((cloud.folder / "data/setup-link").exists(), "the link stays good")


def seed_sessions(database: pathlib.Path) -> None:
    """All but one that the table takes; OLDEST was used longest ago."""
    now_ms = int(time.time() * 1000)
    with contextlib.closing(sqlite3.connect(database)) as accounts, accounts:
        accounts.execute("DELETE FROM sessions")
        for i in range(SESSIONS_MAX - 1):
            row = (hashlib.blake2b(f"{i:064}".encode(), digest_size=32).digest(), "owner", "c" * 32, now_ms + 10**8, now_ms - 10**6 + i)
            accounts.execute("INSERT INTO sessions VALUES(?, ?, ?, ?, ?)", row)


def oldest_is_good(cloud: Cloud) -> bool:
    cloud.cookie = f"busward_session={OLDEST}"
    status = cloud.ask("GET", "/api/sites")[0]
    cloud.cookie = None  # every request with it is a use
    return status == 200


def check_who_gives_way(cloud: Cloud, data: pathlib.Path) -> None:
    seed_sessions(data / "accounts.db")
    cloud.start()
    check(oldest_is_good(cloud), "what was put into the file is a session")
    cloud.stop(signal.SIGKILL)  # so that this use is not noted
    cloud.start()
    mounts.fill(data)
    login = {"name": "owner", "password": PASSWORD}
    cloud.log_in_by("/api/login", login)
    in_memory = cloud.cookie
    status, _, body = cloud.ask("POST", "/api/login", login)
    check(status == 503 and body["error"]["code"] == "disk_full", f"nobody may give way whose row stays: {status} {body}")
    mounts.free(data)
    wait_for(lambda: cloud.ask("POST", "/api/login", login)[0] == 200, "a login")
    check(not oldest_is_good(cloud), "who was seen least lately gave way")
    cloud.cookie = in_memory
    check(cloud.ask("GET", "/api/sites")[0] == 200, "the others go on")
    cloud.stop(signal.SIGKILL)
    cloud.start()
    check(not oldest_is_good(cloud), "who gave way stays out after a restart")


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data = folder / "data"
        for each in (data, folder / "web"):
            each.mkdir()
        mounts.mount(data, DISK)
        cloud = Cloud(folder)
        try:
            cloud.start()
            token = (data / "setup-link").read_text().strip().rsplit("token=", 1)[1]
            setup = {"token": token, "name": "owner", "password": PASSWORD}
            mounts.fill(data)
            check_setup(cloud, setup)
            mounts.free(data)
            cloud.log_in_by("/api/setup", setup)
            mounts.fill(data)
            check_full(cloud)
            mounts.free(data)
            cloud.cookie = cloud.device
            wait_for(lambda: cloud.ask("POST", "/api/login", {"name": "owner", "password": PASSWORD})[0] == 200, "a login")
            cloud.log_in_by("/api/login", {"name": "owner", "password": PASSWORD})
            cloud.stop(signal.SIGKILL)
            cloud.start()
            check(cloud.ask("GET", "/api/sites")[0] == 200, "with room again a session outlives kill -9")
            check(cloud.stop() == 0, "a clean end")
            check_who_gives_way(cloud, data)
            check(cloud.stop() == 0, "a clean end")
        except BaseException:
            print((folder / "cloud.log").read_text()[-6000:])
            raise
        finally:
            cloud.process.kill()
            cloud.process.wait()
            mounts.unmount(data)
    print("ok")
    return 0


if __name__ == "__main__":
    mounts.enter()
    sys.exit(main())
