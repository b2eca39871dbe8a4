# SPDX-License-Identifier: Apache-2.0
"""The other ends of the hub's links: client certificates, and a backend that speaks the link as docs/protocol/hub-link.md says."""
import hashlib
import socket
import ssl
import subprocess

from hub_world import DEADLINE_S, Client

CURVE = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"


def openssl(folder, command, text=None):
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True, input=text, text=True)


def read(folder, name):
    with open(f"{folder}/{name}") as file:
        return file.read()


def self_signed(folder, name, common_name):
    """Makes {name}.pem and .key; returns the file of both."""
    openssl(folder, f"req -x509 {CURVE} -days 2 -subj /CN={common_name} -keyout {name}.key -out {name}.pem")
    return bundle(folder, name, name)


def signed(folder, name, common_name, issuer, authority=False):
    openssl(folder, f"req {CURVE} -subj /CN={common_name} -keyout {name}.key -out {name}.csr")
    extension = "basicConstraints=critical,CA:" + ("TRUE" if authority else "FALSE")
    with open(f"{folder}/{name}.ext", "w") as out:
        out.write(extension + "\n")
    openssl(folder, f"x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial -days 2 "
                    f"-extfile {name}.ext -out {name}.pem")


def bundle(folder, name, *chain):
    """A file with the chain, leaf first, and the leaf's key."""
    path = f"{folder}/{name}.bundle"
    with open(path, "w") as out:
        out.write("".join(read(folder, f"{part}.pem") for part in chain) + read(folder, f"{chain[0]}.key"))
    return path


def thumbprint(folder, name, digest=hashlib.sha256):
    return digest(ssl.PEM_cert_to_DER_cert(read(folder, f"{name}.pem"))).digest()


class Backend(Client):
    """/backend on the unix socket."""

    def __init__(self, hub, client_id="/backend"):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(f"{hub.dir}/link.sock")
        self.device = client_id
        self.packet_id = 0
        self.buffer = b""
        self.seq = 0
        self.connect(client_id, None, None)

    def say(self, topic, payload=b""):
        self.publish(payload, topic=topic, qos=0)

    def sync(self):
        self.say("sync")
        kind, _, _, boot = self.hear()
        assert kind == "hello", kind
        return boot

    def hear(self):
        """(kind, conn, device, payload) of the next message, acknowledged; its number is checked."""
        message = self.message()
        if message is None:
            return None
        topic, payload = message
        words = topic.split("/", 4)
        assert words[0] == "l" and int(words[1]) == self.seq + 1, topic
        self.seq += 1
        self.say(f"ack/{self.seq}")
        if words[2] == "hello":
            assert len(words) == 3 and len(payload) == 16, topic
            return "hello", 0, "", payload
        return words[2], int(words[3]), words[4], payload

    def request(self):
        """(conn, device, topic, body) of the next message, which is a request."""
        kind, conn, device, payload = self.hear()
        assert kind == "req", (kind, payload)
        topic, body = payload.split(b"\0", 1)
        return conn, device, topic.decode(), body

    def to(self, conn, device, topic, body=b"", qos=0):
        self.say(f"to/{conn}/{qos}/{device}", topic.encode() + b"\0" + body)
