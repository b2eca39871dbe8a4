#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the box finds its hub by the provisioning service, keeps what it learned, asks again when the hub
says no. Method: the gateway's northern half against a real hub and a real provisioning service."""
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


def test_all_four_ways():
    world = World()
    own = world.secret("own.key", key_of("own"))
    group = world.secret("group.key", key_of("group"))
    single = world.sign("single", "reg-x")
    member = world.sign("member", "reg-y", ca="factory")
    world.do("enrolment", "add", "--id", "reg-k", "--device-id", "store-k", "--key-file", own)
    world.do("group", "add", "--id", "shops", "--key-file", group)
    world.do("enrolment", "add", "--id", "reg-x", "--certificate", single[0])
    world.do("group", "add", "--id", "plants", "--certificate", f"{world.dir}/factory.pem")
    ways = (("reg-k", "store-k", dict(key=own)), ("reg-g", "reg-g", dict(group_key=group)),
            ("reg-x", "reg-x", dict(certificate=single[0], private_key=single[1])),
            ("reg-y", "reg-y", dict(certificate=member[0], private_key=member[1])))
    for registration, device, options in ways:
        data = f"{world.dir}/data-{registration}"
        os.makedirs(data)
        driver = start(world, registration, data=data, **options)
        driver.wait_line(f"mod=identity ev=assigned hub={HOST} device={device}")
        driver.wait_line(f"mod=uplink ev=online hub={HOST} device={device}")
        wait_until("samples arrive", lambda: any(r[1] == device for r in world.hub.records()))
        driver.end()
        log = "".join(driver.lines)
        assert key_of("own") not in log and key_of("group") not in log and "sig=" not in log


def test_an_assignment_is_kept_until_the_hub_says_no():
    world = World()
    group = world.secret("group.key", key_of("group"))
    world.do("group", "add", "--id", "shops", "--key-file", group)
    options = dict(registration="reg-1", group_key=group)
    driver = start(world, **options)
    driver.wait_line("mod=uplink ev=online hub=hub.test device=reg-1")
    wait_until("it is on disk", lambda: os.path.exists(f"{world.dir}/data/identity/assignment"))
    driver.end(signal.SIGKILL)
    asked = world.lines_of_dps("as reg-1 ")
    assert asked == 1, world.dps.lines
    # It is not asked again while the hub takes us, though the hub is away for a while.
    world.hub.kill()
    driver = start(world, **options)
    driver.wait_line("mod=uplink ev=lost .*refused", count=2)
    world.hub.start()
    driver.wait_line("mod=uplink ev=online")
    driver.end(signal.SIGKILL)
    assert world.lines_of_dps("as reg-1 ") == 1, (driver.lines, world.dps.lines)
    # The hub forgets us: the service is asked, and makes us known again.
    world.do("device", "remove", "--id", "reg-1")
    driver = start(world, **options)
    driver.wait_line("mod=uplink ev=refused ", count=4)
    driver.wait_line("mod=identity ev=provision ")
    driver.wait_line("mod=uplink ev=online hub=hub.test device=reg-1")
    assert world.lines_of_dps("as reg-1 ") == 2
    driver.end(signal.SIGKILL)
    # What is damaged is asked for again.
    with open(f"{world.dir}/data/identity/assignment", "w") as out:
        out.write('{"v":1,"id_scope":"0ne","registration_id"')
    driver = start(world, **options)
    driver.wait_line("mod=identity ev=assignment .*asks the service again")
    driver.wait_line("mod=uplink ev=online hub=hub.test device=reg-1")
    driver.end()


def test_refusals_of_the_service_are_told():
    world = World()
    own = world.secret("own.key", key_of("own"))
    world.do("enrolment", "add", "--id", "reg-d", "--key-file", own, "--disabled")
    world.do("enrolment", "add", "--id", "reg-k", "--key-file", own)
    stranger = world.sign("stranger", "reg-k", ca="elsewhere")
    for registration, options in (("reg-d", dict(key=own)), ("reg-0", dict(key=own)),
                                  ("reg-k", dict(key=world.secret("bad.key", key_of("bad")))),
                                  ("reg-k", dict(certificate=stranger[0], private_key=stranger[1]))):
        driver = start(world, registration, **options)
        driver.wait_line(f"mod=identity ev=(denied|disabled) dps=hub.test registration={registration} .*retry_ms=")
        driver.end()


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
