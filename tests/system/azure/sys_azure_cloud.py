#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole way from a person's click to a gateway and back: busward-cloud, busward-hub's REST, its broker, and a gateway by
Microsoft's device SDK.

Goal: commands, configuration and nudges arrive at a device and its answers at the page; who is away or unknown is told as
such; a policy without the right opens nothing. Method: real processes in a network of the test's own.
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
import urllib.parse

import azure_world

os.environ.setdefault("BUSWARD_BUILD", str(azure_world.BUILD))
sys.path.insert(0, str(azure_world.SOURCE / "tests/system/cloud"))

from cloud_world import DEADLINE_S, Cloud, check, wait_for  # noqa: E402

GATEWAY = "/api/sites/shop/gateway"
PASSWORD = "correct horse battery"


class Gateway:
    def __init__(self, world: azure_world.AzureWorld):
        self.process = subprocess.Popen(["node", str(azure_world.HERE / "gateway.mjs")], env=world.environ(), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self.follow, daemon=True).start()
        self.hear("ready")

    def follow(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def hear(self, words: str) -> None:
        heard = self.lines.get(timeout=DEADLINE_S)
        check(heard == words, f"the gateway said {heard!r}, not {words!r}")

    def obey(self, word: str) -> None:
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        self.hear(f"done {word}")


def post(cloud: Cloud, path: str, body: dict) -> tuple[int, dict]:
    status, _, answer = cloud.ask("POST", f"{GATEWAY}/{path}", body, {"X-CSRF-Token": cloud.csrf})
    return status, answer


def code_of(answer: dict) -> str:
    return answer["error"]["code"]


def check_commands(cloud: Cloud) -> None:
    status, answer = post(cloud, "commands/identify", {"arguments": {"for_s": 5}})
    check((status, answer) == (200, {"status": 200, "payload": {"did": "identify", "with": {"for_s": 5}}}), f"{status} {answer}")
    status, answer = post(cloud, "commands/restart", {})
    check((status, answer["status"]) == (200, 403), f"the gateway's own refusal: {status} {answer}")
    rows = cloud.get(f"{GATEWAY}/commands")["commands"]
    check([(row["action"], row["outcome"]) for row in rows] == [("restart", "403"), ("identify", "200")], f"{rows}")


def check_configuration(cloud: Cloud) -> None:
    seen = cloud.get(GATEWAY)
    check(seen["connected"] and seen["status"] == "enabled", f"{seen}")
    patch = {"telemetry": {"max_age_ms": 1000}}
    status, answer = post(cloud, "configuration", {"etag": seen["etag"], "patch": patch})
    check(status == 200 and answer["desired"] == patch, f"{status} {answer}")
    wait_for(lambda: cloud.get(GATEWAY)["reported"].get("config", {}).get("version") == answer["desired_version"], "the gateway's report")
    status, late = post(cloud, "configuration", {"etag": seen["etag"], "patch": {"telemetry": None}})
    check((status, code_of(late)) == (412, "changed_meanwhile"), f"{status} {late}")
    status, wrong = post(cloud, "configuration", {"etag": cloud.get(GATEWAY)["etag"], "patch": {"a.b": 1}})
    check((status, code_of(wrong)) == (502, "hub_refused"), f"a name that no twin may hold: {status} {wrong}")


def check_fleet(cloud: Cloud) -> None:
    """Two devices, page by page; the second never sent anything."""
    first = cloud.get("/api/gateways?limit=1")
    check(len(first["gateways"]) == 1 and first["continuation"], f"{first}")
    second = cloud.get("/api/gateways?limit=1&continuation=" + urllib.parse.quote(first["continuation"], safe=""))
    found = {each["id"]: each["connected"] for each in first["gateways"] + second["gateways"]}
    check(found == {"shop": True, "spare": False}, f"{found}")
    last = cloud.get("/api/gateways")
    check(len(last["gateways"]) == 2 and last["continuation"] is None, f"{last}")
    check(cloud.ask("GET", "/api/gateways?continuation=none")[0] == 502, "a continuation that the hub never gave")


def check_nudge(cloud: Cloud, gateway: Gateway) -> None:
    with contextlib.closing(cloud.connect()) as connection:
        connection.request("GET", "/api/stream?site=shop", headers={"Cookie": cloud.cookie})
        with connection.getresponse():
            gateway.hear('message {"nudge":"watch","for_s":60}')


def check_absence(cloud: Cloud, gateway: Gateway) -> None:
    gateway.obey("offline")
    wait_for(lambda: not cloud.get(GATEWAY)["connected"], "the hub's word that it is gone")
    status, answer = post(cloud, "commands/identify", {})
    check((status, code_of(answer)) == (409, "gateway_offline"), f"{status} {answer}")
    gateway.obey("forget")
    status, _, answer = cloud.ask("GET", GATEWAY)
    check((status, code_of(answer)) == (409, "gateway_unknown"), f"{status} {answer}")


def main() -> None:
    azure_world.check_sdks()
    azure_world.enter_namespace()
    with azure_world.AzureWorld() as world:
        folder = world.folder / "cloud"
        (folder / "web").mkdir(parents=True)
        (folder / "log").symlink_to(world.data / "log")
        key_file = folder / "policy.key"
        key_file.write_text(world.connection("service"))
        key_file.chmod(0o600)
        options = ("--hub-url", "https://localhost", "--hub-key-file", str(key_file), "--hub-ca", str(world.folder / "ca.pem"))
        cloud = Cloud(folder, *options)
        gateway = Gateway(world)
        cloud.start()
        try:
            token = (folder / "data/setup-link").read_text().strip().rsplit("token=", 1)[1]
            cloud.log_in_by("/api/setup", {"token": token, "name": "owner", "password": PASSWORD})
            wait_for(lambda: cloud.get("/api/sites")["sites"], "the site")
            wait_for(lambda: cloud.ask("GET", GATEWAY)[2].get("connected"), "the connection")
            check_commands(cloud)
            check_configuration(cloud)
            check_fleet(cloud)
            check_nudge(cloud, gateway)
            check_absence(cloud, gateway)
            key_file.write_text(world.connection("registryRead"))
            cloud.stop()
            cloud.start()
            check(code_of(cloud.ask("GET", GATEWAY)[2]) == "hub_denied", "a policy without ServiceConnect")
            check(cloud.stop() == 0, "a clean end")
        except BaseException:
            print((folder / "cloud.log").read_text()[-4000:])
            raise
        finally:
            cloud.process.kill()
            gateway.process.kill()
    print("ok")


if __name__ == "__main__":
    main()
