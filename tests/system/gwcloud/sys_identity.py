#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the box finds its hub by the provisioning service, keeps what it learned, asks again when
the hub says no, rolls its certificate over and tells weeks before it ends. Method: the gateway's
northern half against real mosquittos behind TLS; the service's answers come from the test."""
import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.environ["BUSWARD_SOURCE"], "tests/system/hub"))
from hub_world import HOST, Client, Hub, key_of  # noqa: E402
from plain_broker import Broker, take_publish  # noqa: E402
from sys_north import Driver, wait_until  # noqa: E402

CERTIFICATES = ("require_certificate true", "cafile {dir}/ca.pem")


OPENED = []


def opened(hub):
    OPENED.append(hub)
    return hub


def derived(registration):
    mac = hmac.new(base64.b64decode(key_of("group")), registration.encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


class Service:
    """Answers registrations, each of them as `assign` says; counts them."""

    def __init__(self, broker):
        self.client = Client(broker, "the service")
        for kind in ("PUT/iotdps-register", "GET/iotdps-get-operationstatus"):
            assert self.client.subscribe(f"$dps/registrations/{kind}/#") is not None
        self.asked = []
        self.answers = []  # of polls, from the first on; the last one stays
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            while True:
                topic, body = take_publish(self.client)
                rid = topic.split("$rid=")[1].split("&")[0]
                if "PUT" in topic:
                    self.asked.append(json.loads(body))
                    self.answer(rid, "202", {"operationId": "4.op", "status": "assigning"},
                                "&retry-after=1")
                else:
                    assert topic.endswith("&operationId=4.op"), topic
                    device = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
                    self.answer(rid, "200", device)
        except (TypeError, OSError, TimeoutError, ValueError):
            pass  # the test is over

    def answer(self, rid, status, body, more=""):
        self.client.publish(json.dumps(body).encode(), qos=0,
                            topic=f"$dps/registrations/res/{status}/?$rid={rid}{more}")


def assigned(device):
    return {"operationId": "4.op", "status": "assigned",
            "registrationState": {"assignedHub": HOST, "deviceId": device, "status": "assigned"}}


def secret(hub, name, content):
    path = os.path.join(hub.dir, name)
    with open(path, "w") as out:
        os.chmod(path, 0o600)
        out.write(content)
    return path


def sign(broker, name, common_name, days=200, ca="ca", key=None):
    """A pair name.pem, name.key."""
    run = lambda words: subprocess.run(["openssl", *words.split()], cwd=broker.dir, check=True,
                                       capture_output=True)
    if ca != "ca":
        run(f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={ca} "
            f"-keyout {ca}.key -out {ca}.pem")
    if key is None:
        run(f"ecparam -name prime256v1 -genkey -noout -out {name}.key")
        os.chmod(f"{broker.dir}/{name}.key", 0o600)
        key = f"{name}.key"
    run(f"req -new -key {key} -subj /CN={common_name} -out {name}.csr")
    run(f"x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -days {days} -out {name}.pem")


def test_first_registration_is_kept():
    broker = opened(Broker()).start()
    hub = opened(Hub(devices=()))
    hub.devices = [{"id": "box", "keys": [derived("reg-1")]}]
    hub.write_identities()
    os.unlink(f"{hub.dir}/ca.pem")
    for name in ("ca.pem", "server.pem", "server.key"):
        with open(f"{broker.dir}/{name}") as source, open(f"{hub.dir}/{name}", "w") as out:
            out.write(source.read())
    hub.start()
    service = Service(broker)
    service.answers = [{"operationId": "4.op", "status": "assigning"}, assigned("box")]
    options = dict(host=None, key=None, device=None, id_scope="0ne", registration="reg-1",
                   dps_port=broker.port, group_key=secret(hub, "group.key", key_of("group")),
                   payload='{"site":7}', per_s=5)
    driver = Driver(hub, **options)
    driver.wait_line("mod=identity ev=assigned hub=hub.test device=box")
    driver.wait_line("mod=uplink ev=online hub=hub.test device=box")
    wait_until("samples arrive under the assigned name",
               lambda: any(r[1] == "box" for r in hub.records()))
    driver.end(signal.SIGKILL)
    assert service.asked == [{"registrationId": "reg-1", "payload": {"site": 7}}], service.asked
    # It is not asked again while the hub takes us, though the hub is away for a while.
    hub.kill()
    driver = Driver(hub, **options)
    driver.wait_line("mod=uplink ev=lost .*refused", count=2)
    hub.start()
    driver.wait_line("mod=uplink ev=online")
    assert len(service.asked) == 1
    driver.end(signal.SIGKILL)
    # The hub forgets us: the service is asked, and says another name.
    service.answers = [assigned("box-2")]
    hub.devices = [{"id": "box-2", "keys": [derived("reg-1")]}]
    hub.write_identities()
    hub.kill()
    hub.start()
    driver = Driver(hub, **options)
    driver.wait_line("mod=uplink ev=refused ", count=4)
    driver.wait_line("mod=identity ev=provision ")
    driver.wait_line("mod=uplink ev=online hub=hub.test device=box-2")
    assert len(service.asked) == 2
    # What was learned last is what the next start begins with; what is damaged is asked for again.
    driver.end(signal.SIGKILL)
    driver = Driver(hub, **options)
    driver.wait_line("mod=uplink ev=online hub=hub.test device=box-2")
    assert len(service.asked) == 2
    driver.end(signal.SIGKILL)
    with open(f"{hub.dir}/data/identity/assignment", "w") as out:
        out.write('{"v":1,"id_scope":"0ne","registration_id"')
    driver = Driver(hub, **options)
    driver.wait_line("mod=identity ev=assignment .*asks the service again")
    driver.wait_line("mod=uplink ev=online hub=hub.test device=box-2")
    assert len(service.asked) == 3
    driver.end()
    log = "".join(driver.lines)
    assert key_of("group") not in log and derived("reg-1") not in log and "sig=" not in log


def test_refusals_of_the_service_are_told():
    broker = opened(Broker()).start()
    service = Service(broker)
    service.answers = [{"operationId": "4.op", "status": "disabled",
                        "registrationState": {"errorCode": 0, "status": "disabled"}}]
    driver = Driver(broker, host=None, key=secret(broker, "own.key", key_of("own")), device=None,
                    id_scope="0ne", registration="reg-1", dps_port=broker.port, per_s=1)
    driver.wait_line("mod=identity ev=disabled dps=hub.test registration=reg-1 .*retry_ms=")
    driver.end()


def test_certificates_roll_over():
    broker = opened(Broker(*CERTIFICATES))
    sign(broker, "service", "service")
    sign(broker, "dev", "gw-1", days=20)
    sign(broker, "dev.pem", "gw-1", ca="stranger")
    os.rename(f"{broker.dir}/dev.pem.pem", f"{broker.dir}/dev.pem.next")
    os.rename(f"{broker.dir}/dev.pem.key", f"{broker.dir}/dev.key.next")
    broker.start()
    options = dict(key=None, certificate=f"{broker.dir}/dev.pem",
                   private_key=f"{broker.dir}/dev.key", per_s=1)
    driver = Driver(broker, **options)
    # Weeks before its end it is told, and what the hub does not take does not replace it.
    driver.wait_line("mod=identity ev=expiry what=certificate .*days=(19|20)")
    driver.wait_line("mod=identity ev=next_certificate ")
    driver.wait_line("mod=uplink ev=lost ")
    driver.wait_line("mod=uplink ev=online ")
    driver.end(signal.SIGKILL)
    assert os.path.exists(f"{broker.dir}/dev.pem.next")
    # A good one is adopted.
    sign(broker, "good", "gw-1")
    os.rename(f"{broker.dir}/good.pem", f"{broker.dir}/dev.pem.next")
    os.rename(f"{broker.dir}/good.key", f"{broker.dir}/dev.key.next")
    with open(f"{broker.dir}/dev.pem.next") as file:
        good = file.read()
    driver = Driver(broker, **options)
    driver.wait_line("mod=identity ev=adopted ")
    with open(f"{broker.dir}/dev.pem") as file:
        assert file.read() == good
    assert not os.path.exists(f"{broker.dir}/dev.pem.next")
    assert not os.path.exists(f"{broker.dir}/dev.key.next")
    driver.end(signal.SIGKILL)
    # A power cut between the two moves: the key is the new one, the certificate the old.
    sign(broker, "third", "gw-1")
    os.rename(f"{broker.dir}/third.key", f"{broker.dir}/dev.key")
    os.rename(f"{broker.dir}/third.pem", f"{broker.dir}/dev.pem.next")
    driver = Driver(broker, **options)
    driver.wait_line("mod=identity ev=adopt .*does not belong")
    driver.wait_line("mod=uplink ev=online ")
    driver.end()
    # And what cannot be used is said at once.
    os.chmod(f"{broker.dir}/dev.key", 0o644)
    driver = Driver(broker, **options)
    assert driver.process.wait(30) == 1
    driver.follower.join()
    assert "chmod 600" in "".join(driver.lines)


def test_credentials_of_systemd():
    hub = opened(Hub()).start()
    os.mkdir(f"{hub.dir}/credentials")
    secret(hub, "credentials/hub-key", key_of("gw-1"))
    driver = Driver(hub, env={"CREDENTIALS_DIRECTORY": f"{hub.dir}/credentials"}, key="credential:hub-key")
    driver.wait_line("mod=uplink ev=online")
    driver.end()
    for env, name, problem in (({}, "hub-key", "LoadCredential"),
                               ({"CREDENTIALS_DIRECTORY": hub.dir}, "../gw.key", "no name"),
                               ({"CREDENTIALS_DIRECTORY": hub.dir}, "absent", "No such file")):
        driver = Driver(hub, env=env, key=f"credential:{name}")
        assert driver.process.wait(30) == 1
        driver.follower.join()
        assert problem in "".join(driver.lines), driver.lines


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
            while OPENED:
                OPENED.pop().close()


if __name__ == "__main__":
    main()
