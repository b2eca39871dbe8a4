#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a gateway meets a hub whose messages of the day are used up, and one that throttles: it recognises the first and
waits instead of coming again and again, and loses nothing over either."""
import re

from sys_north import Driver, assert_once

from hub_world import Client, Hub


def set_quota(hub, words):
    with open(f"{hub.dir}/mosquitto.conf") as file:
        text = re.sub(r"plugin_opt_quota .*\n", "", file.read())
    with open(f"{hub.dir}/mosquitto.conf", "w") as file:
        file.write(text + f"plugin_opt_quota {words}\n")


def main():
    hub = Hub(quota="messages_per_day=3").start()
    try:
        driver = Driver(hub, max_age_ms=200)
        driver.wait_line("its daily quota seems used up; all waits")
        seen = hub.output().count("why=\"403002")
        assert 3 <= seen <= 4 and len(hub.records()) == 3, hub.output()
        driver.end()
        hub.kill()
        set_quota(hub, "sends_per_s=4")
        hub.start()
        other = Client(hub, "gw-2")
        while other.deliver(b"x"):  # the bucket is the hub's, not a device's
            pass
        driver = Driver(hub, first=100000, max_age_ms=1000)
        driver.wait_line("mod=uplink ev=lost")
        print("ok", assert_once(hub), "samples")
        assert "used up" not in "".join(driver.lines)  # it knows one from the other
        driver.end()
    finally:
        for process in Driver.running:
            process.kill()
        hub.close()


main()
