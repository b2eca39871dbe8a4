#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what the hub may ask of a gateway works from the outside, and nothing else does: methods, nudges, flight record,
beginning anew. Method: the real gateway on Modbus TCP, a real mosquitto behind TLS; the test plays the hub."""
import json
import os
import pathlib
import re
import socket
import struct
import sys
import tempfile
import time

SOURCE = pathlib.Path(os.environ["BUSWARD_SOURCE"])
sys.path[:0] = [str(SOURCE / "tools"), str(SOURCE / "tests/system/hub")]

from hub_world import HOST, Client, key_of  # noqa: E402
from methods_world import DEVICE, WAIT_S, Process, Unit, start_gateway, write_config  # noqa: E402
from world.certs import make_authority, make_server  # noqa: E402


class Bench:
    mode = "hub"  # as the client sees it

    def __init__(self, folder):
        self.dir = folder
        self.unit = Unit()
        make_authority(folder)
        make_server(folder, "server", f"DNS:{HOST},DNS:localhost,IP:127.0.0.1")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        conf = [f"listener {self.port} 127.0.0.1", f"certfile {folder}/server.pem", f"keyfile {folder}/server.key",
                "allow_anonymous true", "persistence false", "log_dest stderr"]
        (folder / "mosquitto.conf").write_text("\n".join(conf + (["user root"] if os.geteuid() == 0 else [])) + "\n")
        (folder / "gw.key").write_text(key_of(DEVICE) + "\n")
        (folder / "gw.key").chmod(0o600)
        self.led = folder / "led"
        self.led.mkdir()
        for name, text in (("max_brightness", "1\n"), ("trigger", "none [timer] x\n")):
            (self.led / name).write_text(text)
        os.mkfifo(self.led / "brightness")  # so that each change can be waited for
        self.light = os.open(self.led / "brightness", os.O_RDWR)
        self.write_config()
        self.broker = Process(["mosquitto", "-c", f"{folder}/mosquitto.conf"])
        self.broker.wait_line(" running")
        self.client = Client(self, "test")
        for topic in ("$iothub/methods/res/#", "$iothub/twin/GET/#", "$iothub/twin/PATCH/properties/reported/#",
                      f"devices/{DEVICE}/messages/events/#"):
            assert self.client.subscribe(topic) is not None
        self.gateway = start_gateway(folder)
        self.events, self.rid, self.reports = [], 0, 0

    def write_config(self, name="Store"):
        write_config(self.dir, {"host": HOST, "address": "127.0.0.1", "port": self.port, "key_file": str(self.dir / "gw.key"),
                                "ca_file": str(self.dir / "ca.pem")}, self.unit, name, identify_led=str(self.led))

    def receive(self):
        """(topic, payload) of what comes next; acknowledges nothing: QoS 1 is granted, the broker does not wait."""
        while True:
            first, body = self.client.receive()
            if first & 0xF0 == 0x30:
                size, = struct.unpack_from(">H", body)
                at = 2 + size
                if first & 6:
                    self.client.send(0x40, body[at:at + 2])
                    at += 2
                topic = body[2:2 + size].decode()
                if "/reported/" in topic:  # a hub takes every patch
                    self.reports += 1
                    rid = re.search(r"\$rid=([^&]*)", topic)[1]
                    self.client.publish(b"", qos=0, topic=f"$iothub/twin/res/204/?$rid={rid}&$version={self.reports}")
                return topic, body[at:]

    def call(self, method, payload=None, status=200):
        self.rid += 1
        body = b"" if payload is None else json.dumps(payload).encode()
        self.client.publish(body, topic=f"$iothub/methods/POST/{method}/?$rid={self.rid}", qos=0)
        while True:
            topic, answer = self.receive()
            if topic.startswith("$iothub/methods/res/"):
                assert topic == f"$iothub/methods/res/{status}/?$rid={self.rid}", (method, topic, answer)
                return json.loads(answer)
            self.events.append((topic, answer))

    def wait_event(self, condition, what):
        end = time.monotonic() + WAIT_S
        while not any(condition(*event) for event in self.events):
            assert time.monotonic() < end, f"in vain: {what}"
            self.events.append(self.receive())

    def nudge(self, body):
        self.client.publish(json.dumps(body).encode(), topic=f"devices/{DEVICE}/messages/devicebound/x=1", qos=0)

    def close(self):
        self.client.close()
        code = self.gateway.end()
        self.broker.end()
        self.unit.shutdown()
        assert code == 0, (code, "".join(self.gateway.lines))


def test_bus(bench):
    read = {"unit": 1, "table": "holding", "address": 50}
    assert bench.call("read", read) == {"values": [4711]}
    assert bench.call("read", {**read, "unit": 9}, 504)["error"] == "the unit does not answer"
    assert "read" in bench.call("reed", {}, 404)["methods"]
    assert bench.call("read", {"unit": 1}, 400)["problems"][0]["path"] == ""
    write = {"unit": 1, "table": "holding", "address": 100, "values": [15]}
    assert bench.call("write", {**write, "values": [21]}, 403)["rule"] == "methods.write[0]"
    assert bench.call("write", {**write, "address": 101}, 403) and bench.unit.registers[100] == 1
    assert bench.call("write", write)["verified"] is True and bench.unit.registers[100] == 15
    bench.wait_event(lambda topic, body: b"remote write: bus b unit 1 holding 100: 15 done, verified" in body, "its event")
    job = bench.call("scan", {"from": 1, "to": 4, "timeout_ms": 50}, 202)["job"]
    bench.wait_event(lambda topic, body: f"scan {job} of bus b, units 1 to 4: done, 2 answered 1 2".encode() in body, "the scan")
    assert [one["unit"] for one in bench.call("job")["units"]] == [1, 2]
    assert "not TCP" in bench.call("line_test", {"from": 1}, 400)["error"]


def test_box(bench):
    assert bench.call("identify", {"for_s": 1})["led"] is True
    bench.gateway.wait_line("method=identify status=200")
    seen = b""
    while not seen.endswith(b"00"):  # blinking is over, and again when the light is given back
        seen += os.read(bench.light, 1)
    assert seen.startswith(b"1010"), seen
    bench.call("help")
    assert (bench.led / "trigger").read_text().startswith("timer")
    figures = bench.call("diagnostics")
    assert figures["uplink"]["state"] == "online" and figures["memory_kb"] > 1000, figures
    assert figures["buses"][0]["up"] and figures["buses"][0]["units"][0]["state"] == "online", figures
    bench.call("sync_now")
    bench.call("log_level", {"level": "debug", "for_s": 1})
    bench.gateway.wait_line("level=debug mod=poll ev=sample")
    bench.gateway.wait_line("ev=log_level level=info")
    bench.nudge({"nudge": "watch", "for_s": 1})
    bench.gateway.wait_line("ev=watch on=1")
    bench.gateway.wait_line("ev=watch on=0")
    bench.nudge({"nudge": "dance"})
    bench.gateway.wait_line("ev=nudge_unknown nudge=dance")


def answer_twin(bench, count):
    """Plays a hub whose twin is empty; waits for that many questions in all."""
    def asked():
        return [topic for topic, _ in bench.events if topic.startswith("$iothub/twin/GET/")]
    bench.wait_event(lambda *_: len(asked()) >= count, "the question for the twin")
    rid = re.search(r"\$rid=(.*)", asked()[-1])[1]
    bench.client.publish(b'{"desired":{"$version":1},"reported":{"$version":1}}', topic=f"$iothub/twin/res/200/?$rid={rid}", qos=0)


def test_twin_nudge(bench):
    answer_twin(bench, 1)
    bench.call("help")  # so that the answer was taken
    bench.wait_event(lambda topic, body: "/reported/" in topic and json.loads(body).get("job", {}).get("state") == "done",
                     "the scan in the reported properties")
    bench.nudge({"nudge": "twin"})
    answer_twin(bench, 2)


def test_flight_record(bench):
    bench.call("flight_record", {"minutes": 5, "upload": True}, 202)

    def parts():
        return {topic: body for topic, body in bench.events if "&t=flight&" in topic}
    bench.wait_event(lambda topic, body: (found := re.search(r"&part=(\d+)&parts=(\d+)$", topic)) and found[1] == found[2],
                     "the last part")
    whole = b"".join(parts().values()).decode()
    assert "ev=online" in whole and 'bus="b" ev=send token=' in whole and "outcome=reply" in whole, whole
    assert key_of(DEVICE) not in whole and "SharedAccessSignature" not in whole


def test_beginning_anew(bench):
    assert bench.call("reload")["changed"] is False
    good = (bench.dir / "c.json").read_text()
    (bench.dir / "c.json").write_text(good.replace('"port": "tcp', '"prot": "tcp'))
    for method in ("reload", "restart"):
        assert any("unknown key" in line for line in bench.call(method, None, 400)["problems"])
    bench.write_config(name="Store 2")
    pid = bench.gateway.process.pid
    assert bench.call("reload")["restarting"] is True
    bench.gateway.wait_line('ev=start name="Store 2"')
    bench.gateway.wait_line("ev=online", count=2)
    assert bench.call("read", {"unit": 1, "table": "holding", "address": 50}) == {"values": [4711]}
    assert bench.call("restart")["changed"] is False
    bench.gateway.wait_line("ev=online", count=3)
    assert bench.call("help", {"method": "read"})["methods"]["read"]["limit_ms"] == 20000
    assert bench.gateway.process.pid == pid and bench.gateway.process.poll() is None
    assert sum("ev=stop" in line for line in bench.gateway.lines) == 2


def main():
    with tempfile.TemporaryDirectory(prefix="busward-methods-") as folder:
        bench = Bench(pathlib.Path(folder))
        try:
            for test in (test_bus, test_box, test_twin_nudge, test_flight_record, test_beginning_anew):
                test(bench)
                print("ok", test.__name__, flush=True)
        except BaseException:
            print("".join(bench.gateway.lines[-60:]))
            raise
        finally:
            bench.close()


main()
