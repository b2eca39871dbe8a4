#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""busward-cloud with Kafka as its only source, and beside the hub's log.

Goal: samples of both are on the page, health and metrics tell of both, and after a restart it goes on where it was. Method:
real processes, librdkafka's mock brokers. What befalls group, broker and disk is test_kafka_source's.
"""

import pathlib
import subprocess
import sys
import tempfile

from cloud_world import BUILD, T0, Cloud, Feed, check, wait_for

TOPIC = "d2c"
END_S = 30
PASSWORD = "correct horse battery"


def count_of(cloud: Cloud, site: str) -> int:
    status, _, series = cloud.ask("GET", f"/api/sites/{site}/points/1/series?from={T0}&to={T0 + 10**9}&buckets=10")
    return sum(series["n"]) if status == 200 else 0


def metric(cloud: Cloud, name: str) -> int:
    lines = cloud.ask("GET", "/metrics")[2].decode().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"busward_cloud_{name} "))


def start_without_log(cloud: Cloud) -> None:
    command = [BUILD / "apps/cloud/busward-cloud", "--data", cloud.folder / "data", "--listen", f"127.0.0.1:{cloud.port}", *cloud.options]
    with open(cloud.folder / "cloud.log", "ab") as log:
        cloud.process = subprocess.Popen(command, stderr=log)
    wait_for(lambda: cloud.ask("GET", "/healthz")[0] == 200, "the server")


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "web").mkdir()
        mock = subprocess.Popen([BUILD / "tests/system/cloud/kafka-mock", TOPIC], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)
        brokers = mock.stdout.readline().strip()
        kafka = Feed(f"kafka:{brokers}/{TOPIC}", "shop")
        log = Feed(folder / "log", "kiosk")
        cloud = Cloud(folder, "--kafka-bootstrap", brokers, "--kafka-topic", TOPIC)
        try:
            start_without_log(cloud)
            token = (folder / "data/setup-link").read_text().strip().rsplit("token=", 1)[1]
            cloud.log_in_by("/api/setup", {"token": token, "name": "owner", "password": PASSWORD})
            kafka.say("points 3")
            kafka.say(f"series 1 {T0} 1000 100")
            wait_for(lambda: count_of(cloud, "shop") == 100, "what came by Kafka")
            check(cloud.get("/healthz")["status"] == "ok", "health")
            check(metric(cloud, "kafka_partitions") == 4 and metric(cloud, "kafka_bad_total") == 0, "metrics")
            check(cloud.stop() == 0, "a clean end")
            kafka.say(f"series 1 {T0 + 100_000} 1000 100")
            log.say("points 3")
            log.say(f"series 1 {T0} 1000 50")
            cloud.options += ("--kafka-group", "another")  # where to go on is the store's word, not the group's
            cloud.start()  # with both
            wait_for(lambda: count_of(cloud, "kiosk") == 50, "what the log holds")
            wait_for(lambda: count_of(cloud, "shop") == 200, "the rest by Kafka")
            check(metric(cloud, "store_duplicate_messages_total") == 0, "it went on where it was")
            check(cloud.stop() == 0, "a clean end")
        except BaseException:
            print((folder / "cloud.log").read_text()[-4000:])
            raise
        finally:
            cloud.process.kill()
            kafka.close()
            log.close()
            mock.stdin.close()
            mock.wait(END_S)
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
