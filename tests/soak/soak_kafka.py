#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Kafka source against a real Apache Kafka: kills of the cloud and of the broker, and every sample is there once.

Goal: what the broker acknowledged is in the store exactly once, whoever dies when. Method: a single KRaft node (its jars under
--jars, as `./dev soak kafka` fetches them) or the brokers in KAFKA_BOOTSTRAP, which must make topics by themselves; devices
feed it all the time; in each round the cloud gets a SIGKILL and, with a broker of our own, so does that.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "tests/system/cloud")]

from cloud_world import BUILD, T0, check  # noqa: E402
from world.ports import free_port  # noqa: E402

import cloud_world  # noqa: E402

cloud_world.DEADLINE_S = 240  # a member that was killed keeps its partitions for 30 s
DEVICES = ("shop", "kiosk", "depot", "mill")
PARTITIONS = 4
PER_ROUND = 200
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"


class Broker:
    def __init__(self, folder: pathlib.Path, jars: pathlib.Path):
        self.folder = folder
        self.java = ["java", "-Xmx384m", f"-Dlog4j.configuration=file:{folder / 'log4j.properties'}", "-cp", f"{jars}/*"]
        port, controller = free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        (folder / "log4j.properties").write_text("log4j.rootLogger=OFF\n")
        (folder / "server.properties").write_text(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder / 'kafka'}
num.partitions={PARTITIONS}
auto.create.topics.enable=true
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
offsets.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
""")
        self.run("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(folder / "server.properties"))
        self.process = None
        self.start()

    def run(self, *words: str) -> None:
        done = subprocess.run([*self.java, *words], capture_output=True, text=True, timeout=120)
        check(done.returncode == 0, f"{words}: {done.stdout} {done.stderr}")

    def start(self) -> None:
        with open(self.folder / "broker.log", "ab") as log:
            self.process = subprocess.Popen([*self.java, "kafka.Kafka", str(self.folder / "server.properties")], stdout=log, stderr=log)

    def stop(self, how: int) -> None:
        self.process.send_signal(how)
        self.process.wait(120)


class KafkaCloud(cloud_world.Cloud):
    def start(self) -> None:
        command = [BUILD / "apps/cloud/busward-cloud", "--data", self.folder / "data", "--listen", f"127.0.0.1:{self.port}", *self.options]
        with open(self.folder / "cloud.log", "ab") as log:
            self.process = subprocess.Popen(command, stderr=log)
        cloud_world.wait_for(lambda: self.ask("GET", "/healthz")[0] in (200, 503), "the server")


def count_of(cloud: KafkaCloud, site: str) -> int:
    status, _, series = cloud.ask("GET", f"/api/sites/{site}/points/1/series?from={T0 - 10**10}&to={T0 + 10**10}&buckets=10")
    return sum(series["n"]) if status == 200 else 0


def feed_round(feeds: dict, fed: dict) -> None:
    for device, feed in feeds.items():
        for _ in range(PER_ROUND // 20):
            feed.say(f"series 1 {T0 + fed[device] * 1000} 1000 20")
            fed[device] += 20


def rounds(cloud: KafkaCloud, feeds: dict, broker: Broker | None, count: int, seed: int) -> dict:
    chance = random.Random(seed)
    fed = dict.fromkeys(feeds, 0)
    for number in range(count):
        feed_round(feeds, fed)
        if chance.random() < 0.7:
            cloud.stop(signal.SIGKILL)
            cloud.start()
        if broker is not None and chance.random() < 0.5:
            broker.stop(signal.SIGKILL)
            broker.start()
        feed_round(feeds, fed)
        print(f"round {number + 1} of {count}: {sum(fed.values())} samples fed", flush=True)
    return fed


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev soak kafka")
    parser.add_argument("--parse-only", action="store_true", help=argparse.SUPPRESS)  # ./dev asks before it builds
    parser.add_argument("--jars", type=pathlib.Path, default=SOURCE / "build/kafka/jars")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("BUSWARD_ROUNDS", "10")))
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    if options.parse_only:
        return 0
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        given = os.environ.get("KAFKA_BOOTSTRAP")
        broker = None if given else Broker(folder, options.jars)
        bootstrap = given or broker.bootstrap
        topic = f"busward-soak-{options.seed}"
        feeds = {device: cloud_world.Feed(f"kafka:{bootstrap}/{topic}", device) for device in DEVICES}
        cloud = KafkaCloud(folder, "--kafka-bootstrap", bootstrap, "--kafka-topic", topic, "--kafka-group", topic)
        try:
            for feed in feeds.values():
                feed.say("points 3")
            cloud.start()
            token = (folder / "data/setup-link").read_text().strip().rsplit("token=", 1)[1]
            cloud.log_in_by("/api/setup", {"token": token, "name": "owner", "password": "correct horse battery"})
            fed = rounds(cloud, feeds, broker, options.rounds, options.seed)
            for device, expected in fed.items():
                cloud_world.wait_for(lambda device=device, expected=expected: count_of(cloud, device) >= expected, f"all of {device}")
                check(count_of(cloud, device) == expected, f"{device}: {count_of(cloud, device)} samples of {expected}")
            _, _, metrics = cloud.ask("GET", "/metrics")
            read = {line.split()[0]: int(line.split()[1]) for line in metrics.decode().splitlines() if not line.startswith("#")}
            check(read["busward_cloud_kafka_lost_total"] == 0 and read["busward_cloud_kafka_bad_total"] == 0, f"{read}")
            check(cloud.stop() == 0, "a clean end")
        except BaseException:
            print((folder / "cloud.log").read_text()[-4000:])
            raise
        finally:
            cloud.process.kill()
            if broker is not None:
                broker.stop(signal.SIGKILL)
        print(json.dumps({"rounds": options.rounds, "samples": sum(fed.values())}))
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
