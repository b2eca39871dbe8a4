#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: with a real mosquitto, PUBACK means stored, and who may not is disconnected without one."""
import base64
import os
import signal
import subprocess
import sys
import threading

from hub_world import HOST, Client, Hub, hub_db, key_of, sas


def refused(hub, *args, **more):
    client = Client(hub, *args, **more)
    assert client.login == 5, client.login
    client.close()


def test_logins(hub):
    client = Client(hub, "gw-1")
    assert client.login == 0
    assert client.deliver(b"hello", bag="$.ct=application%2Fjson&t=s")
    assert hub.records() == [(1, "gw-1", "$.ct=application%2Fjson&t=s", b"hello", 0)]
    assert hub.head() == 1
    for user in (f"{HOST}/gw-2", f"{HOST}/gw-2/", f"{HOST}/gw-2/api-version=2016-11-14",
                 f"{HOST.upper()}/gw-2/?api-version=2020-09-30&DeviceClientType=c%2F1"):
        assert Client(hub, "gw-2", user=user).login == 0, user
    assert Client(hub, "gw-2", password=sas("gw-2", order="se sig sr")).login == 0
    assert Client(hub, "gw-2", password=sas("gw-2", resource="HUB.test%2fdevices%2fgw-2")).login == 0
    refused(hub, "gw-1", password=sas("gw-1", key=key_of("other")))
    refused(hub, "gw-3")
    refused(hub, "gw-1", password=sas("gw-1", ttl_s=-1))
    refused(hub, "gw-1", password=sas("gw-2"))
    refused(hub, "gw-1", password=sas("gw-1", resource=f"{HOST}%2Fdevices%2Fgw"))
    refused(hub, "gw-1", password="secret")
    refused(hub, "gw-1", password="")
    refused(hub, "gw-1", user="other.host/gw-1/?api-version=2021-04-12")
    refused(hub, "gw-1", user="gw-1")
    refused(hub, "gw-1", client_id="gw-2")
    refused(hub, "gw+1")
    hub.wait_for("the log line", lambda: "ids with + or #" in hub.output())
    assert client.deliver(b"still here")
    output = hub.output()
    for secret in (key_of("gw-1"), "SharedAccessSignature sr", "sig="):
        assert secret not in output


def test_a_client_nobody_here_wrote(hub):
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(hub.port), "--cafile",
               f"{hub.dir}/ca.pem", "-i", "gw-1", "-q", "1", "-u",
               f"{HOST}/gw-1/?api-version=2021-04-12", "-m", "x", "-t"]
    good = [*command, "devices/gw-1/messages/events/", "-P", sas("gw-1")]
    assert subprocess.run(good, timeout=20).returncode == 0
    assert hub.records() == [(1, "gw-1", "", b"x", 0)]
    bad = [*command, "devices/gw-1/messages/events/", "-P", sas("gw-1", key=key_of("x"))]
    assert subprocess.run(bad, timeout=20, stderr=subprocess.DEVNULL).returncode != 0
    assert len(hub.records()) == 1


def test_who_may_not_is_disconnected_without_puback(hub):
    cases = [dict(topic="devices/gw-2/messages/events/"), dict(topic="devices/gw-1/messages/event/"),
             dict(topic="devices/gw-1/messages/devicebound/x"), dict(topic="$iothub/twin/res/200/x"),
             dict(topic="devices/gw-1/modules/m/messages/events/"), dict(topic="anything"),
             dict(bag="a=%2"), dict(qos=2)]
    for case in cases:
        client = Client(hub, "gw-1")
        assert not client.deliver(b"x", **case), case
    for size, is_good in ((262144, True), (262145, False), (262144 + 40000, False)):
        assert Client(hub, "gw-1").deliver(b"x" * size) == is_good, size
    assert not Client(hub, "gw-1").deliver(b"x" * 262144, bag="a=")
    for topic, granted in (("devices/gw-1/messages/devicebound/#", 1), ("$iothub/twin/res/#", 1),
                           ("$iothub/methods/POST/#", 1), ("devices/+/messages/devicebound/#", 1),
                           ("$iothub/twin/PATCH/properties/desired/#", 1), ("#", None),
                           ("devices/gw-2/messages/devicebound/#", None), ("$SYS/#", None),
                           ("devices/gw-1/messages/events/#", None)):
        answer = Client(hub, "gw-1").subscribe(topic)
        assert answer == granted or (granted is None and answer == 0x80), (topic, answer)
    assert [len(r[3]) for r in hub.records()] == [262144]


def test_kept_properties_and_takeover(hub):
    first = Client(hub, "gw-1")
    assert first.deliver(b"r", retain=True)
    assert first.deliver(b"", bag="%24.mid=a%20b&k/")
    second = Client(hub, "gw-1")
    assert first.receive() is None  # one connection per identity
    assert second.deliver(b"2")
    first.publish(b"late")
    assert second.publish(b"q0", qos=0)
    assert second.deliver(b"3")
    assert [r[2:] for r in hub.records()] == [
        ("", b"r", 1), ("%24.mid=a%20b&k", b"", 0), ("", b"2", 0), ("", b"q0", 0), ("", b"3", 0)]


def test_wills_are_stored_as_messages(hub):
    will, retained_will = 0x0C, 0x2C  # QoS 1
    topic = "devices/gw-1/messages/events/"
    first = Client(hub, "gw-1", will=(topic + "a=1", "gone", will))
    assert first.login == 0 and first.deliver(b"1")
    first.close()  # without DISCONNECT
    hub.wait_for("the will", lambda: hub.output().count("ev=will_stored client=gw-1") == 1)
    second = Client(hub, "gw-1", will=(topic, "taken over", retained_will))
    third = Client(hub, "gw-1", will=(topic, "not sent", will))
    assert second.receive() is None and third.deliver(b"2")
    third.send(0xE0, b"")  # takes leave: no will
    assert third.receive() is None
    assert [r[2:] for r in hub.records()] == [
        ("", b"1", 0), ("a=1", b"gone", 2), ("", b"taken over", 3), ("", b"2", 0)]
    # Nobody's will but a device's own, on its own topic, within the limits.
    refused(hub, "gw-1", password=sas("gw-1", key=key_of("x")), will=(topic, "forged", will))
    for device, wrong in (("gw-2", topic), ("gw-1", "anything"), ("gw-1", topic + "a=%2")):
        refusals = hub.output().count("ev=publish_refused")
        client = Client(hub, device, will=(wrong, "x", will))
        assert client.login == 0
        client.close()
        hub.wait_for("a refusal", lambda: hub.output().count("ev=publish_refused") > refusals)
    assert Client(hub, "gw-1").deliver(b"3")
    assert [r[3] for r in hub.records()][4:] == [b"3"]


def test_acknowledged_survives_kill(hub):
    acknowledged, sent = [], 0
    for life in range(4):
        client = Client(hub, "gw-1")
        killer = threading.Thread(target=lambda: (hub.wait_for(
            "a stream", lambda: len(acknowledged) > 200 * (life + 1)), hub.kill()))
        killer.start()
        while True:
            if not client.deliver(b"%d" % sent):
                break  # this one is sent again in the next life, as a device would
            acknowledged.append(sent)
            sent += 1
            hub.tell("")
        killer.join()
        hub.start()
    assert Client(hub, "gw-1").deliver(b"%d" % sent)
    records = hub.records()
    payloads = [int(r[3]) for r in records]
    assert sorted(set(payloads)) == list(range(sent + 1))  # none lost
    assert len(payloads) - len(set(payloads)) <= 4  # at most the one in flight at each kill
    assert [r[0] for r in records] == sorted(set(r[0] for r in records))
    assert hub.head() == records[-1][0]


def test_torn_tail_and_damage(hub):
    client = Client(hub, "gw-1")
    for i in range(5):
        assert client.deliver(b"%d" % i)
    hub.kill()
    path = os.path.join(hub.log_dir, hub.segments()[-1])
    with open(path, "ab") as file:
        file.write(b"\x07\x00half a record")
    hub.start()
    hub.wait_for("the log line", lambda: "torn_bytes=15" in hub.output())
    assert Client(hub, "gw-1").deliver(b"5")
    assert [int(r[3]) for r in hub.records()] == list(range(6))
    assert [r[0] for r in hub.records()] == list(range(1, 7))
    hub.kill()
    path = os.path.join(hub.log_dir, hub.segments()[-1])
    os.truncate(path, os.path.getsize(path) - 1)  # as a lying disk would: number 6 was told
    hub.start()
    assert Client(hub, "gw-1").deliver(b"6")
    assert [r[0] for r in hub.records()] == [1, 2, 3, 4, 5, 7]


def test_consumers_decide_what_goes(hub):
    hub.kill(signal.SIGTERM)
    hub.pass_all("slow", 0)
    with open(f"{hub.dir}/mosquitto.conf", "a") as conf:
        conf.write("plugin_opt_log_bytes_max 4194304\n")
    hub.start()
    hub.pass_all("fast", 10**9)
    count = 0
    client = Client(hub, "gw-1")
    while client.deliver(b"x" * 200000):
        count += 1
    assert 15 <= count <= 21, count  # 4 MiB, and nothing may go while `slow` stands at 0
    hub.wait_for("the log line", lambda: "ev=log_full" in hub.output())
    assert not Client(hub, "gw-1").deliver(b"x" * 200000)
    numbers = [r[0] for r in hub.records()]
    assert len(numbers) == count
    hub.pass_all("slow", numbers[-1])
    assert Client(hub, "gw-1").deliver(b"x" * 200000)
    assert len(hub.segments()) <= 2
    assert hub.records()[-1][0] == numbers[-1] + 1
    hub.wait_for("the log line", lambda: "ev=log_healed" in hub.output())


def test_devices_change_while_running(hub):
    client = Client(hub, "gw-1")
    hub.db.execute("UPDATE device SET key1 = ?, key2 = ? WHERE id = 'gw-2'",
                   (base64.b64decode(key_of("new")), base64.b64decode(key_of("newer"))))
    refused(hub, "gw-2")  # at once: nothing is kept from before
    second = Client(hub, "gw-2", password=sas("gw-2", key=key_of("newer")))
    hub_db.put_device(hub.db, "gw-9", [key_of("gw-9")])
    assert Client(hub, "gw-9").login == 0
    assert client.deliver(b"untouched") and second.deliver(b"untouched")
    hub.db.execute("UPDATE device SET enabled = 0 WHERE id = 'gw-1'")
    assert client.receive() is None  # disabled: closed
    refused(hub, "gw-1")
    assert second.deliver(b"untouched")
    hub.db.execute("UPDATE device SET key2 = NULL WHERE id = 'gw-2'")
    assert second.receive() is None  # the key it came with is gone
    third = Client(hub, "gw-2", password=sas("gw-2", key=key_of("new")))
    assert third.deliver(b"by the other key")
    hub.db.execute("DELETE FROM device WHERE id = 'gw-2'")
    assert third.receive() is None
    hub.wait_for("the reasons", lambda: all(f'ev=closing client={c} why="{w}"' in hub.output() for c, w in (
        ("gw-1", "device disabled"), ("gw-2", "credential changed"), ("gw-2", "device removed"))))
    short = Client(hub, "gw-9", password=sas("gw-9", ttl_s=5))
    assert short.login == 0 and short.receive() is None  # closed when its token expires


def test_a_missing_or_foreign_database_refuses_connects_only(hub):
    client = Client(hub, "gw-1")
    assert client.deliver(b"1")
    path, aside = f"{hub.dir}/hub.db", f"{hub.dir}/aside"
    os.rename(path, aside)
    hub.wait_for("a refusal", lambda: "hub.db is not there" in hub.output())
    refused(hub, "gw-2")
    assert client.deliver(b"who is in stays in")
    os.rename(aside, path)
    hub.wait_for("the file", lambda: hub.output().count("ev=directory_opened") == 2)
    assert Client(hub, "gw-2").login == 0
    hub.db.execute("PRAGMA user_version = 7")
    os.utime(path)
    hub.kill(signal.SIGTERM)
    hub.start()
    hub.wait_for("a refusal", lambda: "another version" in hub.output())
    refused(hub, "gw-1")
    hub.db.execute("PRAGMA user_version = 2")
    hub.wait_for("the file", lambda: hub.output().count("ev=directory_opened") == 3)
    assert Client(hub, "gw-1").deliver(b"2")


def test_refuses_to_start_on_bad_options(hub):
    hub.kill(signal.SIGTERM)
    conf = f"{hub.dir}/mosquitto.conf"
    with open(conf) as file:
        good = file.read()
    for line, word in (("plugin_opt_log_bytes_max 17", "4194304"), ("plugin_opt_colour red", "unknown"),
                       ("plugin_opt_identities /nowhere/devices.json", "hub.db"),
                       ("plugin_opt_mode both", "hub or dps"), ("plugin_opt_mode dps", "keeps no log"),
                       ("plugin_opt_connections_max 7", "262144")):
        with open(conf, "w") as file:
            file.write(good + line + "\n")
        done = subprocess.run(["mosquitto", "-c", conf], capture_output=True, text=True, timeout=20)
        assert done.returncode != 0 and word in done.stderr, done.stderr
    with open(conf, "w") as file:
        file.write(good)
    hub.start()
    second = subprocess.run(["mosquitto", "-c", conf], capture_output=True, text=True, timeout=20)
    assert second.returncode != 0  # one hub per log


def main():
    wanted = sys.argv[1:]
    for name, test in list(globals().items()):
        if name.startswith("test_") and (not wanted or name in wanted):
            hub = Hub().start()
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
