#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: from a sample to the hub's log nothing is lost, whoever is killed. Method: the gateway's
northern half against a real mosquitto with the hub plugin behind TLS; the sync trace says what was
durable, the hub's own log what arrived."""
import json
import os
import re
import signal
import subprocess
import sys
import threading

sys.path[:0] = [os.path.join(os.environ["BUSWARD_SOURCE"], name) for name in ("tests/system/hub", "tools")]
from hub_world import HOST, Hub, key_of  # noqa: E402
from world.wait import until as wait_until  # noqa: E402

BUILD = os.environ["BUSWARD_BUILD"]
FOLDER = os.path.join(BUILD, "tests/system/gwcloud")


class Driver:
    running = []

    def __init__(self, hub, first=0, env=None, **options):
        self.hub, self.lines = hub, []
        self.changed = threading.Condition()
        key = os.path.join(hub.dir, "gw.key")
        if not os.path.exists(key):
            with open(key, "w") as out:
                os.chmod(key, 0o600)
                out.write(key_of("gw-1") + "\n")
        data = os.path.join(hub.dir, "data")
        os.makedirs(data, exist_ok=True)
        given = {"data": data, "host": HOST, "address": "localhost", "port": hub.port,
                 "device": "gw-1", "key": key, "ca": f"{hub.dir}/ca.pem",
                 "trace": f"{hub.dir}/trace", "first": first, **options}
        command = [f"{FOLDER}/north_driver"]
        for name, value in given.items():
            command += [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(env or {})})
        self.follower = threading.Thread(target=self.follow, daemon=True)
        Driver.running.append(self.process)
        self.follower.start()

    def follow(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()
        self.process.stderr.close()

    def wait_line(self, pattern, seconds=30, count=1):
        with self.changed:
            assert self.changed.wait_for(
                lambda: sum(bool(re.search(pattern, x)) for x in self.lines) >= count,
                seconds), (pattern, self.lines)
            return next(x for x in self.lines if re.search(pattern, x))

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(30)
        self.follower.join()
        assert how == signal.SIGKILL or code == 0, (code, self.lines)
        return self


def traced(hub):
    path = f"{hub.dir}/trace"
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [json.loads(line)["v"] for line in file if line.endswith("\n")]


def values(message):
    """The whole numbers of a message of kind s: columns hold differences."""
    out = []
    for group in message["g"]:
        for column in group[2:]:
            number = 0
            for difference in column if isinstance(column, list) else [column]:  # of one sample: bare
                number += difference
                out.append(number)
    return out


def arrived(hub):
    """Numbers of samples in the hub's log, each message counted once; resends are byte-identical."""
    seen = {}
    for _, device, bag, payload, _ in hub.records():
        if device != "gw-1":
            continue
        fields = dict(pair.split("=", 1) for pair in bag.split("&"))
        assert fields["$.ct"] == "application%2Fjson"
        assert seen.setdefault((fields["j"], fields["n"]), payload) == payload
    messages = [json.loads(payload) for payload in seen.values()]
    assert not any(event["ev"] == "gap" for m in messages if m["k"] == "e" for event in m["e"])
    return [number for m in messages if m["k"] == "s" for number in values(m)]


def assert_once(hub):
    """Everything durable is in the hub's log, and nothing twice."""
    durable = set(traced(hub))
    assert durable
    wait_until("all durable samples arrived", lambda: durable <= set(arrived(hub)))
    numbers = arrived(hub)
    assert len(numbers) == len(set(numbers))
    return len(durable)


def test_strangers_are_refused(hub):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=other",
                    "-keyout", "other.key", "-out", "other.pem"], cwd=hub.dir, check=True,
                   capture_output=True)
    driver = Driver(hub, ca=f"{hub.dir}/other.pem")
    driver.wait_line("mod=uplink ev=lost .*certificate of hub.test: unable to get local issuer certificate")
    driver.end()
    # The name that counts is the hub's, not the address that leads there, though that one is in the certificate.
    for host, problem in (("hub.other", "hostname mismatch"), ("127.0.0.2", "IP address mismatch")):
        driver = Driver(hub, host=host)
        driver.wait_line(f"mod=uplink ev=lost .*certificate of {host}: {problem}")
        driver.end()
    driver = Driver(hub, host="127.0.0.1", address="127.1")  # the certificate is fine; the hub has another name
    driver.wait_line("mod=uplink ev=refused .*not authori")
    driver.end()
    assert hub.records() == []


def test_keys(hub):
    wrong = os.path.join(hub.dir, "wrong.key")
    for content, mode, problem in ((key_of("gw-1"), 0o644, "chmod 600"), ("secret!", 0o600, "base64"),
                                   ("", 0o600, "empty")):
        with open(wrong, "w") as out:
            out.write(content)
        os.chmod(wrong, mode)
        driver = Driver(hub, key=wrong)
        assert driver.process.wait(30) == 1
        driver.follower.join()
        assert problem in "".join(driver.lines), driver.lines
        assert content == "" or content not in "".join(driver.lines)
    with open(wrong, "w") as out:
        out.write(key_of("somebody else"))
    driver = Driver(hub, key=wrong)
    driver.wait_line("mod=uplink ev=refused .*not authori[sz]ed")
    driver.end()
    assert "SharedAccessSignature" not in "".join(driver.lines)
    with open(wrong, "w") as out:
        out.write(f"HostName={HOST};DeviceId=gw-1;SharedAccessKey={key_of('gw-1')}\n")
    driver = Driver(hub, key=wrong, device="")
    driver.wait_line("mod=uplink ev=connected")
    driver.end()


def test_nobody_listens(hub):
    """A refused connection was once not noticed: 30 s of a busy loop until the attempt's time was over."""
    hub.kill(signal.SIGKILL)
    driver = Driver(hub)
    driver.wait_line("mod=uplink ev=lost .*connection refused.*retry_ms=")
    hub.start()
    driver.wait_line("mod=uplink ev=connected")
    driver.end()


def test_whoever_is_killed(hub):
    first, driver = 0, Driver(hub)
    for turn in range(6):
        before = len(traced(hub))
        wait_until("samples flow", lambda: len(traced(hub)) > before + 150)
        if turn % 2 == 0:
            hub.kill(signal.SIGKILL)
            wait_until("samples flow without a hub", lambda: len(traced(hub)) > before + 400)
            hub.start()
        else:
            driver.end(signal.SIGKILL)
            first += 1000000
            driver = Driver(hub, first=first)
    driver.wait_line("mod=uplink ev=connected")
    assert_once(hub)
    driver.end()


def test_memory_of_an_outage(hub):
    """However long the hub is away, and however often the journal has gone round in its quota: no more memory is taken."""
    hub.kill(signal.SIGKILL)
    driver = Driver(hub, bytes_max=512 * 1024, per_s=10000, sync_ms=50, max_age_ms=100)
    driver.wait_line("mod=journal ev=dropped_oldest", 120, count=9)  # segments, of which the quota has eight
    driver.end()
    taken = []
    for line in driver.lines:
        taken += [[]] if "ev=dropped_oldest" in line or not taken else []
        taken[-1] += [int(found[1]) for found in [re.search(r"mod=driver ev=on .* heap=(\d+)", line)] if found]
    first, rest = max(taken[0]), max(max(part, default=0) for part in taken[1:])
    assert 0 < rest <= first + 16 * 1024, (first, rest)


def go_on(driver):
    """Waits until two seconds' worth of samples more were taken."""
    with driver.changed:
        seen = sum("mod=driver ev=on " in line for line in driver.lines)
    driver.wait_line("mod=driver ev=on ", 60, seen + 3)


def test_what_hangs_moves_no_poll(hub):
    preload = {"LD_PRELOAD": f"{FOLDER}/slow.so", "ASAN_OPTIONS": "verify_asan_link_order=0"}
    drivers = []
    for what in ("sync", "lookup"):  # side by side: each waits most of the time
        folder = os.path.join(hub.dir, what)
        os.makedirs(folder)
        if what == "lookup":
            open(os.path.join(folder, what), "w").close()  # it hangs while this is there
        slow = {"SLOW_FOLDER": folder, f"SLOW_{what.upper()}_S": "120"}  # longer than anybody waits
        drivers.append(Driver(hub, env={**preload, **slow}, data=folder, trace=os.path.join(folder, "trace"), per_s=20))
    drivers[0].wait_line("mod=uplink ev=online")
    open(os.path.join(hub.dir, "sync", "sync"), "w").close()
    for driver, what in zip(drivers, ("sync", "lookup")):
        hangs, hold = (os.path.join(hub.dir, what, name) for name in ("hangs", what))
        wait_until(f"a {what} hangs", lambda: os.path.exists(hangs) and f"{what} begin" in open(hangs).read())
        go_on(driver)
        assert f"{what} end" not in open(hangs).read()
        os.unlink(hold)
    drivers[1].wait_line("mod=uplink ev=lost")
    for driver in drivers:
        driver.process.terminate()
    for driver in drivers:
        line = driver.wait_line("mod=driver ev=end", 60)
        driver.end(signal.SIGKILL)
        assert "queue_dropped=0" in line, line


def main():
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (len(sys.argv) > 1 and name not in sys.argv[1:]):
            continue
        hub = Hub().start()
        try:
            test(hub)
            print(f"ok {name}", flush=True)
        finally:
            for process in Driver.running:
                process.kill()
            hub.close()


if __name__ == "__main__":
    main()
