#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demo's gateway told from the page what to do: real browser, cloud, hub, gateway, line and receiver.

Goal: what store_gateway.mjs lists. Method: a small world; the browser asks, by a line, that the gateway has heard that somebody
looks. `sys_store_gateway.py FOLDER` also leaves pictures there.
"""

import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tools"))

from world.parts import Event  # noqa: E402
from world.store import Store  # noqa: E402
from world.world import World  # noqa: E402

LINK_S, DATA_S, WATCH_S = 30, 120, 30
STORE = Store(sensors=8, report_s=2, trial_s=5)


def is_watched(event: Event) -> bool:
    return event.part == "gateway" and (event.fields.get("ev"), event.fields.get("on")) == ("watch", "1")


def main() -> int:
    with World(pathlib.Path(os.environ["BUSWARD_BUILD"]), STORE) as world:
        link = world.folder / "cloud" / "setup-link"
        world.wait_for(link.exists, LINK_S, "set-up link")
        world.wait_event(lambda event: (event.part, event.fields.get("ev")) == ("cloud", "catalogue"), DATA_S, "catalogue in the cloud")
        url = world.api.base + "/setup#" + link.read_text().strip().partition("#")[2]
        command = ["node", str(SOURCE / "tests/system/web/store_gateway.mjs"), url, *sys.argv[1:2]]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as browser:
            for line in browser.stdout:
                print(line, end="", flush=True)
                if line.startswith("ask watch"):
                    world.wait_event(is_watched, WATCH_S, "the gateway's word that somebody looks")
                    browser.stdin.write("done\n")
                    browser.stdin.flush()
        if browser.returncode != 0:
            print(world.last_lines(20))
        return browser.returncode


if __name__ == "__main__":
    sys.exit(main())
