# SPDX-License-Identifier: Apache-2.0
"""The hub as an Azure of one's own: the hub's broker and DPS's, both behind TLS, and busward-hub with its REST on port 443.

The SDKs know fixed ports (8883 and 443), so that all of it lives in a network namespace of the test's own (enter_namespace).
"""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.parse

BUILD = pathlib.Path(os.environ.get("BUSWARD_BUILD", "build/host")).resolve()
SOURCE = pathlib.Path(__file__).resolve().parents[3]
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(SOURCE))

from tools.world import certs  # noqa: E402
from tools.world.broker import broker_conf  # noqa: E402

HOST, DPS_PORT, ID_SCOPE = "localhost", 8884, "0ne00000001"
DEADLINE_S = 30
INSIDE = "BUSWARD_NAMESPACE"
POLICIES = {
    "iothubowner": ("registryRead,registryWrite,serviceConnect,deviceConnect",),
    "registryRead": ("registryRead",),
    "service": ("serviceConnect",),
    "provisioningserviceowner": ("enrollmentRead,enrollmentWrite,registrationStatusRead,registrationStatusWrite", "--dps"),
    "enrolmentRead": ("enrollmentRead", "--dps"),
}


def enter_namespace() -> None:
    """Runs this script again in a network of its own, where every port is free; returns only there."""
    if os.environ.get(INSIDE):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    command = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    probe = subprocess.run([*command, "ip", "link", "set", "lo", "up"], capture_output=True, text=True)
    if probe.returncode != 0:
        sys.exit(f"this test needs a network namespace, since Microsoft's SDKs insist on ports 443 and 8883: {' '.join(command)} "
                 f"was refused ({probe.stderr.strip()}). As root, or where unprivileged user namespaces are allowed, it works.")
    os.environ[INSIDE] = "1"
    os.execvp(command[0], [*command, sys.executable, *sys.argv])


def key_of(name: str) -> str:
    return base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


class Process:
    """A daemon whose lines can be waited for."""

    def __init__(self, name: str, command: list):
        self.name, self.lines, self.changed, self.is_stopped = name, [], threading.Condition(), False
        self.process = subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.follower = threading.Thread(target=self.follow)
        self.follower.start()

    def follow(self) -> None:
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()
        self.process.stderr.close()
        with self.changed:
            self.lines.append("")  # the end
            self.changed.notify_all()

    def wait_for(self, words: str) -> None:
        with self.changed:
            done = self.changed.wait_for(lambda: any(words in line for line in self.lines) or "" in self.lines, DEADLINE_S)
        if not done or not any(words in line for line in self.lines):
            raise AssertionError(f"{self.name} never said {words!r}:\n" + "".join(self.lines[-30:]))

    def stop(self, how: str = "terminate") -> None:
        """Ends it, once; it must have lived until now, and end cleanly."""
        if self.is_stopped:
            return
        self.is_stopped = True
        getattr(self.process, how)()
        code = self.process.wait(DEADLINE_S)
        self.follower.join()
        if code != (-signal.SIGKILL if how == "kill" else 0):
            raise AssertionError(f"{self.name} ended with {code}:\n" + "".join(self.lines[-40:]))


class AzureWorld:
    """`with AzureWorld() as world:` world.environ() is what a Node script of the SDKs needs."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="busward-azure-"))
        self.processes = []
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        (self.folder / "links").mkdir(mode=0o700)
        certs.make_authority(self.folder)
        certs.make_server(self.folder, "server")
        self.make_fleet()

    def make_fleet(self) -> None:
        """An authority for devices with an intermediate, devices signed by either, and devices that signed themselves."""
        fleet = self.folder / "fleet"
        fleet.mkdir(mode=0o700)
        certs.make_authority(fleet, "Fleet CA")
        self.sign("intermediate", "fleet/ca", "Fleet intermediate", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n")
        leaf = "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n"
        for name in ("x509-ca", "dps-group-x509"):
            self.sign(name, "fleet/ca", name, leaf)
        self.sign("x509-deep", "intermediate", "x509-deep", leaf)
        chain = (self.folder / "x509-deep.pem").read_text() + (self.folder / "intermediate.pem").read_text()
        (self.folder / "x509-deep.pem").write_text(chain)
        for name in ("x509-self", "x509-other", "dps-x509"):
            certs.openssl("req", "-x509", *certs.CURVE, "-keyout", str(self.folder / f"{name}.key"), "-out",
                          str(self.folder / f"{name}.pem"), "-days", certs.DAYS, "-subj", f"/CN={name}")

    def sign(self, name: str, by: str, subject: str, extensions: str) -> None:
        at = self.folder / name
        certs.openssl("req", *certs.CURVE, "-keyout", f"{at}.key", "-out", f"{at}.csr", "-subj", f"/CN={subject}")
        at.with_suffix(".ext").write_text(extensions)
        certs.openssl("x509", "-req", "-in", f"{at}.csr", "-CA", str(self.folder / f"{by}.pem"), "-CAkey", str(self.folder / f"{by}.key"),
                      "-CAcreateserial", "-days", certs.DAYS, "-extfile", f"{at}.ext", "-out", f"{at}.pem")

    def operate(self, *words) -> None:
        done = subprocess.run([BUILD / "apps/hub/backend/busward-hub", *words, "--data-dir", self.data], capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"busward-hub {' '.join(map(str, words))}: {done.stderr}")

    def fill(self) -> None:
        """What an operator does before the REST is there: policies, and the fleet's authority."""
        key_file = self.folder / "policy.key"
        key_file.touch(mode=0o600)
        for name, (rights, *dps) in POLICIES.items():
            key_file.write_text(key_of(name) + "\n")
            self.operate("policy", "add", "--name", name, "--rights", rights, "--key-file", key_file, *dps)
        self.operate("ca", "add", "--name", "fleet", "--certificate", self.folder / "fleet/ca.pem")

    def start_broker(self, mode: str, port: int) -> Process:
        conf = self.folder / f"{mode}.conf"
        conf.write_text(broker_conf(
            mode, port, certificate=self.folder / "server.pem", key=self.folder / "server.key", link=self.folder / f"links/{mode}.sock",
            plugin=BUILD / "apps/hub/busward_hub.so", directory=self.data / "hub.db", log=self.data / "log" if mode == "hub" else None))
        broker = Process(mode, ["mosquitto", "-c", conf])
        self.processes.append(broker)
        broker.wait_for(" running")
        return broker

    def start_backend(self) -> Process:
        backend = Process("busward-hub", [
            BUILD / "apps/hub/backend/busward-hub", "serve", "--data-dir", self.data, "--hub-link", self.folder / "links/hub.sock",
            "--dps-link", self.folder / "links/dps.sock", "--host", HOST, "--dps-host", HOST, "--id-scope", ID_SCOPE,
            "--dps-retry-after-s", "1", "--listen", "127.0.0.1:443", "--cert", self.folder / "server.pem",
            "--key", self.folder / "server.key"])
        self.processes.append(backend)
        backend.wait_for("ev=listening")
        return backend

    def __enter__(self) -> "AzureWorld":
        try:
            self.fill()
            self.hub = self.start_broker("hub", 8883)
            self.dps = self.start_broker("dps", DPS_PORT)
            self.backend = self.start_backend()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        wrong = []
        for process in reversed(self.processes):
            try:
                process.stop()
            except AssertionError as error:
                wrong.append(str(error))
        shutil.rmtree(self.folder)
        if wrong:
            raise AssertionError("\n".join(wrong))

    @staticmethod
    def connection(policy: str, key: str | None = None) -> str:
        return f"HostName={HOST};SharedAccessKeyName={policy};SharedAccessKey={key or key_of(policy)}"

    def environ(self) -> dict:
        world = {"host": HOST, "dpsHost": f"{HOST}:{DPS_PORT}", "idScope": ID_SCOPE, "folder": str(self.folder),
                 "policies": {name: self.connection(name) for name in POLICIES}}
        return {**os.environ, "BUSWARD_AZURE": json.dumps(world), "NODE_EXTRA_CA_CERTS": str(self.folder / "ca.pem"),
                "NODE_OPTIONS": "--dns-result-order=ipv4first", "NO_COLOR": "1"}

    def run_node(self, script: str, *words: str) -> None:
        """Runs a script beside this file to its end; its words are ours."""
        limit_s = float(os.environ.get("BUSWARD_NODE_S", "100"))
        done = subprocess.run(["node", str(HERE / script), *words], env=self.environ(), timeout=limit_s)
        if done.returncode != 0:
            for process in self.processes:
                sys.stderr.write(f"--- {process.name}\n" + "".join(process.lines[-60:]))
            sys.exit(f"{script} failed")


def bag_of(text: str) -> dict:
    return dict(urllib.parse.parse_qsl(text, keep_blank_values=True))


def check_sdks() -> None:
    if not (HERE / "node_modules/azure-iothub").is_dir():
        sys.exit(f"Microsoft's SDKs are missing: ./dev setup, or (cd {HERE} && npm ci)")
