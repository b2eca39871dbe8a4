#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: who is in the file or, under its hash, in the folder may vouch, nobody else; the end of the last one is
told; and what is no such file or folder is told, too. Method: the gateway's northern
half against a real hub."""
import os
import shutil
import subprocess
import time

from azure_world import HOST, World, close_all, key_of  # noqa: E402
from sys_north import Driver  # noqa: E402

ISSUER = "unable to get (local )?issuer certificate"
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


def read(path):
    with open(path) as file:
        return file.read()


def bundle(world, *parts):
    with open(f"{world.dir}/bundle.pem", "w") as out:
        out.writelines(parts)
    return f"{world.dir}/bundle.pem"


def connects(world, ca):
    driver = start(world, ca)
    driver.wait_line("mod=identity ev=authorities .*kind=file")
    driver.wait_line("mod=uplink ev=online ")
    driver.end()


def is_refused(world, ca, words):
    driver = start(world, ca)
    driver.wait_line(words)
    assert not tells(driver, "ev=online")
    driver.end()


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
    driver.wait_line("mod=identity ev=authorities .*kind=folder")
    driver.wait_line(f"certificate of {HOST}: {ISSUER}", count=2)
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
    # A file with many: ours is the last, behind one of the same name.
    subject = subprocess.run(["openssl", "x509", "-in", f"{world.dir}/ca.pem", "-noout", "-subject", "-nameopt", "RFC2253"],
                             check=True, capture_output=True, text=True).stdout.strip().split("CN=")[1]
    os.mkdir(f"{world.dir}/other")
    authority(f"{world.dir}/other", subject, 50)
    twin = read(f"{world.dir}/other/{subject}.pem")
    strangers = [read(f"{folder}/{name}.pem") for name in ("stranger", "late")]
    connects(world, bundle(world, *strangers, read(f"{world.dir}/ca.pem")))
    connects(world, bundle(world, "Some words.\n", strangers[0], read(f"{world.dir}/ca.pem"), strangers[1], twin))
    is_refused(world, bundle(world, *strangers), ISSUER)
    is_refused(world, bundle(world, twin, *strangers), "certificate signature failure|" + ISSUER)
    # What is broken is not passed over in silence, wherever it is.
    torn = strangers[0].replace("\n-----END", "!\n-----END")
    for parts in ((read(f"{world.dir}/ca.pem"), torn), (torn, read(f"{world.dir}/ca.pem")), ("Nobody.\n",), ()):
        is_refused(world, bundle(world, *parts), "is the CA file a PEM certificate")
    # Of the system's nobody knows ours.
    is_refused(world, "/etc/ssl/certs/ca-certificates.crt", f"{ISSUER}|self-signed certificate in")


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
