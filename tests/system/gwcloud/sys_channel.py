#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what the hub sends reaches the gateway's machines whole and in order, and their answers the
hub, whatever their size and number. Method: the gateway's northern half with machines that echo,
against a real mosquitto behind TLS; a refused filter is told by a broker of four packets."""
import os
import signal
import socket
import ssl
import sys
import threading

sys.path.insert(0, os.path.join(os.environ["BUSWARD_SOURCE"], "tests/system/hub"))
from hub_world import Client  # noqa: E402
from plain_broker import Broker, take_publish  # noqa: E402
from sys_north import Driver  # noqa: E402

BAG = "devices/gw-1/messages/devicebound/"


def test_calls_are_answered(broker):
    driver = Driver(broker, per_s=1)
    client = Client(broker, "test")
    assert client.subscribe("$iothub/methods/res/#") is not None
    driver.wait_line("ev=online")
    # The largest that Azure allows, many at once, and an empty one.
    bodies = [bytes([i]) * 128 * 1024 for i in range(8)] + [b"%d" % i for i in range(200)] + [b""]
    for i, body in enumerate(bodies):
        client.publish(body, topic=f"$iothub/methods/POST/echo/?$rid={i}", qos=0)
    for i, body in enumerate(bodies):
        assert take_publish(client) == (f"$iothub/methods/res/200/?$rid={i}", body), i
    client.close()
    driver.end()


def test_a_loop_that_hangs_loses_nothing(broker):
    """More than the queue of messages could hold comes meanwhile: it waits in the connection."""
    hold = f"{broker.dir}/hold"
    driver = Driver(broker, per_s=1, hold=hold)
    driver.wait_line("ev=online")
    client = Client(broker, "test")
    assert client.subscribe("$iothub/methods/res/#") is not None
    open(hold, "w").close()
    for i in range(400):
        client.publish(b"x" * 4096, topic=BAG + f"n={i}", qos=0)
    # What comes last shows that all before it was taken.
    client.publish(b"last", topic="$iothub/methods/POST/echo/?$rid=9", qos=0)
    assert client.deliver(b"", topic="devices/gw-1/seen-by-the-broker")
    os.unlink(hold)
    assert take_publish(client) == ("$iothub/methods/res/200/?$rid=9", b"last")
    assert not any("ev=lost" in line for line in driver.lines), driver.lines
    client.close()
    line = driver.end().wait_line("ev=end")
    assert " heard=401 " in line, line


def test_messages_wait_for_us(broker):
    """The session is kept: what was sent while we were away comes when we are back."""
    driver = Driver(broker, per_s=1)
    driver.wait_line("ev=online")
    driver.end(signal.SIGKILL)
    client = Client(broker, "test")
    for i in range(12):
        assert client.deliver(b"x" * i, topic=BAG + f"n={i}")
    client.close()
    driver = Driver(broker, per_s=1)
    driver.wait_line("ev=message .*bag=n=11 ")
    seen = [line.split("bag=")[1].split()[0] for line in driver.lines if "ev=message " in line]
    assert seen == [f"n={i}" for i in range(12)], seen
    driver.end()


def test_too_large_a_message_ends_the_connection(broker):
    driver = Driver(broker, per_s=1)
    driver.wait_line("ev=online")
    client = Client(broker, "test")
    client.publish(b"x" * (256 * 1024 + 1), topic="$iothub/methods/POST/echo/?$rid=1", qos=0)
    driver.wait_line("ev=lost .*the hub sent a message that is too large")
    assert client.subscribe("$iothub/methods/res/#") is not None
    driver.wait_line("ev=online", count=2)
    client.publish(b"small", topic="$iothub/methods/POST/echo/?$rid=2", qos=0)
    assert take_publish(client) == ("$iothub/methods/res/200/?$rid=2", b"small")
    client.close()
    driver.end()


def test_a_refused_filter_is_told(broker):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{broker.dir}/server.pem", f"{broker.dir}/server.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            raw, _ = listener.accept()
            with context.wrap_socket(raw, server_side=True) as peer:
                peer.recv(4096)
                peer.sendall(b"\x20\x02\x00\x00")
                request = peer.recv(4096)
                assert request[0] == 0x82 and request[2] == 1  # the length takes two bytes
                peer.sendall(b"\x90\x06" + request[3:5] + b"\x01\x01\x80\x01")
                assert peer.recv(4096) in (b"\xe0\x00", b"")
        thread = threading.Thread(target=serve)
        thread.start()
        driver = Driver(broker, port=listener.getsockname()[1], per_s=1)
        driver.wait_line(r"ev=subscription_refused .*desired")
        driver.end()
        thread.join()
    assert not any("ev=online" in line for line in driver.lines)


def main():
    for test in (test_calls_are_answered, test_a_loop_that_hangs_loses_nothing, test_messages_wait_for_us,
                 test_too_large_a_message_ends_the_connection, test_a_refused_filter_is_told):
        broker = Broker().start()
        try:
            test(broker)
        finally:
            for process in Driver.running:
                if process.poll() is None:
                    process.kill()
            broker.close()
        print("ok", test.__name__, flush=True)


main()
