#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Durable device-to-cloud messages per second through mosquitto and the plugin: 4 KB each over TLS,
PUBACK meaning synced, one device with 32 messages in flight. Reference: bare write and fdatasync of
the same bytes in the same folder, in the same run."""
import argparse
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/system/hub"))
import hub_world  # noqa: E402

PAYLOAD = b"x" * 4000
RUN_S = 1.0
ROUNDS = 4  # in turn, so that what else the disk does falls on both
IN_FLIGHT = 32


def raw_rate(folder):
    fd = os.open(os.path.join(folder, "raw"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    count, start = 0, time.monotonic()
    while time.monotonic() - start < RUN_S:
        os.write(fd, PAYLOAD)
        os.fdatasync(fd)
        count += 1
    os.close(fd)
    return count / (time.monotonic() - start)


def hub_rate(hub):
    client = hub_world.Client(hub, "gw-1")
    assert client.login == 0
    waiting = [client.publish(PAYLOAD) for _ in range(IN_FLIGHT)]
    count, start = 0, time.monotonic()
    while time.monotonic() - start < RUN_S:
        assert client.is_acknowledged(waiting.pop(0))
        waiting.append(client.publish(PAYLOAD))
        count += 1
    return count / (time.monotonic() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    args = parser.parse_args()
    os.environ["BUSWARD_BUILD"] = args.build
    hub = hub_world.Hub().start()
    try:
        pairs = [(raw_rate(hub.dir), hub_rate(hub)) for _ in range(ROUNDS)]
    finally:
        hub.close()
    reference, value = (sum(rates) / ROUNDS for rates in zip(*pairs))
    row = {"name": "hub.durable_messages", "value": value, "unit": "messages/s", "better": "higher",
           "reference": reference, "ratio": value / reference}
    args.out.write_text(json.dumps([row]) + "\n")


main()
