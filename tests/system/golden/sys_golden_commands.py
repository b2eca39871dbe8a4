#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what a service may ask of a gateway works from its REST call to the device on the bus and back, nothing else does, and
every word on the way is the one that was kept: methods, nudges, flight record, beginning anew. Method: a real gateway on Modbus
TCP and a serial line, the real hub with its REST, a tap between them."""
import json
import os

from golden_world import HOST, Golden, key_of
from rtu_unit import RtuUnit

DEVICE, ONLINE = "gw-m", "mod=uplink ev=online "
SAMPLE = "level=debug mod=poll ev=sample"
READ = {"bus": "line", "unit": 1, "table": "holding", "address": 50}
WRITE = {"bus": "line", "unit": 1, "table": "holding", "address": 100, "values": [15]}


class Box:
    """The gateway; `call` and `section` are of it."""

    def __init__(self, world):
        self.world, self.serial = world, RtuUnit()
        self.transcript = world.transcript
        self.transcript.shapes |= {"diagnostics", "job", "flight_record", "help", "sync_now"}
        self.transcript.replace(str(world.dir), "<folder>")
        self.led = world.dir / "led"
        self.led.mkdir()
        for name, text in (("max_brightness", "1\n"), ("trigger", "none [timer] x\n")):
            (self.led / name).write_text(text)
        os.mkfifo(self.led / "brightness")  # so that each change can be waited for
        self.light = os.open(self.led / "brightness", os.O_RDWR)
        world.world.do("device", "add", "--id", DEVICE, "--key-file", world.key(DEVICE))
        self.folder = self.write("Store")
        self.gateway = world.start(self.folder, DEVICE, "its start")
        self.gateway.wait_line(ONLINE)
        world.settle(self.gateway, DEVICE, kinds="ec")

    def write(self, name):
        slow = {"name": "slow", "groups": [{"name": "g", "interval_ms": 5000}], "points": [{"name": "voltage", "address": 0}]}
        profiles = self.world.dir / f"box-{DEVICE}/profiles"
        profiles.mkdir(parents=True, exist_ok=True)
        (profiles / "slow.json").write_text(json.dumps(slow))
        device = {"name": "meter", "unit": 1, "profile": "plain"}
        common = {"reply_timeout_ms": 5000, "reply_timeout_min_ms": 5000, "diagnostics_s": 0, "foreign_share_percent": 50}
        return self.world.write(
            DEVICE, {"host": HOST, "key_file": self.world.key(DEVICE)},
            gateway={"name": name, "id": DEVICE, "data_dir": str(self.world.dir / "data-m"), "identify_led": str(self.led)},
            telemetry={"max_age_ms": 3600000, "watch_age_ms": 50, "sync_ms": 50},
            methods={"flight_kb": 64, "write": [{"bus": "line", "unit": 1, "table": "holding", "address": 100, "low": 10, "high": 20}]},
            buses=[{"name": "line", "port": f"tcp:127.0.0.1:{self.world.unit.server_address[1]}", "devices": [device], **common},
                   {"name": "wire", "port": self.serial.port, "devices": [{**device, "name": "wired", "profile": "slow"}], **common}])

    def section(self, name, is_chancy=False):
        self.world.section(DEVICE, name, is_chancy)
        self.count = len(self.transcript.entries)

    def call(self, method, payload=None, status=200):
        return self.world.call(DEVICE, method, payload, status)

    def wait_event(self, text):
        self.transcript.wait(f"^> PUBLISH .*&t=e&.*{text}", acknowledged=True)

    def samples(self):
        """Messages of samples that the hub took."""
        with self.transcript.changed:
            return sum("&t=s&" in entry.raw and entry.is_acknowledged for entry in self.transcript.entries)

    def debug(self, for_s):
        """Debug lines from now on, until a sample was told; afterwards there is something to send."""
        with self.gateway.changed:
            seen = sum(SAMPLE in line for line in self.gateway.lines)
        self.call("log_level", {"level": "debug", "for_s": for_s})
        self.gateway.wait_line(SAMPLE, count=seen + 1)

    def wait_samples(self, more_than):
        self.transcript.wait("^> PUBLISH .*&t=s&", count=more_than + 1, acknowledged=True)


def test_bus(box):
    box.section("methods on the bus")
    registers = box.world.unit.registers
    assert box.call("read", READ) == {"values": [4711]}
    assert box.call("read", {**READ, "unit": 9, "timeout_ms": 200}, 504)["error"] == "the unit does not answer"
    assert "read" in box.call("reed", {}, 404)["methods"]
    assert box.call("read", {"unit": 1}, 400)["problems"][0]["path"] == ""
    assert box.call("read", {**READ, "count": 0, "colour": "red"}, 400)["problems"]
    assert box.call("write", {**WRITE, "values": [21]}, 403)["rule"] == "methods.write[0]"
    assert "no rule" in box.call("write", {**WRITE, "address": 101}, 403)["error"] and registers[100] == 1
    assert box.call("write", WRITE)["verified"] is True and registers[100] == 15
    box.wait_event("remote write: bus line unit 1 holding 100: 15 done, verified")


def test_jobs(box):
    box.section("a scan", is_chancy=True)
    job = box.call("scan", {"bus": "line", "from": 1, "to": 3, "timeout_ms": 3000}, 202)["job"]
    box.wait_event(f"scan {job} of bus line, units 1 to 3: done, 2 answered 1 2")
    assert [one["unit"] for one in box.call("job")["units"]] == [1, 2]
    box.transcript.wait('/reported/.*"state":"done"', box.transcript.sections[DEVICE])
    box.section("a line test", is_chancy=True)
    assert "not TCP" in box.call("line_test", {"bus": "line", "from": 1}, 400)["error"]
    job = box.call("line_test", {"bus": "wire", "from": 1, "count": 3}, 202)["job"]
    box.wait_event(f"line_test {job} of bus wire")
    box.transcript.wait('/reported/.*"state":"done"', box.transcript.sections[DEVICE])
    assert box.call("job")["state"] == "done"


def test_box(box):
    box.section("methods of the box")
    assert box.call("identify", {"for_s": 60})["led"] is True
    assert box.call("help", {"method": "read"})["methods"]["read"]["limit_ms"] == 20000
    figures = box.call("diagnostics")
    assert figures["uplink"]["state"] == "online" and figures["memory_kb"] > 1000, figures
    assert figures["buses"][0]["up"] and figures["buses"][0]["units"][0]["state"] == "online", figures
    before = box.samples()
    box.call("sync_now")
    box.wait_samples(before)
    box.debug(for_s=60)
    seen = b""
    while len(seen) < 4:
        seen += os.read(box.light, 1)
    assert seen == b"1010", seen
    box.gateway.shift(60)
    box.gateway.wait_line("ev=log_level level=info")
    while not seen.endswith(b"00"):  # blinking is over, and again when the light is given back
        seen += os.read(box.light, 1)
    box.call("help")
    assert (box.led / "trigger").read_text().startswith("timer")


def test_nudges(box):
    box.section("nudges")
    before = box.samples()
    box.world.nudge(DEVICE, {"nudge": "watch", "for_s": 60})
    box.gateway.wait_line("ev=watch on=1")
    box.wait_samples(before + 1)  # more than once: they leave while somebody watches
    box.world.nudge(DEVICE, None, nudge="watch", for_s="0")
    box.gateway.wait_line("ev=watch on=0")
    box.debug(for_s=600)
    before = box.samples()
    box.world.nudge(DEVICE, {"nudge": "sync"})
    box.wait_samples(before)
    box.world.nudge(DEVICE, {"nudge": "twin"})
    box.transcript.wait("^< PUBLISH .*/twin/res/200/", box.transcript.sections[DEVICE])
    box.world.nudge(DEVICE, {"nudge": "dance"})
    box.gateway.wait_line("ev=nudge_unknown nudge=dance")
    box.transcript.wait("^< PUBLISH .*devicebound.*dance", acknowledged=True)


def test_flight_record(box):
    box.section("the flight record")
    answer = box.call("flight_record", {"minutes": 5, "upload": True}, 202)
    box.transcript.wait(f"&part={answer['parts']}&parts={answer['parts']} ", acknowledged=True)
    with box.transcript.changed:
        whole = "".join(entry.raw for entry in box.transcript.entries if "&t=flight&" in entry.raw)
    assert "ev=online" in whole and 'bus="line" ev=send token=' in whole and "outcome=reply" in whole, whole
    assert key_of(DEVICE) not in whole and "SharedAccessSignature" not in whole


def test_beginning_anew(box):
    box.section("refusals to begin anew")
    assert box.call("reload")["changed"] is False
    good = (box.folder / "c.json").read_text()
    (box.folder / "c.json").write_text(good.replace('"port": "tcp', '"prot": "tcp'))
    for method in ("reload", "restart"):
        assert any("unknown key" in line for line in box.call(method, None, 400)["problems"])
    pid = box.gateway.process.pid
    for number, (method, name) in enumerate((("reload", "Store 2"), ("restart", "Store 2"))):
        box.write(name)
        box.section(f"{method}: it begins anew")
        assert box.call(method)["restarting"] is True
        box.gateway.wait_line(f'ev=start name="{name}"', count=1 + number)
        box.gateway.wait_line(ONLINE, count=2 + number)
        box.world.settle(box.gateway, DEVICE)
        assert box.call("read", READ) == {"values": [4711]}
    assert box.gateway.process.pid == pid and box.gateway.process.poll() is None
    assert sum("ev=stop" in line for line in box.gateway.lines) == 2


def main():
    with Golden("commands") as world:
        box = Box(world)
        try:
            for test in (test_bus, test_jobs, test_box, test_nudges, test_flight_record, test_beginning_anew):
                test(box)
                print("ok", test.__name__, flush=True)
        finally:
            box.serial.close()


if __name__ == "__main__":
    main()
