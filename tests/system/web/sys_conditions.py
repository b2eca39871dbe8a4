#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Three sites in a real browser, with a sensor in each condition there is, against a real cloud.

Goal: what conditions.mjs lists. Method: a hub's log holds what three gateways would have sent; the browser asks, by a line, that
the cloud ends.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(SOURCE), str(SOURCE / "tests/system/cloud")]

from cloud_world import Cloud, Feed, check  # noqa: E402

# Of a sensor the temperature in tenths, limits 2 and 25; the humidity; the battery's mV, 2400 at least. None: never heard.
FINE = (215, 455, 2900)
HIGH = (312, 455, 2900)
LOW = (-14, 455, 2900)
BAD = ("bad", 455, 2900)
STALE = ("stale", "stale", "stale")
NEVER = (None, None, None)
WEAK = (215, 455, 2310)
BAD_AND_WEAK = (215, "bad", 2310)
SITES = {
    "shop": [HIGH, LOW, BAD, STALE, NEVER, WEAK, BAD_AND_WEAK, FINE],
    "mall": [BAD, STALE, WEAK],
    "kiosk": [FINE],
}
HOUR_MS = 3600_000


def tell(log: pathlib.Path, device: str, sensors: list, diagnostics: int) -> None:
    """Half a day, then what is so now."""
    now_ms = int(time.time() * 1000)
    feed = Feed(log, device)
    feed.say(f"points {3 * len(sensors)}")
    if diagnostics:
        feed.say(f"diagnostics {diagnostics}")
    for index, values in enumerate(sensors):
        for point, value in enumerate(values, 3 * index + 1):
            if value is not None:
                feed.say(f"series {point} {now_ms - 12 * HOUR_MS} {HOUR_MS // 2} 23")
                feed.say(f"sample {point} {now_ms} {value}")
    for point, value in enumerate((5, 5, 0, "bad")[:diagnostics], 3 * len(sensors) + 1):
        feed.say(f"sample {point} {now_ms} {value}")
    feed.close()


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run(["node", SOURCE / "web/build.mjs"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "BUSWARD_WEB_DIST": str(folder / "web")})
        for device, sensors in SITES.items():
            tell(folder / "log", device, sensors, 4 if device == "shop" else 0)
        # A value is as old as the test is long: only what is said to be stale may be.
        cloud = Cloud(folder, "--overdue-s", "3600")
        cloud.start()
        try:
            path = "/setup#" + (folder / "data/setup-link").read_text().strip().partition("#")[2]
            command = ["node", str(SOURCE / "tests/system/web/conditions.mjs"), f"http://127.0.0.1:{cloud.port}{path}"]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as browser:
                for line in browser.stdout:
                    print(line, end="", flush=True)
                    if line == "ask stop\n":
                        cloud.stop()
                        browser.stdin.write("done\n")
                        browser.stdin.flush()
            check(browser.returncode == 0, "the browser's proof")
        except BaseException:
            print((folder / "cloud.log").read_text()[-3000:])
            raise
        finally:
            cloud.process.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
