#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a gateway finds and enters its hub in every way there is, says no word more or less than it said when this was kept,
renews its token, and every refusal ends as documented and heals when it is mended. Method: real gateways, hub and provisioning
service with a tap between them; the gateways' clocks are put ahead where they would wait."""
import os
import signal

from golden_world import HOST, Golden, key_of

ONLINE, REFUSED = "mod=uplink ev=online ", "mod=uplink ev=refused "
DENIED, DISABLED = "mod=identity ev=denied ", "mod=identity ev=disabled "


def pair_keys(pair):
    return dict(zip(("certificate_file", "private_key_file"), pair))


class Provisioned:
    """The service's four ways, side by side."""

    def __init__(self, world):
        do, self.world = world.world.do, world
        single, member = world.world.sign("single", "reg-x"), world.world.sign("member", "reg-y", ca="factory")
        world.know(single)
        world.know(member, "factory")
        do("enrolment", "add", "--id", "reg-k", "--device-id", "store-k", "--key-file", world.key("own"))
        do("group", "add", "--id", "shops", "--key-file", world.key("group"))
        do("enrolment", "add", "--id", "reg-x", "--certificate", single[0])
        do("group", "add", "--id", "plants", "--certificate", f"{world.dir}/factory.pem")
        self.all = {}
        for name, registration, device, identity in (
                ("a key of its own", "reg-k", "store-k", {"key_file": world.key("own")}),
                ("a group's key", "reg-g", "reg-g", {"group": world.key("group")}),
                ("a certificate of its own", "reg-x", "reg-x", pair_keys(single)),
                ("a group's certificate", "reg-y", "reg-y", pair_keys(member))):
            hub = world.provisioning(registration)
            group = identity.pop("group", None)
            hub["provisioning"].update({"group_key_file": group} if group else {})
            folder = world.write(registration, {**hub, **identity})
            world.section(device, f"provisioned by {name}")
            self.all[registration] = (world.start(folder, registration, f"provisioned by {name}"), device)

    def test(self):
        for gateway, device in self.all.values():
            gateway.wait_line(f"mod=identity ev=assigned hub={HOST} device={device}")
            gateway.wait_line(f"{ONLINE}hub={HOST} device={device}")
        for gateway, device in self.all.values():
            self.world.settle(gateway, device)
            log = "".join(gateway.lines)
            assert gateway.end() == 0 and key_of("own") not in log and key_of("group") not in log

    def test_assignment(self):
        """Kept over a start and while the hub is away; asked for again when the hub says no, or when it is damaged."""
        world, folder = self.world, self.all["reg-g"][0].folder
        gateway = world.start(folder, "reg-g", "with the assignment that was kept, and the hub gone for a while")
        gateway.wait_line(ONLINE)
        world.settle(gateway, "reg-g")
        world.hub_tap.shut()
        gateway.wait_line("mod=uplink ev=lost .*refused", count=2)
        world.hub_tap.open()
        gateway.wait_line(ONLINE, count=2)
        world.settle(gateway, "reg-g", count=2)
        gateway.process.send_signal(signal.SIGKILL)
        gateway.process.wait()
        world.world.do("device", "remove", "--id", "reg-g")
        gateway = world.start(folder, "reg-g", "the hub forgot it: provisioned anew", is_chancy=True)
        gateway.wait_line(REFUSED, count=4)
        gateway.wait_line("mod=identity ev=provision ")
        gateway.wait_line(f"{ONLINE}hub={HOST} device=reg-g")
        world.settle(gateway, "reg-g")
        assert gateway.end() == 0
        with open(folder / "data/identity/assignment", "w") as out:
            out.write('{"v":1,"id_scope":"0ne","registration_id"')
        gateway = world.start(folder, "reg-g", "the assignment was damaged")
        gateway.wait_line("mod=identity ev=assignment .*asks the service again")
        gateway.wait_line(ONLINE)
        world.settle(gateway, "reg-g")
        assert gateway.end() == 0


class Direct:
    def __init__(self, world):
        self.world, do = world, world.world.do
        do("device", "add", "--id", "gw-c", "--key-file", world.key("gw-c"))
        text = world.world.secret("connection.txt", f"HostName={HOST};DeviceId=gw-c;SharedAccessKey={key_of('gw-c')}\n")
        self.by_key = world.start(world.write("gw-c", {"key_file": text}), "gw-c", "a connection string, its token renewed")
        pair = world.world.sign("gw-x", "gw-x", ca="factory")
        world.know(pair, "factory")
        do("ca", "add", "--name", "factory", "--certificate", f"{world.dir}/factory.pem")
        do("device", "add", "--id", "gw-x", "--by-ca")
        hub = {"host": HOST, "will": True, "keep_alive_s": 1177, **pair_keys(pair)}
        self.by_certificate = world.start(world.write("gw-x", hub), "gw-x", "a certificate, and a will")

    def test(self):
        self.by_key.wait_line(ONLINE)
        self.world.settle(self.by_key, "gw-c")
        self.by_key.shift(48 * 60 + 1)  # four fifths of an hour
        self.by_key.wait_line(ONLINE, count=2)
        self.world.settle(self.by_key, "gw-c", count=2)
        self.by_certificate.wait_line(ONLINE)
        self.world.settle(self.by_certificate, "gw-x")
        assert self.by_key.end() == 0 and self.by_certificate.end() == 0


class Refused:
    """By the hub; each is mended by a person at the hub."""

    def __init__(self, world):
        self.world, self.do = world, world.world.do
        for device in ("gw-k", "gw-d", "gw-e"):
            self.do("device", "add", "--id", device, "--key-file", world.key("gw-k" if device != "gw-k" else "other"))
        key = world.key("gw-k")
        self.other, self.stranger = world.world.sign("gw-t", "gw-t"), world.world.sign("gw-s", "gw-t", ca="elsewhere")
        world.know(self.stranger, "elsewhere")
        self.do("device", "add", "--id", "gw-t", "--certificate", self.other[0])
        self.all = {}
        for device, section, identity in (
                ("gw-k", "a wrong key", {"key_file": key}), ("gw-u", "an unknown device", {"key_file": key}),
                ("gw-d", "a device that is disabled while it is there", {"key_file": key}),
                ("gw-t", "a wrong certificate", pair_keys(self.stranger))):
            self.all[device] = world.start(world.write(device, {"host": HOST, **identity}), device, section, is_chancy=True)
        late = world.write("gw-e", {"host": HOST, "key_file": key})
        self.all["gw-e"] = world.start(late, "gw-e", "a clock that is behind: tokens that ended", wall_s=-90 * 60)

    def mend(self, device):
        world, do = self.world, self.do
        if device == "gw-k":
            key = {"primaryKey": key_of("gw-k"), "secondaryKey": key_of("spare")}
            world.change("/devices/gw-k", {"authentication": {"type": "sas", "symmetricKey": key}})
        elif device == "gw-u":
            do("device", "add", "--id", "gw-u", "--key-file", world.key("gw-k"))
        elif device == "gw-d":
            world.change("/devices/gw-d", {"status": "enabled"})
        elif device == "gw-t":
            do("device", "remove", "--id", "gw-t")
            do("device", "add", "--id", "gw-t", "--certificate", self.stranger[0])

    def test(self):
        self.all["gw-d"].wait_line(ONLINE)
        self.world.settle(self.all["gw-d"], "gw-d")
        self.world.change("/devices/gw-d", {"status": "disabled"})
        for device, gateway in self.all.items():
            gateway.wait_line(REFUSED, count=2 if device == "gw-e" else 1)
            self.mend(device)
        for device, gateway in self.all.items():
            gateway.wait_line(ONLINE, count=2 if device == "gw-d" else 1)
            self.world.settle(gateway, device, count=2 if device == "gw-d" else 1)
            assert gateway.end() == 0
        assert any("mod=identity ev=clock " in line for line in self.all["gw-e"].lines)


class Denied:
    """By the provisioning service, which a gateway asks again when it has waited."""

    def __init__(self, world):
        self.world, self.do = world, world.world.do
        self.do("enrolment", "add", "--id", "reg-d", "--key-file", world.key("own"), "--disabled")
        self.do("enrolment", "add", "--id", "reg-w", "--key-file", world.key("other"))
        stranger = world.world.sign("reg-s", "reg-s", ca="elsewhere")
        world.know(stranger, "elsewhere")
        own = {"key_file": world.key("own")}
        self.all = {registration: world.start(world.write(registration, {**world.provisioning(registration), **identity}), registration,
                                              section) for registration, section, identity in (
            ("reg-d", "a disabled enrolment", own), ("reg-u", "an unknown registration", own),
            ("reg-w", "a wrong key for the service", own), ("reg-s", "a certificate of nobody's", pair_keys(stranger)))}

    def test(self):
        for registration, gateway in self.all.items():
            gateway.wait_line((DISABLED if registration == "reg-d" else DENIED) + f"dps={HOST} registration={registration} .*retry_ms=")
        self.world.change("/enrollments/reg-d", {"provisioningStatus": "enabled"}, "operator")
        self.do("enrolment", "add", "--id", "reg-u", "--key-file", self.world.key("own"))
        keys = {"primaryKey": key_of("own"), "secondaryKey": key_of("spare")}
        self.world.change("/enrollments/reg-w", {"attestation": {"type": "symmetricKey", "symmetricKey": keys}}, "operator")
        self.do("group", "add", "--id", "strangers", "--certificate", f"{self.world.dir}/elsewhere.pem")
        for gateway in self.all.values():
            gateway.shift(61)
        for registration, gateway in self.all.items():
            gateway.wait_line(ONLINE)
            self.world.settle(gateway, registration)
            assert gateway.end() == 0


def main():
    with Golden("identity") as world:
        provisioned, direct, denied, refused = Provisioned(world), Direct(world), Denied(world), Refused(world)
        for part in (denied, provisioned, direct, refused):  # the service's refusals first: they are asked again by themselves
            part.test()
        provisioned.test_assignment()


if __name__ == "__main__":
    main()
