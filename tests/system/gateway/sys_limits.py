#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what a gateway told of a limit it does not tell again after any end, and that it is over it tells even if that came about
while no gateway ran. Method: a device whose value the test sets, gateways that are killed and ended, and the alerts as they lie
sealed in the journal; there is no hub, so all of them stay there."""

import json
import os
import pathlib
import sys
import tempfile

SOURCE, BUILD = pathlib.Path(os.environ["BUSWARD_SOURCE"]), pathlib.Path(os.environ["BUSWARD_BUILD"])
sys.path[:0] = [str(SOURCE / "tools"), str(SOURCE / "tests/system/golden")]

from modbus_unit import Process, Unit  # noqa: E402
from world.judge import read_lines  # noqa: E402
from world.wait import until  # noqa: E402

INSIDE, ABOVE = 50, 70
FAST, PATIENT = 7, 8  # addresses


class Box:
    def __init__(self, folder: pathlib.Path):
        self.folder, self.unit = folder, Unit()
        self.trace = folder / "trace.jsonl"
        (folder / "profiles").mkdir()
        (folder / "profiles/p.json").write_text(json.dumps(
            {"name": "p", "groups": [{"name": "all", "interval_ms": 100}],
             "points": [{"name": "fast", "address": FAST}, {"name": "patient", "address": PATIENT}]}))
        self.configure([{"point": "fast", "high": 60}, {"point": "patient", "high": 60, "alert_after_s": 5}])
        self.set(INSIDE, INSIDE)

    def configure(self, limits: list) -> None:
        (self.folder / "c.json").write_text(json.dumps(
            {"gateway": {"id": "gw", "data_dir": str(self.folder / "data")}, "telemetry": {"max_age_ms": 200, "sync_ms": 100},
             "buses": [{"name": "b", "port": f"tcp:127.0.0.1:{self.unit.server_address[1]}", "diagnostics_s": 0,
                        "devices": [{"name": "d", "unit": 1, "profile": "p", "limits": limits}]}]}))

    def set(self, fast: int, patient: int) -> None:
        self.unit.registers.update({FAST: fast, PATIENT: patient})

    def start(self) -> Process:
        gateway = Process([BUILD / "apps/gateway/busward-gateway", "--config", self.folder / "c.json", "--trust-clock",
                           "--sync-trace", self.trace])
        self.polled()
        return gateway

    def polled(self) -> None:
        """A value that is the register's now is journalled, and so is what comes of it."""
        count = len(read_lines(self.trace)) if self.trace.exists() else 0
        until("samples", lambda: self.trace.exists() and len(read_lines(self.trace)) >= count + 8)

    def alerts(self) -> list[str]:
        found = []
        for file in sorted((self.folder / "data/journal/alerts").glob("*.seg")):
            content = file.read_bytes()
            at = content.find(b'"ev":"alert"')
            while at >= 0:
                row = json.loads(b"{" + content[at:content.index(b"}", at) + 1])
                found.append(f"{row['point']} {row['state']}")
                at = content.find(b'"ev":"alert"', at + 1)
        return found

    def expect(self, alerts: list[str]) -> None:
        until(f"alerts {alerts}", lambda: len(self.alerts()) >= len(alerts))
        assert self.alerts() == alerts, (self.alerts(), alerts)


def kill(gateway: Process) -> None:
    gateway.process.kill()
    gateway.process.wait()


def end(gateway: Process) -> None:
    gateway.process.terminate()
    assert gateway.process.wait(30) == 0, gateway.lines


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        box = Box(pathlib.Path(folder))
        gateway = box.start()
        box.expect(told := [])
        box.set(ABOVE, INSIDE)
        box.expect(told := [*told, "1 high"])
        box.polled()
        kill(gateway)
        gateway = box.start()  # still beyond: told before
        box.expect(told)
        kill(gateway)
        box.set(INSIDE, INSIDE)
        gateway = box.start()
        box.expect(told := [*told, "1 normal"])
        end(gateway)
        gateway = box.start()
        box.expect(told)
        # Patience goes on over many ends, each sooner than it is long.
        box.set(INSIDE, ABOVE)
        rounds = 0
        while len(box.alerts()) == len(told):
            (kill if rounds % 2 else end)(gateway)
            gateway = box.start()
            rounds += 1
            assert rounds < 40, "patience begins anew with every start"
        box.expect(told := [*told, "2 high"])
        end(gateway)
        box.configure([{"point": "fast", "high": 60}])  # nobody watches that limit any more
        gateway = box.start()
        box.expect([*told, "2 normal"])
        end(gateway)
        box.unit.shutdown()
        print("ok", box.alerts())


if __name__ == "__main__":
    main()
