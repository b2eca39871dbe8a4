# SPDX-License-Identifier: Apache-2.0
"""The configuration of a demo store: who is where, on which port, with which keys."""

import base64
import dataclasses
import hmac
import json
import os
import pathlib
import secrets
import subprocess

from world import certs
from world.broker import broker_conf
from world.ports import free_ports

HUB_HOST, ID_SCOPE = "localhost", "0ne00000001"

# Place of each sensor slot; the receiver's model knows the same cycle (apps/sensor/store_model.c).
PLACES = [("vegetables", "Cold shelf"), ("vegetables", "Cold shelf"), ("vegetables", "Cold shelf"), ("vegetables", "Freezer"),
          ("checkout", "Till"), ("checkout", "Till"), ("entrance", "Door"), ("entrance", "Door")]
# What the temperature must keep to, low and high.
# A door held open or a defrosting is no alert: it begins after half an hour beyond.
PATIENCE = {"hysteresis": 0.5, "alert_after_s": 1800}
LIMITS = {"Cold shelf": (1, 8), "Freezer": (-26, -15), "Till": (17, 26), "Door": (5, 28)}
# An enumeration that changes with every report: the two lowest bits of its sequence.
PHASES = ("first", "second", "third", "fourth")


@dataclasses.dataclass
class Store:
    """What may differ from world to world."""

    sensors: int = 24
    baud: int = 19200
    format: str = "8E1"
    report_s: int = 10  # model seconds between two reports of a sensor
    speed: int = 1  # model seconds in a real one
    start_of_day: str = "10:00"
    seed: int = 1
    max_age_ms: int = 1000
    sync_ms: int = 1000
    poll_ms: int = 1000
    diagnostics_s: int = 10
    bus: dict[str, int] = dataclasses.field(default_factory=dict)  # more of its keys
    reply_timeout_ms: int = 0  # for every unit, whatever its habit; 0: the gateway learns it
    stale_after_s: int = 60
    trial_s: int = 20  # how long a configuration from the cloud has to prove itself
    silences: tuple[str, ...] = ()  # SLOT@SECONDS for the receiver
    calm: bool = False
    line_options: tuple[str, ...] = ()
    retry_max_s: int = 35  # between two attempts to reach the hub
    journal_order: str = "oldest_first"
    backfill_per_min: int = 120
    hub_log_bytes_max: int = 256 * 1024 * 1024
    core: bool = False  # the line is driven by the real-time core's program in its model, else by the gateway's tty
    phases: bool = False  # each sensor has a point more, an enumeration of PHASES


def write_private(path: pathlib.Path, text: str) -> pathlib.Path:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return path


def sensor_entries(count: int) -> list[dict]:
    names: dict[str, int] = {}
    entries = []
    for slot in range(count):
        area, kind = PLACES[slot % len(PLACES)]
        names[kind] = names.get(kind, 0) + 1
        low, high = LIMITS[kind]
        entries.append({"slot": slot, "name": f"{kind} {names[kind]}", "area": area,
                        "limits": [{"point": "temperature", "low": low, "high": high, **PATIENCE}]})
    return entries


class Site:
    """The files of one world below one folder, and the ports its parts listen on."""

    def __init__(self, folder: pathlib.Path, store: Store, plugin: pathlib.Path, backend: pathlib.Path, source: pathlib.Path):
        self.folder = folder
        self.store = store
        self.device_id = "store-1"
        self.mqtt_port, self.dps_port, self.rest_port, self.http_port = free_ports(4)
        for name in ("hub", "gateway", "cloud", "logs", "tls"):
            path = folder / name
            path.mkdir(mode=0o700, exist_ok=True)
            path.chmod(0o700)
        self.hub_log = folder / "hub" / "log"
        self.client_tty = folder / "tty-gateway"
        self.device_tty = folder / "tty-receiver"
        self.mailbox = folder / "core.mailbox"
        self.line_log = folder / "line.jsonl"
        self.line_report = folder / "line-report.json"
        self.sync_trace = folder / "sync-trace.jsonl"
        self.gateway_config = folder / "gateway" / "store-1.json"
        self._make_certificates()
        self._make_directory(backend)
        self._write_broker("hub", self.mqtt_port, plugin)
        self._write_broker("dps", self.dps_port, plugin)
        self._write_gateway(source)

    @property
    def port(self) -> str:
        return f"rt:{self.mailbox}" if self.store.core else f"tty:{self.client_tty}"

    def _make_certificates(self) -> None:
        certs.make_authority(self.folder / "tls")
        self.certificate, self.key = certs.make_server(self.folder / "tls", "localhost")

    def _make_directory(self, backend: pathlib.Path) -> None:
        """What an operator does once: a policy for the cloud, and a group whose members provision themselves."""
        hub, group_key = self.folder / "hub", secrets.token_bytes(32)
        key_file = write_private(hub / "stores.key", base64.b64encode(group_key).decode() + "\n")
        self.policy_file = self.folder / "cloud" / "hub-policy"
        for words in (["policy", "add", "--name", "cloud", "--rights", "serviceConnect", "--host", HUB_HOST, "--out", self.policy_file],
                      ["group", "add", "--id", "stores", "--key-file", key_file]):
            subprocess.run([backend, *words, "--data-dir", hub], check=True, capture_output=True)
        # What the box is given: the key derived for its name. It never sees the group's.
        own = hmac.digest(group_key, self.device_id.encode(), "sha256")
        write_private(self.folder / "gateway" / "device.key", base64.b64encode(own).decode() + "\n")

    def backend_options(self) -> list[str]:
        hub = self.folder / "hub"
        return ["serve", "--data-dir", str(hub), "--hub-link", str(hub / "hub.sock"), "--dps-link", str(hub / "dps.sock"),
                "--host", HUB_HOST, "--dps-host", HUB_HOST, "--id-scope", ID_SCOPE, "--dps-retry-after-s", "1",
                "--listen", f"127.0.0.1:{self.rest_port}", "--cert", str(self.certificate), "--key", str(self.key)]

    def cloud_options(self) -> list[str]:
        return ["--hub-url", f"https://{HUB_HOST}:{self.rest_port}", "--hub-key-file", str(self.policy_file),
                "--hub-ca", str(self.folder / "tls" / "ca.pem")]

    def _write_broker(self, mode: str, port: int, plugin: pathlib.Path) -> None:
        hub, is_hub = self.folder / "hub", mode == "hub"
        write_private(hub / f"{mode}.conf", broker_conf(
            mode, port, certificate=self.certificate, key=self.key, link=hub / f"{mode}.sock", plugin=plugin, directory=hub / "hub.db",
            log=self.hub_log if is_hub else None, log_bytes_max=self.store.hub_log_bytes_max if is_hub else 0, quiet=True))
        self.hub_log.mkdir(mode=0o700, exist_ok=True)

    def _write_gateway(self, source: pathlib.Path) -> None:
        timeouts = {key: self.store.reply_timeout_ms for key in ("reply_timeout_ms", "reply_timeout_min_ms") if self.store.reply_timeout_ms}
        config = {
            "gateway": {"name": "Store 1", "time_zone": "Europe/Berlin", "id": self.device_id,
                        "data_dir": str(self.folder / "gateway")},
            "hub": {"retry_max_s": self.store.retry_max_s,
                    "port": self.mqtt_port, "address": "127.0.0.1", "ca_file": str(self.folder / "tls" / "ca.pem"),
                    "key_file": str(self.folder / "gateway" / "device.key"),
                    "provisioning": {"id_scope": ID_SCOPE, "registration_id": self.device_id, "dps_host": HUB_HOST,
                                     "dps_port": self.dps_port, "dps_address": "127.0.0.1"}},
            "telemetry": {"max_age_ms": self.store.max_age_ms, "sync_ms": self.store.sync_ms,
                          "backfill_messages_per_min": self.store.backfill_per_min},
            "journal": {"order": self.store.journal_order},
            "remote": {"trial_s": self.store.trial_s},
            "buses": [{
                "name": "line 1", "port": self.port, "baud": self.store.baud, "format": self.store.format,
                "diagnostics_s": self.store.diagnostics_s, **timeouts, **self.store.bus,
                "devices": [{"name": "Receiver", "unit": 1, "profile": "store-receiver",
                             "sensors": sensor_entries(self.store.sensors)}],
            }],
        }
        self.gateway_config.write_text("// Made for one run by tools/world.\n" + json.dumps(config, indent=1) + "\n")
        self._write_profile(source)

    def _write_profile(self, source: pathlib.Path) -> None:
        """The shipped receiver profile, polled and judged as fast as this world lives."""
        profile = json.loads((source / "profiles" / "busward-receiver.json").read_text())
        profile["name"] = "store-receiver"
        for group in profile["groups"]:
            group["interval_ms"] = self.store.poll_ms
        profile["sensors"]["stale_after_s"] = self.store.stale_after_s
        if self.store.phases:
            words = [{"value": code, "text": word} for code, word in enumerate(PHASES)]
            profile["sensors"]["points"].append({"name": "phase", "address": 0, "type": "bits", "bit": 0, "width": 2, "labels": words})
        folder = self.folder / "gateway" / "profiles"
        folder.mkdir(exist_ok=True)
        (folder / "store-receiver.json").write_text(json.dumps(profile, indent=1) + "\n")
