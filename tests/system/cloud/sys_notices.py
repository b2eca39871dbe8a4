#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What befell the system, from a hub's log that began anew to the person who acknowledges it.

Goal: a notice is there once, however many sites it befell, until somebody who may acknowledges it, and not longer; through a
kill; and the audit log says who. Method: busward-cloud as a real process, whose log is exchanged while it is down.
"""

import contextlib
import pathlib
import signal
import sqlite3
import sys
import tempfile
import time

from cloud_world import Cloud, Feed, check, wait_for

PASSWORD = "correct horse battery"
NOTICES = "/api/notices"
ACKNOWLEDGE = f"{NOTICES}/acknowledge"


def notices(cloud: Cloud) -> list:
    return cloud.get(NOTICES)["notices"]


def acknowledge(cloud: Cloud, body, csrf: str | None = None) -> int:
    return cloud.ask("POST", ACKNOWLEDGE, body, {"X-CSRF-Token": cloud.csrf if csrf is None else csrf})[0]


def renew(cloud: Cloud, generation: int) -> None:
    """The hub's log is another one, and the same sites write into it."""
    cloud.stop()
    (cloud.folder / "log").rename(cloud.folder / f"log-{generation}")
    fill(cloud.folder, generation)
    cloud.start()


def fill(folder: pathlib.Path, generation: int) -> None:
    for device in ("shop", "kiosk"):
        feed = Feed(folder / "log", device)
        feed.say(f"journal {generation} 1")
        feed.say("points 3")
        feed.close()


def log_in(cloud: Cloud, role: str, node: str) -> None:
    """By the file, as no route makes accounts yet."""
    cloud.stop()
    with contextlib.closing(sqlite3.connect(cloud.folder / "data/accounts.db")) as db, db:
        db.execute("UPDATE grants SET role=?, node=?", (role, node))
    cloud.start()
    cloud.log_in_by("/api/login", {"name": "owner", "password": PASSWORD})


def check_once(cloud: Cloud) -> None:
    check(notices(cloud) == [], "nothing has happened yet")
    renew(cloud, 2)
    (first,) = wait_for(lambda: notices(cloud), "the notice")
    check(first["kind"] == "hub_log_new" and "another one" in first["text"], f"{first}")
    check(abs(first["at_ms"] - time.time() * 1000) < 60_000, f"{first}")
    for site in ("shop", "kiosk"):
        kinds = [event["kind"] for event in cloud.get(f"/api/sites/{site}/events")["events"]]
        check(kinds.count("hub_log_new") == 1, f"{site}: {kinds}")
    renew(cloud, 3)
    wait_for(lambda: len(notices(cloud)) == 2, "the second notice")
    check(notices(cloud)[1] == first, "the newest first")


def check_rights(cloud: Cloud) -> None:
    one = {key: notices(cloud)[0][key] for key in ("kind", "at_ms")}
    check(acknowledge(cloud, one, "") == 403, "without the CSRF token")
    for wrong in ({}, {"kind": "hub_log_new"}, {**one, "x": 1}, {**one, "at_ms": "1"}, {**one, "at_ms": -1}, {**one, "kind": "k" * 40}, []):
        check(acknowledge(cloud, wrong) == 400, f"{wrong}")
    for other in ({**one, "at_ms": one["at_ms"] + 1}, {**one, "kind": "store_older"}):
        check(acknowledge(cloud, other) == 404, f"{other}")
    # Who may not do so for all sites is told nothing.
    for role, node in (("viewer", ""), ("owner", "shop"), ("operator", "kiosk")):
        log_in(cloud, role, node)
        check(cloud.ask("GET", NOTICES)[0] == 403 and acknowledge(cloud, one) == 403, f"{role} at {node!r}")
    cookie, cloud.cookie = cloud.cookie, None
    check(cloud.ask("GET", NOTICES)[0] == 401, "a stranger")
    cloud.cookie = cookie
    log_in(cloud, "owner", "")
    check(len(notices(cloud)) == 2, "all of them refused")


def check_acknowledged(cloud: Cloud) -> None:
    newest, oldest = notices(cloud)
    log_in(cloud, "operator", "")
    one = {key: newest[key] for key in ("kind", "at_ms")}
    check(acknowledge(cloud, one) == 204 and notices(cloud) == [oldest], "the other one stays")
    check(acknowledge(cloud, one) == 204, "who comes second is not told off")
    cloud.stop(signal.SIGKILL)
    cloud.start()
    check(notices(cloud) == [oldest], "after a kill")
    log_in(cloud, "owner", "")
    entries = [entry for entry in cloud.get("/api/audit?limit=50")["entries"] if entry["action"] == "notice.acknowledge"]
    check([(entry["user"], entry["address"]) for entry in entries] == [("owner", "127.0.0.1")], f"{entries}")
    check(entries[0]["detail"] == f"hub_log_new at_ms={one['at_ms']}", f"{entries}")


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "web").mkdir()
        cloud = Cloud(folder)
        fill(folder, 1)
        cloud.start()
        try:
            token = (folder / "data/setup-link").read_text().strip().rsplit("token=", 1)[1]
            cloud.log_in_by("/api/setup", {"token": token, "name": "owner", "password": PASSWORD})
            wait_for(lambda: len(cloud.get("/api/sites")["sites"]) == 2, "the sites")
            for step in (check_once, check_rights, check_acknowledged):
                step(cloud)
            check(cloud.stop() == 0, "a clean end")
        except BaseException:
            print((folder / "cloud.log").read_text()[-6000:])
            raise
        finally:
            cloud.process.kill()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
