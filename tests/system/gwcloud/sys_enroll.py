#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: one command takes a box to its first telemetry, or says which step fails and what to do;
and what a person wrote stays. Method: busward against real mosquittos behind TLS, then the gateway
itself with the configuration that came out."""
import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["BUSWARD_SOURCE"], "tests/system/hub"))
from hub_world import HOST, Hub, key_of  # noqa: E402
from plain_broker import Broker  # noqa: E402
from sys_identity import CERTIFICATES, OPENED, Service, assigned, derived, opened, secret  # noqa: E402

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


def enroll(hub, **options):
    command = [f"{BUILD}/apps/cli/busward", "enroll"]
    given = {"config": f"{hub.dir}/store.json", "ca_file": f"{hub.dir}/ca.pem", "address": "localhost",
             "port": hub.port, **options}
    for name, value in given.items():
        name = "--" + name.replace("_", "-")
        command += [] if value is None else [name] if value is True else [name, str(value)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
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
    broker = opened(Broker()).start()
    hub = opened(Hub(devices=()))
    hub.devices = [{"id": "box", "keys": [derived("reg-1")]}]
    hub.write_identities()
    for name in ("ca.pem", "server.pem", "server.key"):
        with open(f"{broker.dir}/{name}") as source, open(f"{hub.dir}/{name}", "w") as out:
            out.write(source.read())
    hub.start()
    service = Service(broker)
    service.answers = [assigned("box")]
    path = box(hub)
    before = open(path).read()
    options = dict(id_scope="0ne", dps_host=HOST, dps_address="localhost", dps_port=broker.port,
                   group_key_file=secret(hub, "group.key", key_of("group")))
    expect(enroll(hub, dry_run=True, **options), 0, "first telemetry +ok")
    assert open(path).read() == before and not os.path.exists(f"{hub.dir}/data/identity/hub.key")
    result = enroll(hub, **options)
    expect(result, 0, "name localhost +ok", "TCP to port .* ok", "TLS as hub.test +ok: TLSv1",
           "registration +ok: hub.test, as box", "login +ok: box", "filters .* ok", "first telemetry +ok")
    assert [r[1] for r in hub.records()] == ["box", "box"]
    assert json.loads(hub.records()[1][3])["e"][0]["text"] == "enrolled"
    assert is_private(f"{hub.dir}/data/identity/hub.key")
    with open(f"{hub.dir}/data/identity/hub.key") as file:
        assert file.read().strip() == derived("reg-1")  # not the group's
    assert key_of("group") not in result[1] and derived("reg-1") not in result[1]
    after = open(path).read()
    head, rest = after.split('\n    "hub": ', 1)
    section, size = json.JSONDecoder().raw_decode(rest)
    assert head + rest[size:].removeprefix(",") == before
    assert section["provisioning"]["id_scope"] == "0ne"
    # The gateway begins with what was learned; the service is not asked a third time.
    gateway_runs(hub)
    assert len(service.asked) == 2
    # A second time the section is a person's.
    expect(enroll(hub, **options), 0, "is yours to change")
    assert open(path).read() == after


def test_each_step_that_fails_is_told():
    hub = opened(Hub()).start()
    box(hub)
    good = dict(hub=HOST, device_id="gw-1", key_file=secret(hub, "key", key_of("gw-1")))
    expect(enroll(hub, dry_run=True, **good), 0, "first telemetry +ok")
    expect(enroll(hub, **{**good, "address": "no.such.name.invalid"}), 1, "name no.such.* FAILED", "getent")
    expect(enroll(hub, **{**good, "port": 1}), 1, "TCP to port 1 +FAILED: Connection refused", "firewall")
    expect(enroll(hub, **{**good, "ca_file": f"{hub.dir}/server.pem"}), 1, "TLS as .*FAILED", "--ca-file")
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
    expect(enroll(hub, connection_string_file=secret(hub, "cs", text)), 0, "now begins with")
    gateway_runs(hub)


def test_with_a_certificate():
    broker = opened(Broker(*CERTIFICATES)).start()
    box(broker)
    expect(enroll(broker, new_key=True), 0, "private key +ok", "common name reg-1")
    identity = f"{broker.dir}/data/identity"
    assert is_private(f"{identity}/device.key")
    subprocess.run(f"openssl x509 -req -in {identity}/device.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
                   f"-days 100 -out {identity}/device.pem".split(), cwd=broker.dir, check=True, capture_output=True)
    pair = dict(certificate_file=f"{identity}/device.pem", private_key_file=f"{identity}/device.key")
    expect(enroll(broker, hub=HOST, **pair), 0, "certificate and private key +ok: reg-1",
           "login +ok: reg-1", "first telemetry +ok")
    gateway_runs(broker)
    # Renewal: the same command makes the next key beside the present one.
    expect(enroll(broker, new_key=True), 0, r"device.key.next", "within a minute")
    expect(enroll(broker, new_key=True), 1, "FAILED: the file is there already")
    expect(enroll(broker, hub=HOST, certificate_file=f"{identity}/device.pem",
                  private_key_file=f"{identity}/device.key.next"), 1, "does not belong")


def main():
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (len(sys.argv) > 1 and name not in sys.argv[1:]):
            continue
        try:
            test()
            print(f"ok {name}", flush=True)
        finally:
            while OPENED:
                OPENED.pop().close()


if __name__ == "__main__":
    main()
