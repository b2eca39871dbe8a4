#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: no certificate is given up before the next one is accepted, its end is told weeks before, and
secrets that others could read are refused. Method: the gateway's northern half against a real hub and
a real provisioning service."""
import os
import signal
import sys

from azure_world import HOST, SCOPE, World, close_all, key_of  # noqa: E402
from sys_north import Driver, wait_until  # noqa: E402


def start(world, registration=None, **options):
    given = dict(host=None, key=None, device=None, port=world.hub.port, per_s=5)
    if registration is not None:
        given.update(id_scope=SCOPE, registration=registration, dps_port=world.dps.port)
    given.update(options)
    return Driver(world.hub, **given)


def ends_with(driver, problem):
    assert driver.process.wait(30) == 1
    driver.follower.join()
    assert problem in "".join(driver.lines), driver.lines


def move(world, name, to):
    os.rename(f"{world.dir}/{name}.pem", f"{world.dir}/{to}.pem.next")
    os.rename(f"{world.dir}/{name}.key", f"{world.dir}/{to}.key.next")


def test_certificates_roll_over():
    world = World()
    world.do("ca", "add", "--name", "ours", "--certificate", f"{world.dir}/ca.pem")
    world.do("device", "add", "--id", "gw-1", "--by-ca")
    pair = world.sign("dev", "gw-1", days=20)
    world.sign("bad", "gw-1", ca="stranger")
    move(world, "bad", "dev")
    options = dict(host=HOST, device="gw-1", certificate=pair[0], private_key=pair[1])
    driver = start(world, **options)
    # Weeks before its end it is told, and what the hub does not take does not replace it.
    driver.wait_line("mod=identity ev=expiry what=certificate .*days=(19|20)")
    driver.wait_line("mod=identity ev=next_certificate ")
    driver.wait_line("mod=uplink ev=refused ")
    driver.wait_line("mod=uplink ev=online ")
    wait_until("telemetry tells it, too",
               lambda: any("identity: certificate ends" in r[3].decode() for r in world.hub.records()))
    driver.end(signal.SIGKILL)
    assert os.path.exists(f"{world.dir}/dev.pem.next")
    # A good one is adopted.
    world.sign("good", "gw-1")
    with open(f"{world.dir}/good.pem") as file:
        good = file.read()
    move(world, "good", "dev")
    driver = start(world, **options)
    driver.wait_line("mod=identity ev=adopted ")
    with open(pair[0]) as file:
        assert file.read() == good
    assert not os.path.exists(f"{pair[0]}.next") and not os.path.exists(f"{pair[1]}.next")
    driver.end(signal.SIGKILL)
    # A power cut between the two moves: the key is the new one, the certificate the old.
    third = world.sign("third", "gw-1")
    os.rename(third[1], pair[1])
    os.rename(third[0], f"{pair[0]}.next")
    driver = start(world, **options)
    driver.wait_line("mod=identity ev=adopt .*does not belong")
    driver.wait_line("mod=uplink ev=online ")
    driver.end()
    # And what cannot be used is said at once.
    os.chmod(pair[1], 0o644)
    ends_with(start(world, **options), "chmod 600")


def test_a_next_certificate_behind_the_service():
    """The hub knows the thumbprint that the service told it: the next one must register first."""
    world = World()
    pair = world.sign("dev", "reg-1", ca="factory")
    world.do("group", "add", "--id", "plants", "--certificate", f"{world.dir}/factory.pem")
    options = dict(registration="reg-1", certificate=pair[0], private_key=pair[1])
    driver = start(world, **options)
    driver.wait_line("mod=uplink ev=online ")
    driver.end()
    world.sign("new", "reg-1", ca="factory")
    with open(f"{world.dir}/new.pem") as file:
        new = file.read()
    move(world, "new", "dev")
    driver = start(world, **options)
    driver.wait_line("mod=uplink ev=refused ")
    driver.wait_line("mod=identity ev=provision ")
    driver.wait_line("mod=identity ev=adopted ")
    with open(pair[0]) as file:
        assert file.read() == new
    driver.end()


def test_credentials_of_systemd():
    world = World()
    world.do("device", "add", "--id", "gw-1", "--key-file", world.secret("gw.key", key_of("gw-1")))
    os.mkdir(f"{world.dir}/credentials")
    world.secret("credentials/hub-key", key_of("gw-1"))
    options = dict(host=HOST, device="gw-1")
    driver = start(world, env={"CREDENTIALS_DIRECTORY": f"{world.dir}/credentials"}, key="credential:hub-key",
                   **options)
    driver.wait_line("mod=uplink ev=online")
    driver.end()
    for env, name, problem in (({}, "hub-key", "LoadCredential"),
                               ({"CREDENTIALS_DIRECTORY": world.dir}, "../gw.key", "no name"),
                               ({"CREDENTIALS_DIRECTORY": world.dir}, "absent", "No such file")):
        ends_with(start(world, env=env, key=f"credential:{name}", **options), problem)


def main():
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (len(sys.argv) > 1 and name not in sys.argv[1:]):
            continue
        try:
            test()
            print(f"ok {name}", flush=True)
        finally:
            for process in Driver.running:
                if process.poll() is None:
                    process.kill()
            close_all()


if __name__ == "__main__":
    main()
