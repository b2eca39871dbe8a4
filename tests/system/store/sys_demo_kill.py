#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demo keeps its word: "kill -9 any of them and watch it heal".

Goal: after a kill of every service at once each is started again, and at the end every journalled sample is in the store
exactly once. Method: tools/demo.py as ./dev demo starts it; the process ids are those that it prints, and so is the verdict.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[3]
VICTIMS = ("gateway", "hub", "dps", "backend", "cloud")
SECONDS = "10"  # of the demo
VERDICT = "every journalled sample is in the store exactly once"


def main() -> int:
    command = [sys.executable, "-u", str(SOURCE / "tools/demo.py"), "--build", os.environ["BUSWARD_BUILD"], "--tty", "--sensors", "8",
               "--report-s", "2"]
    lines, killed = [], {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "DEMO_SECONDS": SECONDS}) as demo:
        for line in demo.stdout:
            print(line, end="", flush=True)
            lines.append(line)
            if line.startswith("  parts: "):
                pids = dict(re.findall(r"(\w+) (\d+)", line))
                killed = {name: int(pids[name]) for name in VICTIMS}
                for pid in killed.values():
                    os.kill(pid, signal.SIGKILL)
    text = "".join(lines)
    wrong = [f"the {name} was not started again" for name in VICTIMS
             if f"the {name} ended (code -9): starting it again" not in text or f"the {name} runs as process" not in text]
    wrong += [] if VERDICT in text and demo.returncode == 0 else [f"exit code {demo.returncode}, and the verdict is another"]
    for word in wrong:
        print("WRONG " + word)
    return 1 if wrong or not killed else 0


if __name__ == "__main__":
    sys.exit(main())
