#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: on a full disk the right password still opens the page, wrong ones are refused and slowed down as ever, and what cannot be done
says why; with room again all is kept as before. Method: a tmpfs of the test's own holds the data and is filled to the last byte."""

import pathlib
import signal
import sys
import tempfile

from cloud_world import Cloud, check, wait_for
from world import mounts

PASSWORD, OTHER = "correct horse battery", "staple of the battery"
DISK = "6m"


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
