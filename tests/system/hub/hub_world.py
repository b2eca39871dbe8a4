# SPDX-License-Identifier: Apache-2.0
"""A real mosquitto with the hub plugin behind TLS, a small MQTT 3.1.1 client, and a reader of the
log written from docs/protocol/{seglog,hub-log}.md alone."""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))
from world import hub_db  # noqa: E402
from world.ports import free_port  # noqa: E402

HOST = "hub.test"
SCOPE = "0ne00000001"
DEADLINE_S = 20


def key_of(name):
    return base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


def sas(device, key=None, resource=None, ttl_s=600, order="sr sig se", policy=None):
    resource = resource or urllib.parse.quote(f"{HOST}/devices/{device}", safe="")
    expiry = str(int(time.time()) + ttl_s)
    raw = base64.b64decode(key or key_of(device))
    digest = hmac.new(raw, f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
    fields = {"sr": resource, "se": expiry,
              "sig": urllib.parse.quote(base64.b64encode(digest).decode(), safe="")}
    token = "SharedAccessSignature " + "&".join(f"{k}={fields[k]}" for k in order.split())
    return token + (f"&skn={policy}" if policy else "")


def dps_sas(registration, key, **more):
    resource = urllib.parse.quote(f"{SCOPE}/registrations/{registration}", safe="")
    return sas(registration, key=key, **{"resource": resource, "policy": "registration", **more})


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Hub:
    def __init__(self, devices=("gw-1", "gw-2"), mode="hub", quota=None):
        self.dir = tempfile.mkdtemp(prefix="busward-hub-")
        self.log_dir = os.path.join(self.dir, "log")
        self.mode = mode
        self.process = None
        self.is_ended = False
        self.lines = []
        self.changed = threading.Condition()
        self.db = hub_db.open_db(f"{self.dir}/hub.db")
        hub_db.insert(self.db, "meta", key="host", value=HOST)
        hub_db.insert(self.db, "meta", key="id_scope", value=SCOPE)
        hub_db.put_devices(self.db, {device: [key_of(device)] for device in devices})
        self.make_certificates()
        self.port = free_port()
        plugin = os.path.join(os.environ["BUSWARD_BUILD"], "apps/hub/busward_hub.so")
        lines = ["per_listener_settings false", f"listener {self.port} 127.0.0.1", "max_qos 1",
                 f"certfile {self.dir}/server.pem", f"keyfile {self.dir}/server.key",
                 f"listener 0 {self.dir}/link.sock",
                 "allow_anonymous false", "max_packet_size 300000",
                 "persistence false", "log_dest stderr", f"plugin {plugin}",
                 f"plugin_opt_mode {mode}", f"plugin_opt_directory {self.dir}/hub.db"]
        if mode == "hub":
            lines.append(f"plugin_opt_data_dir {self.log_dir}")
        if quota:
            lines.append(f"plugin_opt_quota {quota}")
        if os.geteuid() == 0:
            lines.append("user root")
        with open(f"{self.dir}/mosquitto.conf", "w") as out:
            out.write("\n".join(lines) + "\n")

    def make_certificates(self):
        for command in (
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
                "-subj /CN=test-ca -keyout ca.key -out ca.pem",
                "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost "
                "-addext subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:hub.test -keyout server.key -out server.csr",
                "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
                "-copy_extensions copy -out server.pem"):
            subprocess.run(["openssl", *command.split()], cwd=self.dir, check=True,
                           capture_output=True)

    def start(self):
        self.is_ended = False
        self.process = subprocess.Popen(["mosquitto", "-c", f"{self.dir}/mosquitto.conf"],
                                        stderr=subprocess.PIPE, text=True)
        self.follower = threading.Thread(target=self.follow, args=(self.process,))
        seen = len(self.lines)
        self.follower.start()
        self.wait_for("the broker runs",
                      lambda: any(" running" in line for line in self.lines[seen:]))
        # Only an answer shows that its loop turns: a signal before that is forgotten.
        assert Client(self, "nobody").login == 5
        return self

    def follow(self, process):
        for line in process.stderr:
            self.tell(line)
        process.stderr.close()

    def tell(self, line):
        """Adds to what wait_for looks at; every change wakes it."""
        with self.changed:
            self.lines.append(line)
            self.changed.notify_all()

    def wait_for(self, what, condition):
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE_S), f"in vain: {what}"

    def output(self):
        return "".join(self.lines)

    def kill(self, how=signal.SIGKILL):
        """Ends it; it must have lived until now, and end cleanly."""
        self.is_ended = True
        self.process.send_signal(how)
        code = self.process.wait(DEADLINE_S)
        self.follower.join()
        assert code == (-signal.SIGKILL if how == signal.SIGKILL else 0), (code, self.output()[-3000:])

    def close(self):
        try:
            if self.process is not None and not self.is_ended:
                self.kill(signal.SIGTERM)
        finally:
            self.db.close()
            shutil.rmtree(self.dir)

    def segments(self):
        return sorted(n for n in os.listdir(self.log_dir) if n.endswith(".seg"))

    def records(self):
        """(number, device, properties, payload, retained) of all records, each one checked."""
        out = []
        for name in self.segments():
            with open(os.path.join(self.log_dir, name), "rb") as file:
                data = file.read()
            number = int(name[:16], 16)
            if len(data) < 32 and name == self.segments()[-1]:
                break  # it is begun at this moment
            assert data[:8] == b"BWSL\1\0\x20\0", name
            assert struct.unpack_from("<Q", data, 8)[0] == number
            assert struct.unpack_from("<I", data, 28)[0] == crc32c(data[:28])
            at = 32
            while at < len(data):
                crc, kind_length, low, witness = struct.unpack_from("<IIII", data, at)
                length = kind_length >> 8
                body = data[at + 16:at + 16 + length]
                assert len(body) == length and low == number & 0xFFFFFFFF and 32 <= witness <= at
                if length < 2000:  # the bitwise checksum here is slow
                    assert crc == crc32c(data[at + 4:at + 16] + body)
                assert kind_length & 255 == 1
                out.append((number, *self.message(body)))
                number += 1
                at += 16 + length
        return out

    @staticmethod
    def message(body):
        version, utc_ms, flags, id_size = struct.unpack_from("<BQBB", body)
        assert version == 1 and abs(utc_ms / 1000 - time.time()) < 3600
        at = 11
        device = body[at:at + id_size].decode()
        at += id_size + 1 + body[at + id_size]
        size, = struct.unpack_from("<H", body, at)
        return device, body[at + 2:at + 2 + size].decode(), body[at + 2 + size:], flags

    def head(self):
        with open(os.path.join(self.log_dir, "head"), "rb") as file:
            data = file.read()
        magic, number, crc = struct.unpack("<4sQI", data)
        assert magic == b"BHH1" and crc == crc32c(data[:12])
        return number

    def pass_all(self, consumer, number):
        folder = os.path.join(self.log_dir, "consumers")
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/.{consumer}.tmp", "w") as out:
            out.write(f"{number}\n")
        os.rename(f"{folder}/.{consumer}.tmp", f"{folder}/{consumer}")


def text(value):
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


class Client:
    """Speaks MQTT 3.1.1; `login` is the CONNACK code, None if the connection was closed instead."""

    def __init__(self, hub, device, password=None, user=None, client_id=None, protocol=4,
                 will=None, certificate=None, clean=True):
        """certificate: a file with chain and key; then there is no password unless one is given."""
        context = ssl.create_default_context(cafile=f"{hub.dir}/ca.pem")
        if certificate:
            context.load_cert_chain(certificate)
        raw = socket.create_connection(("127.0.0.1", hub.port), timeout=DEADLINE_S)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(raw, server_hostname="127.0.0.1")
        self.device = device
        self.packet_id = 0
        self.buffer = b""
        if user is None:
            user = (f"{SCOPE}/registrations/{device}/api-version=2019-03-31" if hub.mode == "dps" else
                    f"{HOST}/{device}/?api-version=2021-04-12")
        if password is None and not certificate:
            password = sas(device)
        self.connect(client_id or device, user, password, protocol, will, clean)

    def connect(self, client_id, user, password, protocol=4, will=None, clean=True):
        flags = (0x80 if user is not None else 0) | (0x40 if password is not None else 0) | (2 if clean else 0)
        body = text("MQTT") + bytes([protocol, flags | (will[2] if will else 0), 0, 60])
        body += text(client_id)
        if will:  # topic, payload, flags
            body += text(will[0]) + text(will[1])
        body += text(user) if user is not None else b""
        body += text(password) if password is not None else b""
        self.send(0x10, body)
        answer = self.receive()
        self.login = answer[1][1] if answer else None
        self.has_session = bool(answer and answer[1][0] & 1)

    def send(self, first, body):
        size, length = len(body), b""
        while True:
            length += bytes([size % 128 | (0x80 if size >= 128 else 0)])
            size //= 128
            if size == 0:
                break
        try:
            self.socket.sendall(bytes([first]) + length + body)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass  # receive() tells

    def take(self, size):
        while len(self.buffer) < size:
            try:
                more = self.socket.recv(65536)
            except (ConnectionResetError, ssl.SSLError):
                more = b""
            if not more:
                return None
            self.buffer += more
        out, self.buffer = self.buffer[:size], self.buffer[size:]
        return out

    def receive(self):
        """(first byte, body), or None once the connection is closed."""
        first = self.take(1)
        size, shift = 0, 0
        while first:
            byte = self.take(1)
            if not byte:
                return None
            size |= (byte[0] & 127) << shift
            shift += 7
            if byte[0] < 128:
                body = self.take(size)
                return (first[0], body) if body is not None else None
        return None

    def publish(self, payload, bag="", topic=None, qos=1, retain=False):
        topic = topic or f"devices/{self.device}/messages/events/{bag}"
        self.packet_id = self.packet_id % 65535 + 1
        packet = text(topic) + (struct.pack(">H", self.packet_id) if qos else b"") + payload
        self.send(0x30 | qos << 1 | retain, packet)
        return self.packet_id

    def is_acknowledged(self, packet_id):
        """True for its PUBACK, False if the connection ended without any."""
        answer = self.receive()
        assert answer is None or answer == (0x40, struct.pack(">H", packet_id)), answer
        return answer is not None

    def deliver(self, payload, **more):
        return self.is_acknowledged(self.publish(payload, **more))

    def message(self):
        """(topic, payload) of the next PUBLISH, acknowledged if it asks for that; None: closed."""
        answer = self.receive()
        if answer is None:
            return None
        first, body = answer
        assert first & 0xF0 == 0x30, answer
        size, = struct.unpack_from(">H", body)
        at = 2 + size
        if first & 6:
            self.send(0x40, body[at:at + 2])
            at += 2
        return body[2:2 + size].decode(), body[at:]

    def unsubscribe(self, topic):
        self.send(0xA2, struct.pack(">H", 1) + text(topic))
        return self.receive() == (0xB0, struct.pack(">H", 1))

    def subscribe(self, topic, qos=1):
        self.send(0x82, struct.pack(">H", 1) + text(topic) + bytes([qos]))
        answer = self.receive()
        return answer[1][2] if answer else None

    def close(self):
        self.socket.close()
