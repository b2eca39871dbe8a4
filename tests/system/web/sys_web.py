#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser against the real system.

Goal: what proof.mjs lists. Method: a small store whose first sensor falls silent; the browser gets the
single-use set-up link; when it asks, the cloud is killed (and the world's supervisor starts it again), or the
receiver stopped for a while.
"""

import os
import pathlib
import signal
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tools"))

from world.store import Store  # noqa: E402
from world.world import World  # noqa: E402

ASKED = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "continue": signal.SIGCONT}
LINK_S = 30
DATA_S = 120
STORE = Store(sensors=8, diagnostics_s=2, report_s=2, stale_after_s=8, silences=("0@10",))


def main() -> int:
    with World(pathlib.Path(os.environ["BUSWARD_BUILD"]), STORE) as world:
        link = world.folder / "cloud" / "setup-link"
        world.wait_for(link.exists, LINK_S, "set-up link")
        world.wait_event(lambda event: (event.part, event.fields.get("ev")) == ("cloud", "catalogue"), DATA_S, "catalogue in the cloud")
        url = world.api.base + "/setup#" + link.read_text().strip().partition("#")[2]
        command = ["node", str(SOURCE / "tests/system/web/proof.mjs"), url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as browser:
            for line in browser.stdout:
                print(line, end="", flush=True)
                if line.startswith("ask "):
                    _, what, part = line.split()
                    world.parts[part].signal(ASKED[what])
        if browser.returncode != 0:
            print(world.last_lines(20))
        return browser.returncode


if __name__ == "__main__":
    sys.exit(main())
