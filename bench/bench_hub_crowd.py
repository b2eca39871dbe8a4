#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many gateways on one hub: 1,000 and 10,000 uplinks of the gateway's own code, each with a TLS connection,
SAS and four subscriptions.

hub.memory_kib.N      anonymous memory of the broker per connection; reference: a goal, the share of 1 GiB for 10,000
hub.connects_per_s.N  from the first attempt to the last SUBACK; reference: as many bare TLS handshakes by openssl s_time
hub.crowd_messages.N  durable messages/s of all of them at once, 4 KB each; reference: write + fdatasync of the same bytes
disk.group_commit.N   what the bare disk would take if each sync carried 32 messages: nothing of the hub; reference: one a sync
hub.storm_s.1000      the hub is killed and started again: seconds until all 1,000 are back; reference: their connects at full speed
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/system/hub"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import hub_world  # noqa: E402
from hub_world import hub_db  # noqa: E402
from gateway_run import memory_mib, row  # noqa: E402

PAYLOAD = b"x" * 3900
PUBLISH_S = 3
RAW_S = 1.0
GROUP = 32
WAIT_S = 300
MEMORY_LIMIT_KIB = 1024 * 1024 / 10000


class Crowd:
    def __init__(self, build: pathlib.Path, hub: hub_world.Hub, count: int):
        self.count = count
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [build / "bench/bench-hub-crowd", str(count), str(hub.port), hub_world.HOST, f"{hub.dir}/ca.pem", hub_world.key_of("crowd")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def wait_for(self, event: str) -> dict:
        for line in self.process.stdout:
            told = json.loads(line)
            if told["event"] == event:
                return told
        raise RuntimeError(f"the crowd ended before {event}")

    def say(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def raw_rate(folder: str, group: int) -> float:
    """Messages/s that the disk takes if each sync carries `group` of them."""
    fd = os.open(os.path.join(folder, "raw"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    count, start = 0, time.monotonic()
    while time.monotonic() - start < RAW_S:
        os.write(fd, PAYLOAD * group)
        os.fdatasync(fd)
        count += group
    os.close(fd)
    return count / (time.monotonic() - start)


def handshake_rate(hub: hub_world.Hub) -> float:
    """Bare TLS handshakes/s against the same broker, by OpenSSL's own measure."""
    done = subprocess.run(["openssl", "s_time", "-connect", f"127.0.0.1:{hub.port}", "-new", "-time", "3", "-CAfile", f"{hub.dir}/ca.pem"],
                          capture_output=True, text=True)
    for line in done.stdout.splitlines():
        if "real seconds" in line:
            connections, _, rest = line.partition(" connections in ")
            return int(connections) / float(rest.split()[0])
    raise RuntimeError(f"openssl s_time said: {done.stdout}{done.stderr}")


def measure(build: pathlib.Path, count: int, storm: bool) -> list[dict]:
    hub = hub_world.Hub(devices=())
    hub_db.put_devices(hub.db, {f"gw-{i + 1}": [hub_world.key_of("crowd")] for i in range(count)})
    hub.start()
    crowd = None
    try:
        handshakes = handshake_rate(hub)
        before = memory_mib(hub.process.pid)[0]
        crowd = Crowd(build, hub, count)
        crowd.wait_for("all")
        connect_s = time.monotonic() - crowd.started
        after = memory_mib(hub.process.pid)[0]
        raw = raw_rate(hub.dir, 1)
        grouped = raw_rate(hub.dir, GROUP)
        crowd.say(f"publish {PUBLISH_S}")
        told = crowd.wait_for("published")
        rows = [row(f"hub.memory_kib.{count}", (after - before) * 1024 / count, "KiB/connection", "lower", MEMORY_LIMIT_KIB),
                row(f"hub.connects_per_s.{count}", count / connect_s, "1/s", "higher", handshakes),
                row(f"hub.crowd_messages.{count}", told["messages"] / told["us"] * 1e6, "messages/s", "higher", raw),
                row(f"disk.group_commit.{count}", grouped, "messages/s", "higher", raw)]
        if storm:
            hub.kill()
            crowd.wait_for("fewer")
            hub.start()
            start = time.monotonic()
            crowd.wait_for("all")
            rows.append(row(f"hub.storm_s.{count}", time.monotonic() - start, "s", "lower", connect_s))
        return rows
    finally:
        if crowd is not None:
            crowd.stop()
        hub.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    args = parser.parse_args()
    os.environ["BUSWARD_BUILD"] = str(args.build.resolve())
    rows = measure(args.build.resolve(), 1000, True) + measure(args.build.resolve(), 10000, False)
    args.out.write_text(json.dumps(rows) + "\n")


main()
