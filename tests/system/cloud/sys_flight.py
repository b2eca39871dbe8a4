#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Flight records that come in parts, from the hub's log to a file in somebody's hands.

Goal: a record is whole though the cloud is killed between any two of its parts and they come out of order and again; what is
missing is said; who may not, gets nothing, and who gets one stands in the table of commands. Method: busward-cloud as a real
process without a hub's service side, as none is needed.
"""

import contextlib
import pathlib
import re
import signal
import sqlite3
import sys
import tempfile

from cloud_world import T0, Cloud, Feed, check, wait_for

PASSWORD = "correct horse battery"
RECORDS = "/api/sites/shop/gateway/records"
COMMANDS = "/api/sites/shop/gateway/commands?limit=50"
LINE_SIZE = 4000


def line(letter: str) -> str:
    return letter * LINE_SIZE + "\n"


def log_in(cloud: Cloud, role: str) -> None:
    """By the file, as no route makes accounts yet."""
    cloud.stop()
    with contextlib.closing(sqlite3.connect(cloud.folder / "data/accounts.db")) as db, db:
        db.execute("UPDATE grants SET role=?", (role,))
    cloud.start()
    cloud.log_in_by("/api/login", {"name": "owner", "password": PASSWORD})


def records(cloud: Cloud) -> list:
    return cloud.get(RECORDS)["records"]


def missing(cloud: Cloud) -> list:
    found = records(cloud)
    return found[0]["missing"] if found else None


def check_kills(cloud: Cloud, feed: Feed) -> None:
    """Out of order, twice, with the cloud killed after each part was stored."""
    stages = [(3, "c", [[1, 2], [4, 4]]), (1, "a", [[2, 2], [4, 4]]), (4, "d", [[2, 2]]), (2, "b", [])]
    for part, letter, left in stages:
        feed.say(f"flight 7 {part} 4 {letter}")
        wait_for(lambda expected=left: missing(cloud) == expected, f"part {part}")
        feed.say(f"flight 7 {part} 4 {letter}")
        cloud.stop(signal.SIGKILL)
        cloud.start()
        check(missing(cloud) == left, f"after the kill: {records(cloud)}")
    (found,) = records(cloud)
    check((found["number"], found["parts"], found["size"]) == (7, 4, 4 * (LINE_SIZE + 1)), f"{found}")
    check(0 <= found["last_ms"] - found["first_ms"] < 3_600_000, f"{found}")
    status, headers, body = cloud.ask("GET", f"{RECORDS}/{found['id']}")
    check(status == 200 and body.decode() == "".join(line(letter) for letter in "abcd"), f"{status} {body[:80]}")
    name = headers["Content-Disposition"]
    check(re.fullmatch(r'attachment; filename="flight-shop-\d{8}T\d{6}Z\.txt"', name) is not None, name)
    check(headers["Content-Type"].startswith("text/plain") and headers["X-Content-Type-Options"] == "nosniff", f"{headers}")


def check_incomplete(cloud: Cloud, feed: Feed) -> None:
    feed.say("flight 8 2 3 y")
    wait_for(lambda: missing(cloud) == [[1, 1], [3, 3]], "one of three parts")
    status, headers, body = cloud.ask("GET", f"{RECORDS}/{records(cloud)[0]['id']}")
    check(status == 200 and body.decode() == f"# part 1 of 3 is missing\n{line('y')}# part 3 of 3 is missing\n", f"{status} {body[:80]}")
    check(headers["Content-Disposition"].endswith('Z-incomplete.txt"'), headers["Content-Disposition"])
    feed.say("flight 9 5 3 z")  # part 5 of 3: aside, and what comes next is taken
    feed.say(f"series 1 {T0} 1000 5")
    wait_for(lambda: b"store_messages_aside_total 1\n" in cloud.ask("GET", "/metrics")[2], "the misfit aside")
    check(len(records(cloud)) == 2, "it is no record")


def check_rights(cloud: Cloud, _: Feed) -> None:
    whole = records(cloud)[1]["id"]
    downloads = [row for row in cloud.get(COMMANDS)["commands"] if row["action"] == "flight_download"]
    check([(row["user"], row["outcome"], row["address"]) for row in downloads] == [("owner", "200", "127.0.0.1")] * 2, f"{downloads}")
    check(downloads[1]["arguments"] == f'{{"record":{whole}}}', f"{downloads}")
    check(cloud.ask("GET", f"{RECORDS}/{whole + 100}")[0] == 404, "no such record")
    check(cloud.get(COMMANDS)["commands"][0]["outcome"] == "404", "that is written down, too")
    for wrong in ("0", "-1", "x", "1e1", "99999999999999999999"):
        check(cloud.ask("GET", f"{RECORDS}/{wrong}")[0] == 400, wrong)
    check(cloud.ask("GET", f"/api/sites/other/gateway/records/{whole}")[0] == 404, "another site")
    count = len(cloud.get(COMMANDS)["commands"])
    cookie, cloud.cookie = cloud.cookie, None
    check(cloud.ask("GET", RECORDS)[0] == 401 and cloud.ask("GET", f"{RECORDS}/{whole}")[0] == 401, "a stranger")
    cloud.cookie = cookie
    log_in(cloud, "viewer")
    check(cloud.ask("GET", RECORDS)[0] == 403 and cloud.ask("GET", f"{RECORDS}/{whole}")[0] == 403, "a viewer")
    log_in(cloud, "operator")
    check(len(cloud.get(COMMANDS)["commands"]) == count, "nothing of it was done")
    check(cloud.ask("GET", f"{RECORDS}/{whole}")[0] == 200, "an operator")


def check_oldest_go(cloud: Cloud, feed: Feed) -> None:
    for number in range(20, 32):
        feed.say(f"flight {number} 1 1 n")
    wait_for(lambda: records(cloud)[0]["number"] == 31, "the last one")
    check([found["number"] for found in records(cloud)] == list(range(31, 23, -1)), "the newest eight")


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "web").mkdir()
        cloud = Cloud(folder)
        feed = Feed(folder / "log", "shop")
        feed.say("points 3")
        cloud.start()
        try:
            token = (folder / "data/setup-link").read_text().strip().rsplit("token=", 1)[1]
            cloud.log_in_by("/api/setup", {"token": token, "name": "owner", "password": PASSWORD})
            wait_for(lambda: cloud.get("/api/sites")["sites"], "the site")
            check(records(cloud) == [], "none yet")
            for step in (check_kills, check_incomplete, check_rights, check_oldest_go):
                step(cloud, feed)
            check(cloud.stop() == 0, "a clean end")
        except BaseException:
            print((folder / "cloud.log").read_text()[-6000:])
            raise
        finally:
            cloud.process.kill()
            feed.close()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
