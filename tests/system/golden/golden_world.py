# SPDX-License-Identifier: Apache-2.0
"""A real gateway, the hub and its provisioning service as they are deployed, a tap on each of the gateway's two ways, and the
hub's REST, by which everything is asked that a person or a service would ask."""
import http.client
import json
import mmap
import os
import pathlib
import ssl
import struct
import sys
import traceback
import urllib.parse

SOURCE = pathlib.Path(os.environ["BUSWARD_SOURCE"])
BUILD = pathlib.Path(os.environ["BUSWARD_BUILD"])
sys.path[:0] = [str(SOURCE / "tests/system" / name) for name in ("hub", "gwcloud")]

import azure_world  # noqa: E402
from hub_world import DEADLINE_S, HOST, SCOPE, key_of, sas  # noqa: E402,F401
from modbus_unit import Process, Unit  # noqa: E402
from tap import Tap  # noqa: E402
from transcript import Transcript, compare  # noqa: E402
from world.ports import free_port  # noqa: E402

PROGRAM = BUILD / "apps/gateway/busward-gateway"
SHIFT = BUILD / "tests/system/golden/shift.so"
API = "api-version=2021-04-12"
PROFILE = {"name": "plain", "groups": [{"name": "fast", "interval_ms": 200}], "points": [{"name": "voltage", "address": 7}]}


class Gateway(Process):
    """Its clocks can be put ahead: nobody waits for what takes minutes."""

    def __init__(self, folder, transcript, device, wall_s):
        self.folder, self.transcript, self.device = folder, transcript, device
        self.shift_s = [0, wall_s]
        with open(folder / "shift", "w+b") as file:
            file.write(bytes(4096))
            file.flush()
            self.shared = mmap.mmap(file.fileno(), 4096)
        self.shift(0)
        env = {"LD_PRELOAD": str(SHIFT), "ASAN_OPTIONS": "verify_asan_link_order=0", "SHIFT_FILE": str(folder / "shift")}
        super().__init__([str(PROGRAM), "--config", str(folder / "c.json"), "--trust-clock"], env)

    def shift(self, seconds, wall_s=None):
        """Puts both clocks ahead, or the wall clock otherwise than the monotonic one."""
        self.shift_s[0] += seconds
        self.shift_s[1] += seconds if wall_s is None else wall_s
        self.shared[:16] = struct.pack("<qq", *self.shift_s)


class Golden:
    """`with Golden("part") as world:` compares at the end what was said."""

    def __init__(self, part):
        self.part = part
        self.rest_port = free_port()
        self.world = azure_world.World(self.rest_port)
        self.dir = pathlib.Path(self.world.dir)
        self.transcript = Transcript()
        self.hub_tap = Tap("hub", self.dir, self.world.hub.port, self.transcript)
        self.dps_tap = Tap("dps", self.dir, self.world.dps.port, self.transcript)
        self.unit, self.gateways = Unit(), []
        self.context = ssl.create_default_context(cafile=str(self.dir / "ca.pem"))
        for name, rights, *dps in (("service", "registryRead,registryWrite,serviceConnect"),
                                   ("operator", "enrollmentRead,enrollmentWrite,registrationStatusRead,registrationStatusWrite", "--dps")):
            self.world.do("policy", "add", "--name", name, "--rights", rights, "--key-file",
                          self.world.secret(f"{name}.key", key_of(name)), *dps)

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, trace):
        codes = [(gateway.end(), gateway) for gateway in self.gateways]
        self.unit.shutdown()
        for tap in (self.hub_tap, self.dps_tap):
            tap.shut()
        said = self.hub_tap.problems + self.dps_tap.problems
        if problem is not None:
            for gateway in self.gateways:
                print(f"--- {gateway.device}\n" + "".join(gateway.lines[-40:]))
            print(self.world.hub.output()[-3000:], said)
            traceback.print_exception(kind, problem, trace)
        azure_world.close_all()
        if problem is not None:
            sys.exit(1)
        assert not said, said
        for code, gateway in codes:
            log = "".join(gateway.lines)
            assert code in (0, -9) and "mod=assert" not in log and "sig=" not in log, (code, log)
        compare(self.transcript, self.part)
        print("ok", flush=True)

    def know(self, pair, authority="ca"):
        for tap in (self.hub_tap, self.dps_tap):
            tap.know(pair, f"{self.dir}/{authority}.pem")

    def write(self, device, hub, **sections):
        """The gateway's files; sections lie over the usual ones."""
        folder = self.dir / f"box-{device}"
        (folder / "profiles").mkdir(parents=True, exist_ok=True)
        (folder / "profiles/plain.json").write_text(json.dumps(PROFILE))
        config = {
            "gateway": {"id": device, "name": "Store", "data_dir": str(folder / "data")},
            "hub": {"address": "127.0.0.1", "port": self.hub_tap.port, "ca_file": str(self.dir / "ca.pem"), "retry_max_s": 1, **hub},
            "telemetry": {"max_age_ms": 200, "sync_ms": 50},
            "buses": [{"name": "line", "port": f"tcp:127.0.0.1:{self.unit.server_address[1]}", "reply_timeout_ms": 5000,
                       "reply_timeout_min_ms": 5000, "diagnostics_s": 0, "devices": [{"name": "meter", "unit": 1, "profile": "plain"}]}],
            **sections}
        (folder / "c.json").write_text(json.dumps(config))
        return folder

    def section(self, device, name, is_chancy=False):
        self.transcript.section(device, f"{self.part}: {name}", is_chancy)

    def start(self, folder, device, section=None, is_chancy=False, wall_s=0):
        """A gateway whose wall clock runs that far ahead."""
        if section:
            self.section(device, section, is_chancy)
        gateway = Gateway(folder, self.transcript, device, wall_s)
        self.gateways.append(gateway)
        return gateway

    def settle(self, gateway, device, count=1, kinds="sec"):
        """Until all that a start, and then this many connections, say was said."""
        section, wait = self.transcript.sections[device], self.transcript.wait
        for kind in kinds:
            wait(f"^> PUBLISH .*&t={kind}&", section, acknowledged=True)
        wait(r"^< PUBLISH .*twin/res/200/", section, count)
        wait(r"^< PUBLISH .*twin/res/204/", section)
        if count == 1:
            gateway.shift(3)  # the twin rested: what runs is reported
            wait(r'^> PUBLISH .*/reported/.*"config":', section)
            wait(r"^< PUBLISH .*twin/res/204/", section, 2)

    def provisioning(self, registration):
        return {"provisioning": {"id_scope": SCOPE, "registration_id": registration, "dps_host": HOST, "dps_address": "127.0.0.1",
                                 "dps_port": self.dps_tap.port}}

    def key(self, name):
        return self.world.secret(f"{name}.key", key_of(name) + "\n")

    # The service's side.
    def rest(self, method, path, body=None, headers=None, policy="service", expect=(200,)):
        token = sas("", key=key_of(policy), resource=urllib.parse.quote(HOST, safe=""), policy=policy)
        connection = http.client.HTTPSConnection("127.0.0.1", self.rest_port, timeout=DEADLINE_S, context=self.context)
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        mark = "&" if "?" in path else "?"
        heads = {"Authorization": token, "Content-Type": "application/json", **(headers or {})}
        connection.request(method, f"{path}{mark}{API}", raw, heads)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status in expect, (method, path, answer.status, text)
        return json.loads(text) if text else None

    def call(self, device, method, payload=None, status=200):
        """A direct method as a service calls it; the gateway's answer."""
        body = {"methodName": method, "responseTimeoutInSeconds": 30, "connectTimeoutInSeconds": 20}
        answer = self.rest("POST", f"/twins/{device}/methods", {**body, **({} if payload is None else {"payload": payload})})
        assert answer["status"] == status, (method, answer)
        return answer["payload"]

    def nudge(self, device, body, **properties):
        headers = {f"iothub-app-{key}": value for key, value in properties.items()}
        self.rest("POST", f"/devices/{device}/messages/devicebound", json.dumps(body).encode() if body else b"", headers, expect=(204,))

    def desire(self, device, config):
        """The version of what is desired now: this configuration, and nothing else."""
        body = {"properties": {"desired": {"config": config}}}
        return self.rest("PUT", f"/twins/{device}", body, {"If-Match": "*"})["properties"]["desired"]["$version"]

    def reported(self, device):
        return self.rest("GET", f"/twins/{device}")["properties"]["reported"]

    def change(self, path, change, policy="service"):
        """GET, change, PUT."""
        value = self.rest("GET", path, policy=policy)
        self.rest("PUT", path, {**value, **change}, {"If-Match": "*"}, policy=policy)
