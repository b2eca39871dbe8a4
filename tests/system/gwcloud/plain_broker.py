# SPDX-License-Identifier: Apache-2.0
"""The hub's mosquitto without the hub's plugin: the test says what a hub would."""
import os
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.environ["BUSWARD_SOURCE"], "tests/system/hub"))
from hub_world import Hub  # noqa: E402


class Broker(Hub):
    """The same mosquitto, but anybody may send anything: a test plays the hub."""

    def __init__(self):
        super().__init__()
        with open(f"{self.dir}/mosquitto.conf") as file:
            old = [x for x in file if not x.startswith(("plugin", "allow_anonymous"))]
        with open(f"{self.dir}/mosquitto.conf", "w") as out:
            out.writelines(old + ["allow_anonymous true\n"])

    def start(self):
        self.process = subprocess.Popen(["mosquitto", "-c", f"{self.dir}/mosquitto.conf"],
                                        stderr=subprocess.PIPE, text=True)
        self.follower = threading.Thread(target=self.follow, args=(self.process,))
        self.follower.start()
        self.wait_for("the broker runs", lambda: any(" running" in line for line in self.lines))
        return self


def take_publish(client):
    first, body = client.receive()
    assert first & 0xF0 == 0x30, first
    size, = struct.unpack_from(">H", body)
    topic, rest = body[2:2 + size].decode(), body[2 + size:]
    return topic, rest[2:] if first & 6 else rest
