#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: one command takes a box to its first telemetry, or says which step fails and what to do;
and what a person wrote stays. Method: busward against a real hub and a real provisioning service, then the gateway
itself with the configuration that came out."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

from azure_world import HOST, SCOPE, Hub, World, close_all, derived, key_of, opened, secret  # noqa: E402

BUILD = os.environ["BUSWARD_BUILD"]
CONFIG = """// What a person wrote stays.
{ /* here, too */
    "gateway": {"name": "Store", "id": "reg-1", "data_dir": "%s/data"},  // tidy
    "buses": [{"name": "a", "port": "tcp:127.0.0.1:1",
               "devices": [{"name": "m", "unit": 1, "profile": "plain"}]}]
}
"""
PROFILE = {"name": "plain", "groups": [{"name": "g", "interval_ms": 60000}],
           "points": [{"name": "p", "group": "g", "table": "holding", "address": 0, "type": "u16"}]}


def box(hub):
    path = f"{hub.dir}/store.json"
    with open(path, "w") as out:
        out.write(CONFIG % hub.dir)
    os.makedirs(f"{hub.dir}/profiles", exist_ok=True)
    with open(f"{hub.dir}/profiles/plain.json", "w") as out:
        json.dump(PROFILE, out)
    return path


def enroll(world, typed="", **options):
    command = [f"{BUILD}/apps/cli/busward", "enroll"]
    given = {"config": f"{world.dir}/store.json", "ca_file": f"{world.dir}/ca.pem", "address": "localhost",
             "port": world.port, **options}
    for name, value in given.items():
        name = "--" + name.replace("_", "-")
        command += [] if value is None else [name] if value is True else [name, str(value)]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60)
    assert "ERROR: AddressSanitizer" not in done.stderr and "runtime error" not in done.stderr, done
    return done.returncode, done.stdout + done.stderr


def expect(result, code, *patterns):
    assert result[0] == code, result
    for pattern in patterns:
        assert re.search(pattern, result[1]), (pattern, result[1])


def is_private(path):
    return os.stat(path).st_mode & 0o777 == 0o600


def gateway_runs(hub):
    """The configuration as it is now leads to the hub."""
    gateway = subprocess.Popen([f"{BUILD}/apps/gateway/busward-gateway", "--config", f"{hub.dir}/store.json",
                                "--trust-clock"], stderr=subprocess.PIPE, text=True)
    try:
        seen = []
        for line in gateway.stderr:
            seen.append(line)
            if "mod=uplink ev=online" in line:
                return
        raise AssertionError(seen)
    finally:
        gateway.send_signal(signal.SIGTERM)
        gateway.communicate(timeout=30)


def test_with_a_provisioning_service():
    world = World()
    group = world.secret("group.key", key_of("group"))
    world.do("group", "add", "--id", "shops", "--key-file", group)
    path = box(world)
    before = open(path).read()
    options = dict(id_scope=SCOPE, dps_host=HOST, dps_address="localhost", dps_port=world.dps.port, group_key_file=group)
    expect(enroll(world.hub, dry_run=True, **options), 0, "first telemetry +ok")
    # The key need not lie in a file: a stick may have no modes, or it came by ssh.
    handed_in = {**options, "dry_run": True, "group_key_file": "-"}
    expect(enroll(world.hub, typed=key_of("group") + "\n", **handed_in), 0, "registration +ok: hub.test, as reg-1", "telemetry +ok")
    expect(enroll(world.hub, typed=key_of("bad"), **handed_in), 1, "registration +FAILED")
    expect(enroll(world.hub, typed="no key!", **handed_in), 1, 'file="standard input" problem="the key is not base64')
    expect(enroll(world.hub, typed="", **handed_in), 1, 'file="standard input" problem="empty')
    assert open(path).read() == before and not os.path.exists(f"{world.dir}/data/identity/hub.key")
    result = enroll(world.hub, **options)
    expect(result, 0, "name localhost +ok", "TCP to port .* ok", "TLS as hub.test +ok: TLSv1",
           "registration +ok: hub.test, as reg-1", "login +ok: reg-1", "filters .* ok", "first telemetry +ok")
    assert [r[1] for r in world.hub.records()] == ["reg-1"] * 3
    assert json.loads(world.hub.records()[2][3])["e"][0]["text"] == "enrolled"
    assert is_private(f"{world.dir}/data/identity/hub.key")
    with open(f"{world.dir}/data/identity/hub.key") as file:
        assert file.read().strip() == derived("reg-1")  # not the group's
    assert key_of("group") not in result[1] and derived("reg-1") not in result[1]
    after = open(path).read()
    head, rest = after.split('\n    "hub": ', 1)
    section, size = json.JSONDecoder().raw_decode(rest)
    assert head + rest[size:].removeprefix(",") == before
    assert section["provisioning"]["id_scope"] == SCOPE
    # The gateway begins with what was learned; the service is not asked a fourth time.
    gateway_runs(world)
    assert world.lines_of_dps("as reg-1 ") == 3
    # A second time the section is a person's.
    expect(enroll(world.hub, **options), 0, "is yours to change")
    assert open(path).read() == after
    # What the service refuses is told.
    expect(enroll(world.hub, **{**options, "group_key_file": world.secret("bad", key_of("bad"))}), 1,
           "registration +FAILED", "clock")


def test_each_step_that_fails_is_told():
    hub = opened(Hub()).start()
    box(hub)
    good = dict(hub=HOST, device_id="gw-1", key_file=secret(hub, "key", key_of("gw-1")))
    expect(enroll(hub, dry_run=True, **good), 0, "first telemetry +ok")
    expect(enroll(hub, **{**good, "address": "no.such.name.invalid"}), 1, "name no.such.* FAILED", "getent")
    expect(enroll(hub, **{**good, "port": 1}), 1, "TCP to port 1 +FAILED: Connection refused", "firewall")
    expect(enroll(hub, **{**good, "ca_file": f"{hub.dir}/server.pem"}), 1, "TLS as .*FAILED", "--ca-file")
    folder = f"{hub.dir}/authorities"
    expect(enroll(hub, **{**good, "ca_file": folder}), 1, "authorities +FAILED: No such file", "--ca-file")
    os.mkdir(folder)
    expect(enroll(hub, **{**good, "ca_file": folder}), 1, "authorities +FAILED: .*openssl rehash")
    shutil.copy(f"{hub.dir}/ca.pem", folder)
    subprocess.run(["openssl", "rehash", folder], check=True)
    expect(enroll(hub, dry_run=True, **{**good, "ca_file": folder}), 0, "first telemetry +ok")
    expect(enroll(hub, **{**good, "hub": "hub.other"}), 1, "TLS as hub.other +FAILED: hostname mismatch")
    expect(enroll(hub, **{**good, "key_file": secret(hub, "bad", key_of("x"))}), 1, "login +FAILED", "clock")
    expect(enroll(hub, **{**good, "device_id": "nobody"}), 1, "login +FAILED")
    expect(enroll(hub, **{**good, "key_file": f"{hub.dir}/absent"}), 1, "No such file")
    os.chmod(f"{hub.dir}/bad", 0o640)
    expect(enroll(hub, **{**good, "key_file": f"{hub.dir}/bad"}), 1, "chmod 600")
    expect(enroll(hub, hub=HOST), 2, "expected one of --group-key-file")
    expect(enroll(hub, key_file="k"), 2, "expected --id-scope")
    expect(enroll(hub, certificate_file="k", hub=HOST), 2, "belong together")
    # And none of these has written anything: the good one works.
    text = f"HostName={HOST};DeviceId=gw-1;SharedAccessKey={key_of('gw-1')}"
    cs = secret(hub, "cs", text)
    # A file that a person has beside it stays, and so do a link and a key that was there.
    path, key = f"{hub.dir}/store.json", f"{hub.dir}/data/identity/hub.key"
    with open(path + ".new", "w") as out:
        out.write("a draft")
    expect(enroll(hub, connection_string_file=cs), 1, "File exists", "to be added by hand")
    assert open(path + ".new").read() == "a draft" and '"hub"' not in open(path).read()
    os.unlink(path + ".new")
    os.rename(path, f"{hub.dir}/real.json")
    os.symlink("real.json", path)
    with open(key, "w") as out:
        out.write("another key")
    expect(enroll(hub, connection_string_file=cs), 0, "now begins with", "hub.key.old +ok: the key that was")
    assert os.path.islink(path) and open(key + ".old").read() == "another key" and is_private(key + ".old")
    gateway_runs(hub)


def test_with_a_certificate():
    world = World()
    world.sign("some", "some", ca="factory")
    world.do("group", "add", "--id", "plants", "--certificate", f"{world.dir}/factory.pem")
    box(world)
    expect(enroll(world.hub, new_key=True), 0, "private key +ok", "common name reg-1")
    identity = f"{world.dir}/data/identity"
    assert is_private(f"{identity}/device.key")
    subprocess.run(f"openssl x509 -req -in {identity}/device.csr -CA factory.pem -CAkey factory.key -CAcreateserial "
                   f"-days 100 -out {identity}/device.pem".split(), cwd=world.dir, check=True, capture_output=True)
    options = dict(id_scope=SCOPE, dps_host=HOST, dps_address="localhost", dps_port=world.dps.port,
                   certificate_file=f"{identity}/device.pem")
    expect(enroll(world.hub, private_key_file=f"{identity}/device.key", **options), 0,
           "certificate and private key +ok: reg-1", "registration +ok", "login +ok: reg-1", "first telemetry +ok")
    gateway_runs(world)
    # Renewal: the same command makes the next key beside the present one.
    expect(enroll(world.hub, new_key=True), 0, r"device.key.next", "within a minute")
    expect(enroll(world.hub, new_key=True), 1, "FAILED: the file is there already")
    expect(enroll(world.hub, private_key_file=f"{identity}/device.key.next", **options), 1, "does not belong")


def main():
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (len(sys.argv) > 1 and name not in sys.argv[1:]):
            continue
        try:
            test()
            print(f"ok {name}", flush=True)
        finally:
            close_all()


if __name__ == "__main__":
    main()
