# SPDX-License-Identifier: Apache-2.0
"""The service side of an IoT hub as far as the cloud asks it, over TLS: twins, methods, messages, in the shapes of Azure's documents.

Whoever tests says what the hub does next (`faults`), and reads what it was asked (`asked`).
"""

import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import ssl
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))

from world.ports import free_port  # noqa: E402

KEY = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
POLICY = "service"
BREAKS = 0  # a fault's status: takes the request and breaks the connection instead of an answer


def merge(into: dict, patch: dict) -> None:
    for name, value in patch.items():
        if value is None:
            into.pop(name, None)
        elif isinstance(value, dict) and isinstance(into.get(name), dict):
            merge(into[name], value)
        else:
            into[name] = value


class Hub:
    def __init__(self, certificate, key, host: str = "localhost"):
        self.host = host
        self.key = KEY
        self.asked: list[tuple[str, str, dict, object]] = []
        self.faults: list[tuple[int, dict, bytes]] = []  # answers that come first
        self.fleet: list[str] = []
        self.offline = False
        self.has_messages = True
        self.desired, self.reported = {}, {"config": {"state": "applied", "version": 1}}
        self.version = self.desired_version = 1  # the first counts every change, as the etag does
        self.lock = threading.Lock()
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def log_message(self, *_):
                pass

            def answer(self):
                hub.answer(self)

            do_GET = do_POST = do_PATCH = do_PUT = answer

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # a cloud that was killed, or had enough of a large answer

        self.server = Server((host if host != "localhost" else "127.0.0.1", free_port()), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://{host}:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def may(self, header: str) -> bool:
        fields = dict(part.split("=", 1) for part in header.removeprefix("SharedAccessSignature ").split("&"))
        signed = hmac.new(base64.b64decode(self.key), f"{fields['sr']}\n{fields['se']}".encode(), hashlib.sha256).digest()
        return (urllib.parse.unquote(fields["sr"]) == self.host and fields["skn"] == POLICY and float(fields["se"]) > time.time()
                and hmac.compare_digest(urllib.parse.unquote(fields["sig"]), base64.b64encode(signed).decode()))

    def twin(self, device: str) -> dict:
        return {"deviceId": device, "etag": self.etag, "version": self.version, "status": "enabled",
                "connectionState": "Disconnected" if self.offline else "Connected", "lastActivityTime": "2026-01-31T12:00:00Z",
                "properties": {"desired": {**self.desired, "$metadata": {"$lastUpdated": "x"}, "$version": self.desired_version},
                               "reported": {**self.reported, "$metadata": {}, "$version": 3}}, "tags": {}}

    def of(self, command: str) -> list:
        return [entry for entry in self.asked if entry[0] == command]

    def page(self, headers) -> tuple[int, dict, bytes]:
        """A page of the fleet's twins; where the next begins is the continuation."""
        begin = int(headers["x-ms-continuation"] or 0)
        end = min(begin + int(headers["x-ms-max-item-count"]), len(self.fleet))
        more = {"x-ms-continuation": str(end)} if end < len(self.fleet) else {}
        return 200, more, json.dumps([self.twin(device) for device in self.fleet[begin:end]]).encode()

    @property
    def etag(self) -> str:
        return base64.b64encode(self.version.to_bytes(8, "big")).decode()

    def answer(self, request) -> None:
        size = int(request.headers.get("Content-Length") or 0)
        raw = request.rfile.read(size)
        body = json.loads(raw) if raw else None
        with self.lock:
            self.asked.append((request.command, request.path, dict(request.headers), body))
            if self.faults:
                status, headers, text = self.faults.pop(0)
                if status == BREAKS:
                    request.close_connection = True
                    return
            elif not self.may(request.headers["Authorization"]):
                status, headers, text = refusal(401, "IoTHubUnauthorizedAccess")
            else:
                status, headers, text = self.route(request, body)
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def route(self, request, body) -> tuple[int, dict, bytes]:
        path, _, query = request.path.partition("?")
        parts = [urllib.parse.unquote(part) for part in path.split("/")[1:]]
        if query != "api-version=2021-04-12":
            return refusal(400, "InvalidProtocolVersion")
        if parts[0] == "devices" and parts[2:] == ["messages", "devicebound"]:
            return (204, {}, b"") if self.has_messages else (404, {}, b"")
        if parts == ["devices", "query"]:
            return self.page(request.headers)
        if parts[1] != "shop":
            return refusal(404, "DeviceNotFound")
        if request.command == "PATCH":
            if request.headers["If-Match"] != f'"{self.etag}"':
                return refusal(412, "PreconditionFailed")
            merge(self.desired, body["properties"]["desired"])
            self.version += 1
            self.desired_version += 1
        if parts[2:] == ["methods"]:
            if self.offline:
                inner = json.dumps({"errorCode": 404103, "message": "Timed out waiting for device to connect."})
                return 404, {}, json.dumps({"Message": inner, "ExceptionMessage": ""}).encode()
            return 200, {}, json.dumps({"status": 200, "payload": {"did": body["methodName"], "with": body["payload"]}}).encode()
        return 200, {"ETag": f'"{self.etag}"'}, json.dumps(self.twin(parts[1])).encode()


def refusal(status: int, code: str) -> tuple[int, dict, bytes]:
    text = json.dumps({"Message": f"ErrorCode:{code};said so", "ExceptionMessage": "Tracking ID:1"})
    return status, {"iothub-errorcode": code}, text.encode()
