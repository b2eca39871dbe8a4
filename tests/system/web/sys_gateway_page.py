#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A site's gateway in a real browser, against a real cloud and a hub's service REST in Azure's shapes.

Goal: what gateway.mjs lists. Method: it asks, by a line, that the hub loses the gateway or that somebody else changes the
configuration; that a value or a part of a flight record comes; that the hub's log begins anew; that the cloud counts so many open streams.
"""

import contextlib
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(SOURCE), str(SOURCE / "tests/system/cloud")]

from cloud_world import Cloud, Feed, check, wait_for  # noqa: E402
from hub_rest import BREAKS, KEY, POLICY, Hub  # noqa: E402
from tools.world import certs  # noqa: E402


def streams(cloud: Cloud) -> int:
    return int(re.search(rb"^busward_cloud_http_streams (\d+)$", cloud.ask("GET", "/metrics")[2], re.M)[1])


def renew(cloud: Cloud, feed: Feed) -> None:
    """The hub's log is another one when the cloud comes back."""
    cloud.stop()
    feed.close()
    (cloud.folder / "log").rename(cloud.folder / "log-before")
    feed.__init__(cloud.folder / "log", "shop")
    feed.say("journal 9 1")
    feed.say("points 3")
    cloud.start()
    with contextlib.closing(sqlite3.connect(f"file:{cloud.folder}/data/store.db?mode=ro", uri=True)) as db:
        wait_for(lambda: db.execute("SELECT 1 FROM event WHERE kind='hub_log_new'").fetchall(), "the event")


def act(cloud: Cloud, feed: Feed, hub: Hub, what: str, value: str = "") -> None:
    if what == "watchers":
        wait_for(lambda: streams(cloud) == int(value), f"{value} open streams")
        return
    if what == "sample":
        feed.say(f"sample 1 {int(time.time() * 1000)} {value}")
        return
    if what == "flight":
        feed.say(f"flight 7 {value} 3 a")
        return
    if what == "renew":
        renew(cloud, feed)
        return
    with hub.lock:
        if what == "change":
            hub.desired = {"telemetry": {"max_age_ms": 2000}}
            hub.version, hub.desired_version = hub.version + 1, hub.desired_version + 1
        elif what == "report":
            hub.version += 1
        elif what == "silence":
            hub.faults = [(BREAKS, {}, b"")]
        elif what == "markup":
            hub.reported["gateway"]["version"] = "<b>bold</b>"
            hub.reported["</pre><script>alert(1)</script>"] = "<img src=x onerror=alert(1)>"
            hub.version += 1
        else:
            hub.offline = what == "offline"


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run(["node", SOURCE / "web/build.mjs"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "BUSWARD_WEB_DIST": str(folder / "web")})
        certs.make_authority(folder)
        key_file = folder / "policy.key"
        key_file.write_text(f"HostName=localhost;SharedAccessKeyName={POLICY};SharedAccessKey={KEY}\n")
        key_file.chmod(0o600)
        hub = Hub(*certs.make_server(folder, "hub"))
        hub.reported = {"config": {"state": "applied", "version": 1, "hash": "00ff", "warnings": ["bus 1 is nearly full"]},
                        "gateway": {"version": "0.1.0"}}
        cloud = Cloud(folder, "--hub-url", hub.url, "--hub-key-file", str(key_file), "--hub-ca", str(folder / "ca.pem"))
        feed = Feed(folder / "log", "shop")
        feed.say("points 3")
        cloud.start()
        try:
            path = "/setup#" + (folder / "data/setup-link").read_text().strip().partition("#")[2]
            command = ["node", str(SOURCE / "tests/system/web/gateway.mjs"), f"http://127.0.0.1:{cloud.port}{path}"]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as browser:
                for line in browser.stdout:
                    print(line, end="", flush=True)
                    if line.startswith("ask "):
                        act(cloud, feed, hub, *line.split()[1:])
                        browser.stdin.write("done\n")
                        browser.stdin.flush()
            check(browser.returncode == 0, "the browser's proof")
        except BaseException:
            print((folder / "cloud.log").read_text()[-3000:])
            raise
        finally:
            cloud.process.kill()
            feed.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
