#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: with a real mosquitto over TLS, devices get in by key and by certificate on one port, twins, methods and
cloud-to-device messages go over the link to the one device they are for, and DPS does the same for registrations."""
import base64
import hashlib
import hmac
import json
import os
import signal
import stat
import subprocess
import sys

from hub_parts import Backend, bundle, read, self_signed, signed, thumbprint
from hub_world import HOST, Client, Hub, dps_sas, hub_db, key_of, sas

METHODS, ANSWERS = "$iothub/methods/POST/#", "$iothub/twin/res/#"
DESIRED, ANY_C2D = "$iothub/twin/PATCH/properties/desired/#", "devices/+/messages/devicebound/#"
REGISTER = "$dps/registrations/PUT/iotdps-register/?$rid=1"


def refused(hub, why, *args, **more):
    before = hub.output().count(f'why="{why}')
    client = Client(hub, *args, **more)
    assert client.login == 5, client.login
    client.close()
    hub.wait_for(why, lambda: hub.output().count(f'why="{why}') > before)


def make_chain(folder):
    """root -> middle -> ca-1, root -> ca-2, a namesake of root -> ca-1."""
    self_signed(folder, "root", "root")
    signed(folder, "middle", "middle", "root", authority=True)
    signed(folder, "ca-1", "ca-1", "middle")
    signed(folder, "ca-2", "ca-2", "root")
    self_signed(folder, "rogue", "root")
    signed(folder, "forged", "ca-1", "rogue")


def test_certificates_beside_keys_on_one_port(hub):
    make_chain(hub.dir)
    mine, other = self_signed(hub.dir, "mine", "anything"), self_signed(hub.dir, "other", "th-1")
    hub_db.insert(hub.db, "device", id="th-1", auth=1, thumb2=thumbprint(hub.dir, "mine", hashlib.sha1))
    hub_db.insert(hub.db, "device", id="th-2", auth=1, thumb1=thumbprint(hub.dir, "mine"))
    for device in ("ca-1", "ca-2"):
        hub_db.insert(hub.db, "device", id=device, auth=2)
    hub_db.insert(hub.db, "ca", name="root", pem=read(hub.dir, "root.pem"), verified=1)
    whole, alone = bundle(hub.dir, "whole", "ca-1", "middle"), bundle(hub.dir, "alone", "ca-1")
    direct, forged = bundle(hub.dir, "direct", "ca-2"), bundle(hub.dir, "forged", "forged", "rogue")
    for device, certificate in (("th-1", mine), ("th-2", mine), ("ca-1", whole), ("ca-2", direct)):
        for password in (None, ""):  # none at all, as Node does it, and an empty one, as C does
            client = Client(hub, device, certificate=certificate, password=password)
            assert client.login == 0 and client.deliver(device.encode()), (device, password)
    by_key = Client(hub, "gw-1")
    assert by_key.deliver(b"by key")
    refused(hub, "certificate does not match a thumbprint", "th-1", certificate=other)
    refused(hub, "certificate does not chain", "ca-1", certificate=alone)
    refused(hub, "certificate does not chain", "ca-1", certificate=forged)
    refused(hub, "certificate's common name", "ca-2", certificate=whole)
    refused(hub, "device authenticates by key", "gw-1", certificate=mine)
    refused(hub, "device authenticates by certificate", "th-1")
    refused(hub, "neither token nor certificate", "th-1", password="")
    refused(hub, "unknown device", "th-9", certificate=mine)
    # A token beside a certificate is what counts.
    assert Client(hub, "gw-1", certificate=mine, password=sas("gw-1")).login == 0
    live = Client(hub, "ca-1", certificate=whole)
    hub.db.execute("UPDATE ca SET verified = 0")
    assert live.receive() is None  # its authority is none any more
    assert {r[1] for r in hub.records()} == {"th-1", "th-2", "ca-1", "ca-2", "gw-1"}


def test_a_client_nobody_here_wrote_with_a_certificate(hub):
    self_signed(hub.dir, "mine", "th-1")
    hub_db.insert(hub.db, "device", id="th-1", auth=1, thumb1=thumbprint(hub.dir, "mine"))
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(hub.port), "--cafile", f"{hub.dir}/ca.pem", "--cert",
               f"{hub.dir}/mine.pem", "--key", f"{hub.dir}/mine.key", "-i", "th-1", "-u", f"{HOST}/th-1/?api-version=2021-04-12",
               "-q", "1", "-m", "x", "-t", "devices/th-1/messages/events/"]
    for version in ("tlsv1.2", "tlsv1.3"):
        assert subprocess.run([*command, "--tls-version", version], timeout=20).returncode == 0
    assert len(hub.records()) == 2
    session = f"{hub.dir}/session"  # a resumed session would bring no chain: there is none to resume
    for _ in range(2):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{hub.port}", "-cert", f"{hub.dir}/mine.pem",
                               "-key", f"{hub.dir}/mine.key", "-tls1_2", "-sess_out", session,
                               *(["-sess_in", session] if os.path.exists(session) else [])],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and "Cipher is" in done.stdout, done.stdout + done.stderr
    assert subprocess.run(command, timeout=20).returncode == 0


def test_policy_tokens(hub):
    hub_db.insert(hub.db, "policy", name="device", key1=base64.b64decode(key_of("policy")), rights=8)
    hub_db.insert(hub.db, "policy", name="service", key1=base64.b64decode(key_of("policy")), rights=7)
    token = dict(key=key_of("policy"), resource=HOST)
    assert Client(hub, "gw-1", password=sas("gw-1", policy="device", **token)).deliver(b"x")
    refused(hub, "policy without the right", "gw-1", password=sas("gw-1", policy="service", **token))
    refused(hub, "unknown policy", "gw-1", password=sas("gw-1", policy="device", key=key_of("x"), resource=HOST))
    refused(hub, "unknown device", "gw-9", password=sas("gw-9", policy="device", **token))


def test_twins_methods_and_messages_over_the_link(hub):
    one, two = Client(hub, "gw-1"), Client(hub, "gw-2")
    for client in (one, two):
        for topic in (METHODS, ANSWERS, DESIRED, ANY_C2D):
            assert client.subscribe(topic) == 1
    one.publish(b" ", topic="$iothub/twin/GET/?$rid=1", qos=0)
    topic, body = one.message()  # nobody is there
    assert topic == "$iothub/twin/res/503/?$rid=1" and json.loads(body)["errorCode"] == 503001
    backend = Backend(hub)
    assert backend.login == 0
    boot = backend.sync()
    ups = [backend.hear() for _ in range(2)]
    assert {(k, d) for k, _, d, _ in ups} == {("up", "gw-1"), ("up", "gw-2")}
    conns = {d: c for _, c, d, _ in ups}
    assert json.loads(ups[0][3]) == {"auth": "sas", "clean": True, "subscriptions": 15}
    for client, device in ((one, "gw-1"), (two, "gw-2")):
        client.publish(b" ", topic="$iothub/twin/GET/?$rid=1", qos=0)  # the same name from both
        assert backend.request() == (conns[device], device, "$iothub/twin/GET/?$rid=1", b" ")
    backend.to(conns["gw-2"], "gw-2", "$iothub/twin/res/200/?$rid=1", b"two")
    backend.to(conns["gw-1"], "gw-1", "$iothub/twin/res/200/?$rid=1", b"one")
    assert one.message() == ("$iothub/twin/res/200/?$rid=1", b"one")
    assert two.message() == ("$iothub/twin/res/200/?$rid=1", b"two")
    assert one.is_acknowledged(one.publish(b'{"a":1}', topic="$iothub/twin/PATCH/properties/reported/?$rid=2"))
    assert backend.request()[2:] == ("$iothub/twin/PATCH/properties/reported/?$rid=2", b'{"a":1}')
    backend.to(conns["gw-1"], "gw-1", "$iothub/twin/res/204/?$rid=2&$version=2")
    assert one.message() == ("$iothub/twin/res/204/?$rid=2&$version=2", b"")
    backend.to(conns["gw-1"], "gw-1", "$iothub/twin/PATCH/properties/desired/?$version=2", b'{"b":null,"$version":2}')
    assert one.message()[1] == b'{"b":null,"$version":2}'
    backend.to(conns["gw-1"], "gw-1", "$iothub/methods/POST/read/?$rid=m1", b"x" * 128000)
    assert one.message() == ("$iothub/methods/POST/read/?$rid=m1", b"x" * 128000)
    one.publish(b"y" * 128000, topic="$iothub/methods/res/200/?$rid=m1", qos=0)
    assert backend.request() == (conns["gw-1"], "gw-1", "$iothub/methods/res/200/?$rid=m1", b"y" * 128000)
    backend.to(conns["gw-1"], "gw-1", "devices/gw-1/messages/devicebound/%24.mid=7", b"c2d", qos=1)
    assert one.message() == ("devices/gw-1/messages/devicebound/%24.mid=7", b"c2d")
    for qos, granted in ((2, 1), (0, 0), (1, 1)):
        assert one.subscribe(ANY_C2D, qos) == granted
        backend.to(conns["gw-1"], "gw-1", "devices/gw-1/messages/devicebound/", b"c2d", qos=1)
        first, body = one.receive()
        assert first & 6 == granted << 1, (qos, first)
        if granted:
            one.send(0x40, body[-5:-3])
    # Nothing for another one, or on another's topic; the next good message arrives.
    backend.to(conns["gw-1"], "gw-2", "$iothub/twin/res/200/?$rid=1", b"wrong")
    backend.to(conns["gw-1"] + 50, "gw-1", "$iothub/twin/res/200/?$rid=1", b"wrong")
    backend.to(conns["gw-1"], "gw-1", "devices/gw-2/messages/devicebound/", b"wrong")
    backend.say("nonsense", b"wrong")
    backend.to(conns["gw-1"], "gw-1", "$iothub/twin/res/200/?$rid=9", b"right")
    assert one.message() == ("$iothub/twin/res/200/?$rid=9", b"right")
    assert two.unsubscribe(ANY_C2D)
    assert backend.hear() == ("subs", conns["gw-2"], "gw-2", b"7")
    backend.to(conns["gw-2"], "gw-2", "devices/gw-2/messages/devicebound/", b"unwanted")
    backend.say(f"kick/{conns['gw-2']}/gw-2")
    assert two.receive() is None
    assert backend.hear() == ("down", conns["gw-2"], "gw-2", b"closed")
    one.send(0xE0, b"")
    assert backend.hear() == ("down", conns["gw-1"], "gw-1", b"ended")
    assert backend.sync() == boot
    hub.wait_for("the log line", lambda: "ev=link_refused" in hub.output())


def test_malformed_requests_close_the_connection(hub):
    backend = Backend(hub)
    backend.sync()
    for topic, size in (("$iothub/twin/GET/", 1), ("$iothub/twin/GET/?$rid=", 1), ("$iothub/twin/res/200/?$rid=1", 1),
                        ("$iothub/methods/POST/read/?$rid=1", 1), ("$iothub/methods/res/ok/?$rid=1", 1), ("to/1/0/gw-2", 1),
                        ("$iothub/methods/res/200/?$rid=1", 131073), (REGISTER, 1)):
        client = Client(hub, "gw-1")
        assert not client.deliver(b"x" * size, topic=topic), topic
        up, down = backend.hear(), backend.hear()
        assert up[0] == "up" and down[::3] == ("down", b"ended") and up[1] == down[1], (up, down)


def test_sessions_and_takeover(hub):
    backend = Backend(hub)
    backend.sync()
    first = Client(hub, "gw-1", clean=False)
    assert not first.has_session and first.subscribe(ANY_C2D) == 1
    assert [backend.hear()[::3] for _ in range(2)] == [
        ("up", b'{"auth":"sas","clean":false,"subscriptions":0}'), ("subs", b"8")]
    second = Client(hub, "gw-1", clean=False)
    assert second.has_session and first.receive() is None
    assert backend.hear()[::3] == ("down", b"taken_over")
    kind, conn, _, up = backend.hear()
    assert kind == "up" and json.loads(up)["subscriptions"] == 8
    backend.to(conn, "gw-1", "devices/gw-1/messages/devicebound/", b"without a new SUBSCRIBE", qos=1)
    assert second.receive()[1].endswith(b"without a new SUBSCRIBE")  # and it does not acknowledge
    second.close()
    assert backend.hear()[::3] == ("down", b"ended")
    third = Client(hub, "gw-1", clean=False)
    assert third.has_session and third.message()[1] == b"without a new SUBSCRIBE"  # again, by the broker
    assert json.loads(backend.hear()[3])["subscriptions"] == 8
    third.send(0xE0, b"")
    assert backend.hear()[::3] == ("down", b"ended")
    fourth = Client(hub, "gw-1", clean=True)
    assert not fourth.has_session
    assert backend.hear()[3] == b'{"auth":"sas","clean":true,"subscriptions":0}'
    fifth = Client(hub, "gw-1", clean=False)
    assert not fifth.has_session


def test_backends_come_and_go(hub):
    device = Client(hub, "gw-1")
    assert device.subscribe(ANSWERS) == 1
    assert Backend(hub, "gw-1").login == 5 and Backend(hub, "/other").login == 5
    assert stat.S_ISSOCK(os.stat(f"{hub.dir}/link.sock").st_mode)
    refused(hub, "client id differs", "gw-1", client_id="/backend")
    for folder_mode, socket_mode, login in ((0o755, 0o777, 5), (0o755, 0o755, 0), (0o700, 0o777, 0)):
        os.chmod(hub.dir, folder_mode)
        os.chmod(f"{hub.dir}/link.sock", socket_mode)
        assert Backend(hub).login == login, (folder_mode, socket_mode)
    first = Backend(hub)
    boot = first.sync()
    assert first.hear()[0] == "up"
    second = Backend(hub)  # takes the first one's place
    assert first.receive() is None
    assert second.sync() == boot and second.hear()[0] == "up"
    before = hub.output().count("ev=link_closed")
    second.close()
    hub.wait_for("the end", lambda: hub.output().count("ev=link_closed") > before)
    device.publish(b"", topic="$iothub/twin/GET/?$rid=1", qos=0)
    assert device.message()[0] == "$iothub/twin/res/503/?$rid=1"
    assert device.deliver(b"telemetry goes on")
    hub.kill(signal.SIGKILL)
    hub.start()  # the socket's file is still there
    third = Backend(hub)
    assert third.sync() != boot


def test_a_backend_that_does_not_keep_up(hub):
    backend = Backend(hub)
    backend.sync()
    device, other = Client(hub, "gw-1"), Client(hub, "gw-2")
    assert device.subscribe(ANSWERS) == 1
    for number in range(64):
        device.publish(b"", topic=f"$iothub/twin/GET/?$rid={number}", qos=0)
    device.publish(b"", topic="$iothub/twin/GET/?$rid=late", qos=0)
    topic, body = device.message()
    assert topic == "$iothub/twin/res/429/?$rid=late" and json.loads(body)["errorCode"] == 429001
    other.publish(b"", topic="$iothub/twin/GET/?$rid=other", qos=0)
    heard = [backend.hear() for _ in range(3 + 64 + 1)]
    assert [k for k, *_ in heard] == ["up", "up", "subs"] + ["req"] * 65 and heard[-1][2] == "gw-2"
    device.publish(b"", topic="$iothub/twin/GET/?$rid=again", qos=0)
    assert backend.request()[2] == "$iothub/twin/GET/?$rid=again"


def test_a_backend_that_sleeps_misses_nothing(hub):
    """What is sent before it reads stays below what mosquitto would drop, and all of it comes; the rest is refused."""
    names = [f"d-{i}" for i in range(30)]
    for name in names:
        hub_db.put_device(hub.db, name, [key_of(name)])
    backend = Backend(hub)
    backend.sync()
    devices = [Client(hub, name) for name in names]
    for number in range(50):
        for device in devices:
            device.publish(b"x" * 1000, topic=f"$iothub/twin/GET/?$rid={number}", qos=0)
    for device in devices:
        assert device.deliver(b"telemetry goes on")  # and what went before it has been taken
    heard = [backend.hear() for _ in range(768)]
    assert [k for k, *_ in heard] == ["up"] * 30 + ["req"] * 738
    numbers = {name: [int(p.split(b"$rid=")[1].split(b"\0")[0]) for k, _, d, p in heard if (k, d) == ("req", name)] for name in names}
    assert all(got == list(range(len(got))) for got in numbers.values()) and sum(map(len, numbers.values())) == 738
    assert devices[7].subscribe(ANSWERS) == 1
    assert backend.hear()[::2] == ("subs", "d-7")
    devices[7].publish(b"", topic="$iothub/twin/GET/?$rid=next", qos=0)
    assert backend.request()[1:3] == ("d-7", "$iothub/twin/GET/?$rid=next")


def derived(group_key, registration):
    digest = hmac.new(base64.b64decode(group_key), registration.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def test_dps(hub):
    make_chain(hub.dir)
    mine = self_signed(hub.dir, "mine", "reg-x")
    hub_db.insert(hub.db, "enrolment", registration_id="reg-k", attestation=0, key1=base64.b64decode(key_of("reg-k")))
    hub_db.insert(hub.db, "enrolment", registration_id="reg-x", attestation=1, thumb1=thumbprint(hub.dir, "mine"))
    hub_db.insert(hub.db, "enrolment_group", group_id="keys", attestation=0, key2=base64.b64decode(key_of("group")))
    hub_db.insert(hub.db, "enrolment_group", group_id="certs", attestation=1, ca1=read(hub.dir, "root.pem"))
    whole = bundle(hub.dir, "whole", "ca-1", "middle")
    backend = Backend(hub)
    backend.sync()
    ways = (("reg-k", dict(password=dps_sas("reg-k", key_of("reg-k"))), "sas", "individual", "reg-k"),
            ("reg-g", dict(password=dps_sas("reg-g", derived(key_of("group"), "reg-g"))), "sas", "group", "keys"),
            ("reg-x", dict(certificate=mine), "x509", "individual", "reg-x"),
            ("ca-1", dict(certificate=whole, password=""), "x509", "group", "certs"))
    for name, proof, auth, enrolment, which in ways:
        client = Client(hub, name, **proof)
        assert client.login == 0, name
        kind, conn, device, up = backend.hear()
        up = json.loads(up)
        assert (kind, device, up["auth"], up["enrolment"], up["id"]) == ("up", name, auth, enrolment, which)
        if auth == "x509":
            leaf = "mine" if name == "reg-x" else "ca-1"
            assert up["thumbprint"] == thumbprint(hub.dir, leaf).hex()
        assert client.subscribe("$dps/registrations/res/#") == 1 and backend.hear()[3] == b"16"
        client.publish(b"{}", topic=REGISTER, qos=1)
        assert backend.request() == (conn, name, REGISTER, b"{}") and client.receive()[0] == 0x40
        backend.to(conn, name, "$dps/registrations/res/202/?$rid=1&retry-after=3", b'{"status":"assigning"}')
        assert client.message() == ("$dps/registrations/res/202/?$rid=1&retry-after=3", b'{"status":"assigning"}')
        client.send(0xE0, b"")
        assert backend.hear()[::3] == ("down", b"ended")
    no_group = "no enrolment, and no group"
    refused(hub, no_group, "reg-g", password=dps_sas("reg-g", key_of("group")))  # the group's own key
    refused(hub, no_group, "reg-h", password=dps_sas("reg-h", derived(key_of("group"), "reg-g")))
    refused(hub, "not signed by a key", "reg-k", password=dps_sas("reg-k", key_of("x")))
    refused(hub, "token without skn", "reg-k", password=dps_sas("reg-k", key_of("reg-k"), policy=None))
    refused(hub, "token expired", "reg-k", password=dps_sas("reg-k", key_of("reg-k"), ttl_s=-1))
    refused(hub, no_group, "ca-1", certificate=bundle(hub.dir, "alone", "ca-1"))
    refused(hub, no_group, "ca-1", certificate=bundle(hub.dir, "forged", "forged", "rogue"))
    refused(hub, "user name with another id scope", "reg-k", password="x", user="0ne9/registrations/reg-k/api-version=1")
    for topic in ("devices/reg-k/messages/events/", "$iothub/twin/GET/?$rid=1", "$dps/registrations/res/200/?$rid=1"):
        client = Client(hub, "reg-k", password=dps_sas("reg-k", key_of("reg-k")))
        assert client.login == 0 and not client.deliver(b"x", topic=topic)
    client = Client(hub, "reg-k", password=dps_sas("reg-k", key_of("reg-k")))
    assert client.subscribe(ANSWERS) is None  # closed


def main():
    wanted = sys.argv[1:]
    for name, test in list(globals().items()):
        if name.startswith("test_") and (not wanted or name in wanted):
            hub = Hub(mode="dps" if "dps" in name else "hub").start()
            try:
                test(hub)
                print(f"ok {name}", flush=True)
            except BaseException:
                print(hub.output()[-4000:], flush=True)
                print(f"FAILED {name}", flush=True)
                raise
            finally:
                hub.close()


main()
