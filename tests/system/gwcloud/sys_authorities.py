#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a folder of authorities is as strict as a file of them: who is in it under its hash may vouch, nobody
else; the end of the last one is told; and what is no such folder is told at the start. Method: the gateway's northern
half against a real hub."""
import os
import shutil
import subprocess
import time

from azure_world import HOST, World, close_all, key_of  # noqa: E402
from sys_north import Driver  # noqa: E402

ALARM = "mod=identity ev=expiry what=authorities "


def rehash(folder):
    subprocess.run(["openssl", "rehash", folder], check=True, capture_output=True)


def authority(folder, name, days):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", str(days), "-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key",
                    "-out", f"{folder}/{name}.pem"], check=True, capture_output=True)
    os.unlink(f"{folder}/{name}.key")


def start(world, ca, **options):
    return Driver(world.hub, **{"host": HOST, "device": "gw-1", "ca": ca, "per_s": 5, "retry_s": 1,
                                "key": f"{world.dir}/gw.key", **options})


def refused_at_start(driver, *words):
    assert driver.process.wait(30) == 1
    driver.follower.join()
    line = driver.wait_line("mod=identity ev=authorities ")
    assert all(word in line for word in words), line


def tells(driver, text):
    return any(text in line for line in driver.lines)


def main():
    world = World()
    world.do("device", "add", "--id", "gw-1", "--key-file", world.secret("gw.key", key_of("gw-1")))
    folder = f"{world.dir}/authorities"
    refused_at_start(start(world, folder), f"ca_file={folder}", "No such file")
    os.mkdir(folder)
    refused_at_start(start(world, folder), "openssl rehash")
    shutil.copy(f"{world.dir}/ca.pem", f"{folder}/own.pem")
    refused_at_start(start(world, folder), "openssl rehash")  # it is there, but not to be found
    # Somebody else is: the hub's own is not, and so is refused.
    os.unlink(f"{folder}/own.pem")
    authority(folder, "stranger", 5)
    rehash(folder)
    shutil.copy(f"{world.dir}/ca.pem", f"{folder}/own.pem")
    driver = start(world, folder)
    driver.wait_line("mod=identity ev=authorities .*kind=folder of=configuration")
    driver.wait_line(f"certificate of {HOST}: unable to get (local )?issuer certificate", count=2)
    assert not tells(driver, "ev=online") and world.hub.records() == []
    driver.wait_line(ALARM + r".*days=[45]\b")
    # Once it lies there under its hash the next attempt finds it.
    rehash(folder)
    driver.wait_line("mod=uplink ev=online ")
    driver.end()
    # The name on the certificate counts as before, and with a late one among them nothing is told.
    authority(folder, "late", 400)
    rehash(folder)
    driver = start(world, folder, host="hub.other")
    driver.wait_line("certificate of hub.other: hostname mismatch")
    assert not tells(driver, "ev=online")
    driver.end()
    driver = start(world, folder)
    driver.wait_line("mod=uplink ev=online ")
    driver.end()
    assert not tells(driver, ALARM)
    # A file as ever; and none named: the system's, which know nobody of ours.
    driver = start(world, f"{world.dir}/ca.pem")
    driver.wait_line("mod=identity ev=authorities .*kind=file of=configuration")
    driver.wait_line("mod=uplink ev=online ")
    driver.end()
    driver = start(world, None)
    driver.wait_line("mod=identity ev=authorities ca_file=/etc/ssl/certs.* of=system")
    driver.wait_line(f"certificate of {HOST}: unable to get (local )?issuer certificate|self-signed certificate in")
    assert not tells(driver, "ev=online")
    driver.end()


if __name__ == "__main__":
    begin = time.monotonic()
    try:
        main()
        print(f"ok in {time.monotonic() - begin:.1f} s")
    finally:
        for process in Driver.running:
            if process.poll() is None:
                process.kill()
        close_all()
