# SPDX-License-Identifier: Apache-2.0
"""A hub and its provisioning service as they are deployed: two real brokers with the plugin and
busward-hub behind them. One authority signs for all."""
import base64
import hashlib
import hmac
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["BUSWARD_SOURCE"], "tests/system/hub"))
from hub_world import HOST, SCOPE, Hub, key_of  # noqa: E402,F401
from sys_hub_backend import Backend, command  # noqa: E402

OPENED = []


def opened(hub):
    OPENED.append(hub)
    return hub


def close_all():
    while OPENED:
        OPENED.pop().close()


def derived(registration, group="group"):
    mac = hmac.new(base64.b64decode(key_of(group)), registration.encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def secret(hub, name, content):
    path = os.path.join(hub.dir, name)
    with open(path, "w") as out:
        os.chmod(path, 0o600)
        out.write(content)
    return path


class World:
    def __init__(self, rest_port=None):
        self.hub = opened(Hub(()))
        self.dps = opened(Hub((), mode="dps"))
        for name in ("ca.pem", "server.pem", "server.key"):
            shutil.copy(f"{self.hub.dir}/{name}", f"{self.dps.dir}/{name}")
        with open(f"{self.dps.dir}/mosquitto.conf") as file:
            text = file.read()
        with open(f"{self.dps.dir}/mosquitto.conf", "w") as file:
            file.write(text.replace(f"plugin_opt_directory {self.dps.dir}", f"plugin_opt_directory {self.hub.dir}"))
        self.hub.start()
        self.dps.start()
        rest = ["--listen", f"127.0.0.1:{rest_port}", "--cert", f"{self.hub.dir}/server.pem", "--key", f"{self.hub.dir}/server.key",
                "--host", HOST, "--dps-host", HOST] if rest_port else []
        self.backend = Backend(self.hub, self.dps, rest).start()
        opened(self)
        self.dir = self.hub.dir

    def close(self):
        self.backend.kill(signal.SIGTERM)

    def do(self, *words):
        """What an operator types."""
        return command(self.hub, *words)

    def secret(self, name, content):
        return secret(self.hub, name, content)

    def lines_of_dps(self, text):
        return sum(text in line for line in self.dps.lines)

    def sign(self, name, common_name, days=200, ca="ca", key=None):
        """A pair name.pem, name.key in the world's folder."""
        def run(words):
            subprocess.run(["openssl", *words.split()], cwd=self.dir, check=True, capture_output=True)
        if not os.path.exists(f"{self.dir}/{ca}.pem"):
            run(f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={ca} "
                f"-keyout {ca}.key -out {ca}.pem")
        if key is None:
            run(f"ecparam -name prime256v1 -genkey -noout -out {name}.key")
            os.chmod(f"{self.dir}/{name}.key", 0o600)
        run(f"req -new -key {key or name + '.key'} -subj /CN={common_name} -out {name}.csr")
        run(f"x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -days {days} -out {name}.pem")
        return f"{self.dir}/{name}.pem", f"{self.dir}/{name}.key"
