#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Microsoft's unmodified device SDKs (MQTT, provisioning) against our hub and DPS: device.mjs has the stories; what the
devices sent is then looked up in the hub's log, written as docs/protocol/hub-log.md has it."""

import os
import sys

import azure_world

os.environ.setdefault("BUSWARD_BUILD", str(azure_world.BUILD))
os.environ.setdefault("BUSWARD_SOURCE", str(azure_world.SOURCE))
sys.path.insert(0, str(azure_world.SOURCE / "tests/system/hub"))

import hub_world  # noqa: E402


class Log(hub_world.Hub):
    """The reader of hub_world, without its broker."""

    def __init__(self, folder):
        self.log_dir = str(folder)


def check_log(world: azure_world.AzureWorld) -> None:
    sent = [(device, azure_world.bag_of(bag), body) for _, device, bag, body, _ in Log(world.data / "log").records()]
    told = [message for message in sent if message[0] == "sas1" and message[1].get("kind") == "a&b=c"]
    if len(told) != 1 or told[0][2] != b'{"temperature":4.21}':
        sys.exit(f"the message of sas1 is not in the log once and whole: {told}")
    properties = told[0][1]
    expected = {"$.mid": "mid 1", "$.cid": "cid/1", "$.ct": "application/json", "$.ce": "utf-8", "kind": "a&b=c", "empty": ""}
    if {key: properties.get(key) for key in expected} != expected:
        sys.exit(f"properties of sas1's message: {properties}")
    many = [body for device, _, body in sent if device == "sas1" and body.startswith(b"n")]
    if many != [b"n%d" % i for i in range(20)]:
        sys.exit(f"20 messages in their order were expected: {many}")
    if any(b"foreign" in body for _, _, body in sent):
        sys.exit("a device wrote what is another's")
    print("ok - the log holds what was sent")


def check_away(world: azure_world.AzureWorld) -> None:
    """Devices log in and send telemetry without the backend; what was acknowledged is there when it is back."""
    world.run_node("away.mjs", "before")
    world.backend.stop("kill")
    world.run_node("away.mjs", "away")
    world.backend = world.start_backend()
    world.backend.wait_for("ev=hello broker=hub")
    world.run_node("away.mjs", "back")
    sent = [body for _, device, _, body, _ in Log(world.data / "log").records() if device == "away"]
    if sent != [b"while the backend is away", b"and on"]:
        sys.exit(f"messages that were sent while the backend was away: {sent}")


def main() -> None:
    azure_world.check_sdks()
    azure_world.enter_namespace()
    with azure_world.AzureWorld() as world:
        world.run_node("device.mjs", *sys.argv[1:])
        if not sys.argv[1:]:
            check_log(world)
            check_away(world)


if __name__ == "__main__":
    main()
