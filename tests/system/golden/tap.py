# SPDX-License-Identifier: Apache-2.0
"""Sits between a gateway and a broker: ends TLS on both sides, passes every byte on, and tells a transcript every packet of
MQTT 3.1.1. Towards the broker it shows the certificate that the gateway showed, since it is told the fleet's pairs."""
import os
import select
import socket
import ssl
import struct
import threading

from hub_world import HOST

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 13, 14


class Packets:
    """(type, flags, body) of each whole packet in the bytes that were fed."""

    def __init__(self):
        self.waiting = b""

    def feed(self, data):
        self.waiting += data
        while True:
            size, at = 0, 1
            while True:
                if at >= len(self.waiting):
                    return
                size |= (self.waiting[at] & 127) << 7 * (at - 1)
                at += 1
                if self.waiting[at - 1] < 128:
                    break
            if len(self.waiting) < at + size:
                return
            first, body = self.waiting[0], self.waiting[at:at + size]
            self.waiting = self.waiting[at + size:]
            yield first >> 4, first & 15, body


class Cursor:
    def __init__(self, body):
        self.body, self.at = body, 0

    def take(self, size):
        self.at += size
        assert self.at <= len(self.body), self.body
        return self.body[self.at - size:self.at]

    def number(self, size=2):
        return int.from_bytes(self.take(size), "big")

    def text(self):
        return self.take(self.number()).decode()

    def rest(self):
        return self.body[self.at:]


class Connection:
    """One gateway's connection, told to the transcript."""

    def __init__(self, tap, number, certificate):
        self.tap, self.number, self.certificate = tap, number, certificate
        self.client, self.is_over = None, False
        self.unacknowledged = {}  # (direction, packet id) -> entry
        self.asked = {}  # request id -> channel

    def tell(self, channel, text):
        return self.tap.transcript.add(self.client, channel or f"{self.tap.name} connection", text, self.number)

    def hear(self, way, kind, flags, body):
        packet = Cursor(body)
        if kind == CONNECT:
            self.connect(packet)
        elif kind == CONNACK:
            session, code = packet.take(2)
            self.is_over = code != 0
            self.tell(None, f"< CONNACK code={code} session={session}")
        elif kind == SUBSCRIBE:
            packet.number()
            filters = []
            while packet.rest():
                filters.append(f"{packet.text()} qos={packet.number(1)}")
            self.tell(None, "> SUBSCRIBE " + ", ".join(filters))
        elif kind == SUBACK:
            packet.number()
            self.tell(None, "< SUBACK " + " ".join(str(code) for code in packet.rest()))
        elif kind == PUBLISH:
            self.publish(way, flags, packet)
        elif kind == PUBACK:
            entry = self.unacknowledged.pop((way, packet.number()), None)
            assert entry is not None, "a PUBACK that nothing asked for"
            self.tap.transcript.acknowledge(entry)
        elif kind == DISCONNECT:
            self.is_over = True
            self.tell(None, "> DISCONNECT")
        else:
            assert kind in (PINGREQ, PINGRESP), (way, kind)

    def connect(self, packet):
        assert packet.text() == "MQTT" and packet.number(1) == 4
        flags, keep_alive_s = packet.number(1), packet.number()
        self.client = packet.text()
        will = f"{packet.text()} {packet.take(packet.number()).decode()} qos={flags >> 3 & 3}" if flags & 4 else "none"
        user = packet.text() if flags & 0x80 else "none"
        password = packet.text() if flags & 0x40 else "none"
        self.tell(None, f"> TLS name={self.tap.name_asked} certificate={self.certificate or 'none'}")
        self.tell(None, f"> CONNECT client={self.client} clean={flags >> 1 & 1} keep_alive={keep_alive_s} user={user}")
        self.tell(None, f"> will={will} password={password}")

    def publish(self, way, flags, packet):
        topic = packet.text()
        qos = flags >> 1 & 3
        number = packet.number() if qos else None
        request = topic.partition("$rid=")[2].partition("&")[0]
        channel = self.channel(topic, request)
        marks = f"qos={qos}" + (" retain" if flags & 1 else "") + (" again" if flags & 8 else "")
        entry = self.tell(channel, (f"{way} PUBLISH {marks}", topic, packet.rest()))
        if qos:
            self.unacknowledged["<" if way == ">" else ">", number] = entry

    def channel(self, topic, request):
        if topic.startswith("$iothub/twin/res/") or topic.startswith(("$iothub/methods/res/", "$dps/registrations/res/")):
            return self.asked.pop(request)  # an answer that nobody asked for ends the test
        for start, channel in (("$iothub/twin/GET/", "twin"), ("$iothub/twin/PATCH/properties/reported/", "twin, reported"),
                               ("$iothub/methods/POST/", "methods"), ("$dps/registrations/", "registration")):
            if topic.startswith(start):
                self.asked[request] = channel
                return channel
        if topic.startswith("$iothub/twin/PATCH/properties/desired/"):
            return "twin, desired"
        return "messages" if "/messages/devicebound/" in topic else "telemetry"

    def closed(self, way):
        if not self.is_over and self.client is not None and not self.tap.is_shut:
            self.tell(None, f"{way} closed")


def pass_on(sock, data):
    view = memoryview(data)
    while view:
        try:
            view = view[sock.send(view):]
        except ssl.SSLWantReadError:
            select.select([sock], [], [], 1)
        except ssl.SSLWantWriteError:
            select.select([], [sock], [], 1)


def take(sock):
    """What there is now: b"" at the end, None if nothing."""
    try:
        return sock.recv(65536)
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None
    except OSError:
        return b""


def cut(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it had ended
    sock.close()


class Tap:
    def __init__(self, name, folder, upstream, transcript):
        self.name, self.upstream, self.transcript = name, upstream, transcript
        self.pairs, self.problems, self.live, self.count = {}, [], [], 0
        self.name_asked = None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
        self.context.verify_mode = ssl.CERT_OPTIONAL
        self.context.load_verify_locations(f"{folder}/ca.pem")
        self.context.sni_callback = self.hear_name
        self.ca = f"{folder}/ca.pem"
        self.port, self.lock = 0, threading.Lock()
        self.open()

    def hear_name(self, _sock, name, _context):
        self.name_asked = name

    def know(self, pair, authority):
        """A pair that a gateway may show, and whose authority signed it."""
        self.context.load_verify_locations(authority)
        with open(pair[0]) as file:
            self.pairs[ssl.PEM_cert_to_DER_cert(file.read())] = pair

    def open(self):
        self.is_shut = False
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def shut(self):
        """As a hub that is gone: what stood is cut, and nobody listens."""
        self.is_shut = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for sock in self.live:
                cut(sock)
            self.live.clear()

    def accept(self, listener):
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            wire = socket.socket(fileno=os.dup(raw.fileno()))  # which can be cut while the other is in use
            with self.lock:
                self.live.append(wire)
                self.count += 1
            threading.Thread(target=self.serve, args=(raw, wire, self.count), daemon=True).start()

    def serve(self, raw, wire, number):
        try:
            raw.settimeout(20)
            with self.context.wrap_socket(raw, server_side=True) as near:
                self.relay(near, number)
        except OSError:
            pass  # a probe of the line, or it was cut
        except Exception as problem:  # the test looks at these
            self.problems.append(repr(problem))
            raise
        finally:
            with self.lock:
                if wire in self.live:
                    self.live.remove(wire)
                    cut(wire)

    def relay(self, near, number):
        shown = near.getpeercert(binary_form=True)
        context = ssl.create_default_context(cafile=self.ca)
        if shown:
            context.load_cert_chain(*self.pairs[shown])
        names = dict(part[0] for part in near.getpeercert()["subject"]) if shown else {}
        far = context.wrap_socket(socket.create_connection(("127.0.0.1", self.upstream), timeout=20), server_hostname=HOST)
        connection = Connection(self, number, names.get("commonName"))
        ends = {near: (">", far, Packets()), far: ("<", near, Packets())}
        for sock in ends:
            sock.setblocking(False)
        with far:
            while True:
                if not any(sock.pending() for sock in ends):
                    select.select(list(ends), [], [])
                for sock, (way, other, packets) in ends.items():
                    data = take(sock)
                    if data == b"":
                        return connection.closed(way)
                    if data and not self.forward(connection, way, packets.feed(data), other, data):
                        return connection.closed("<" if way == ">" else ">")

    @staticmethod
    def forward(connection, way, packets, other, data):
        """What the gateway says is told before anybody acts on it, what it hears when it has it. False: the other end is gone."""
        packets = list(packets)
        for packet in packets if way == ">" else ():
            connection.hear(way, *packet)
        try:
            pass_on(other, data)
        except OSError:
            return False
        for packet in packets if way == "<" else ():
            connection.hear(way, *packet)
        return True
