#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a device that is removed and made anew under the same id gets nothing that was addressed to the former one, though mosquitto
keeps sessions by id: no message, desired property or method that waited there, in the backend or in a will. Method: mosquitto,
plugin and busward-hub; the test speaks MQTT and the service's REST."""
import json
import threading

from hub_world import Client, Hub, sas
from hub_world import key_of as test_key
from sys_hub_backend import ANY_C2D, DESIRED, Backend, Service

METHODS = "$iothub/methods/POST/#"


def put_device(service, device, key):
    body = {"deviceId": device, "authentication": {"type": "sas", "symmetricKey": {
        "primaryKey": test_key(key), "secondaryKey": test_key(key)}}}
    status, _, answer = service.ask("PUT", f"/devices/{device}", json.dumps(body), {"Content-Type": "application/json"})
    assert status == 200, (status, answer)


def make_anew(service, device, key):
    status, _, answer = service.ask("DELETE", f"/devices/{device}", headers={"If-Match": "*"})
    assert status == 204, (status, answer)
    put_device(service, device, key)


def send(service, device, body):
    status, _, answer = service.ask("POST", f"/devices/{device}/messages/devicebound", body)
    assert status in (201, 204), (status, answer)


def patch(service, device, desired):
    status, _, answer = service.ask("PATCH", f"/twins/{device}", json.dumps({"properties": {"desired": desired}}),
                                    {"Content-Type": "application/json"})
    assert status == 200, (status, answer)


def connect(hub, device, key):
    """As a device does that the hub may close without an answer, at once: again."""
    client = Client(hub, device, password=sas(device, key=test_key(key)), clean=False)
    while client.login is None:
        client.close()
        client = Client(hub, device, password=sas(device, key=test_key(key)), clean=False)
    assert client.login == 0, client.login
    return client


def heard_until(client, end):
    """Topics and bodies up to the message with that body."""
    heard = []
    while not heard or heard[-1][1] != end:
        message = client.message()
        assert message is not None, heard
        heard.append(message)
    return heard


def leave_messages_unacknowledged(hub, service, device):
    """The former device hears a message and a patch, acknowledges neither, and goes: both wait in the broker's session."""
    client = connect(hub, device, "former")
    for topic in (ANY_C2D, DESIRED, METHODS):
        assert client.subscribe(topic) == 1
    send(service, device, b"for the former")
    first, body = client.receive()
    assert first & 0xF6 == 0x32 and body.endswith(b"for the former"), (first, body)
    patch(service, device, {"secret": "former"})
    first, body = client.receive()
    assert first & 0xF6 == 0x32 and b'"secret":"former"' in body, (first, body)
    return client


def check_the_next(hub, service, device):
    client = connect(hub, device, "next")
    assert client.has_session  # what the broker says, and so it is subscribed; it says so again, as a new device does
    for topic in (ANY_C2D, DESIRED, METHODS):
        assert client.subscribe(topic) == 1
    send(service, device, b"for the next")
    heard = heard_until(client, b"for the next")
    assert len(heard) == 1, heard
    client.close()


def test_session_of_a_device_that_was_away(hub, service):
    put_device(service, "away", "former")
    leave_messages_unacknowledged(hub, service, "away").close()
    hub.wait_for("it is gone", lambda: any("away" in line and ("disconnected" in line or "closed" in line) for line in hub.lines))
    # The same device has them again: the session is there.
    client = connect(hub, "away", "former")
    again = [client.receive()[1], client.receive()[1]]
    assert any(body.endswith(b"for the former") for body in again) and any(b'"secret":"former"' in body for body in again), again
    client.close()
    make_anew(service, "away", "next")
    check_the_next(hub, service, "away")


def test_session_of_a_device_that_is_connected(hub, service):
    put_device(service, "there", "former")
    former = leave_messages_unacknowledged(hub, service, "there")
    make_anew(service, "there", "next")
    check_the_next(hub, service, "there")
    assert former.receive() is None  # taken over, or closed before


def test_call_that_waits_for_the_former(hub, service):
    put_device(service, "called", "former")
    outcome = []
    body = json.dumps({"methodName": "open", "payload": 1, "connectTimeoutInSeconds": 60, "responseTimeoutInSeconds": 5})
    caller = threading.Thread(target=lambda: outcome.append(
        service.ask("POST", "/twins/called/methods", body, {"Content-Type": "application/json"})))
    caller.start()
    hub.wait_for("the call is under way", lambda: any(
        "ev=change" in line and "method=POST of=twins id=called" in line for line in hub.lines))
    make_anew(service, "called", "next")
    client = connect(hub, "called", "next")
    assert client.subscribe(METHODS) == 1
    caller.join()
    assert outcome[0][0] == 404, outcome
    assert client.subscribe(ANY_C2D) == 1
    send(service, "called", b"end")
    assert len(heard_until(client, b"end")) == 1
    client.close()


def test_will_of_the_former(hub, service):
    put_device(service, "will", "former")
    will = ("devices/will/messages/events/", "last word", 0x04 | 0x08)
    former = Client(hub, "will", password=sas("will", key=test_key("former")), will=will)
    assert former.login == 0
    make_anew(service, "will", "next")
    client = connect(hub, "will", "next")
    assert former.receive() is None
    assert client.deliver(b"first word")
    assert [payload for _, device, _, payload, _ in hub.records() if device == "will"] == [b"first word"]
    client.close()


def main():
    hub = Hub().start()
    service = Service(hub)
    try:
        backend = Backend(hub, more=service.words).start()
        for test in (test_session_of_a_device_that_was_away, test_session_of_a_device_that_is_connected,
                     test_call_that_waits_for_the_former, test_will_of_the_former):
            test(hub, service)
            print(f"ok {test.__name__}")
        backend.kill()
    except BaseException:
        print(hub.output())
        raise
    finally:
        hub.close()


if __name__ == "__main__":
    main()
