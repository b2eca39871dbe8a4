#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a gateway finds and enters its hub in every way there is, says no word more or less than it said when this was kept,
renews its token, and every refusal ends as documented and heals when it is mended. Method: real gateways, hub and provisioning
service with a tap between them; the gateways' clocks are put ahead where they would wait."""
from golden_world import HOST, Golden, key_of

ONLINE, REFUSED = "mod=uplink ev=online ", "mod=uplink ev=refused "


def ways(world):
    """(name, registration, device, keys of the hub's section) of the provisioning service's four."""
    do = world.world.do
    single, member = world.world.sign("single", "reg-x"), world.world.sign("member", "reg-y", ca="factory")
    world.know(single)
    world.know(member, "factory")
    do("enrolment", "add", "--id", "reg-k", "--device-id", "store-k", "--key-file", world.key("own"))
    do("group", "add", "--id", "shops", "--key-file", world.key("group"))
    do("enrolment", "add", "--id", "reg-x", "--certificate", single[0])
    do("group", "add", "--id", "plants", "--certificate", f"{world.dir}/factory.pem")
    return (("a key of its own", "reg-k", "store-k", {"key_file": world.key("own")}),
            ("a group's key", "reg-g", "reg-g", {"group": world.key("group")}),
            ("a certificate of its own", "reg-x", "reg-x", dict(zip(("certificate_file", "private_key_file"), single))),
            ("a group's certificate", "reg-y", "reg-y", dict(zip(("certificate_file", "private_key_file"), member))))


def test_provisioning(world):
    started = []
    for name, registration, device, identity in ways(world):
        hub = world.provisioning(registration)
        group = identity.pop("group", None)
        hub["provisioning"].update({"group_key_file": group} if group else {})
        folder = world.write(registration, {**hub, **identity})
        section = f"provisioned by {name}"
        world.transcript.section(device, f"identity: {section}")
        started.append((world.start(folder, registration, section), device))
    for gateway, device in started:
        gateway.wait_line(f"mod=identity ev=assigned hub={HOST} device={device}")
        gateway.wait_line(f"{ONLINE}hub={HOST} device={device}")
    for gateway, device in started:
        settle(world, device, gateway)
        assert not {key_of("own"), key_of("group")} & set("".join(gateway.lines).split())


def settle(world, device, gateway=None, count=1):
    """Until all that a start, and each connection, says was said."""
    section = world.transcript.sections[device]
    for what in (r"^> PUBLISH .*&t=s&", r"^> PUBLISH .*&t=e&", r"^> PUBLISH .*&t=c&"):
        world.transcript.wait(what, section, acknowledged=True)
    world.transcript.wait(r"^< PUBLISH .*twin/res/200/", section, count)
    world.transcript.wait(r"^< PUBLISH .*twin/res/204/", section)
    if gateway:
        assert gateway.end() == 0, gateway.lines


def test_direct(world):
    world.world.do("device", "add", "--id", "gw-c", "--key-file", world.key("gw-c"))
    text = world.world.secret("connection.txt", f"HostName={HOST};DeviceId=gw-c;SharedAccessKey={key_of('gw-c')}\n")
    gateway = world.start(world.write("gw-c", {"key_file": text}), "gw-c", "a connection string, its token renewed")
    gateway.wait_line(ONLINE)
    settle(world, "gw-c")
    gateway.shift(48 * 60 + 1)  # four fifths of an hour
    gateway.wait_line(ONLINE, count=2)
    settle(world, "gw-c", gateway, count=2)
    pair = world.world.sign("gw-x", "gw-x", ca="factory")
    world.know(pair, "factory")
    world.world.do("ca", "add", "--name", "factory", "--certificate", f"{world.dir}/factory.pem")
    world.world.do("device", "add", "--id", "gw-x", "--by-ca")
    hub = {"host": HOST, "will": True, "keep_alive_s": 1177, **dict(zip(("certificate_file", "private_key_file"), pair))}
    gateway = world.start(world.write("gw-x", hub), "gw-x", "a certificate, and a will")
    gateway.wait_line(ONLINE)
    settle(world, "gw-x", gateway)


def refused_by_hub(world, device, section, mend, **options):
    folder = world.write(device, {"host": HOST, "key_file": world.key(options.get("key", device))})
    gateway = world.start(folder, device, section)
    gateway.wait_line(REFUSED, count=options.get("count", 1))
    mend()
    gateway.wait_line(ONLINE)
    settle(world, device, gateway)


def main():
    with Golden("identity") as world:
        test_provisioning(world)
        test_direct(world)


main()
