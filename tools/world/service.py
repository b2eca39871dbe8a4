# SPDX-License-Identifier: Apache-2.0
"""A client of the hub's service REST (docs/hub-rest.md), with the policy that the world's cloud has."""

import base64
import hashlib
import hmac
import http.client
import json
import ssl
import time
import urllib.parse

from world.store import Site

TIMEOUT_S = 40
TOKEN_S = 600
API_VERSION = "2021-04-12"


class ServiceError(Exception):
    def __init__(self, status: int, text: str):
        super().__init__(f"HTTP {status}: {text}")
        self.status = status


class Service:
    def __init__(self, site: Site):
        self.site = site
        fields = dict(part.split("=", 1) for part in site.policy_file.read_text().strip().split(";"))
        self.host, self.policy, self.key = fields["HostName"], fields["SharedAccessKeyName"], fields["SharedAccessKey"]
        self.context = ssl.create_default_context(cafile=str(site.folder / "tls" / "ca.pem"))

    def _token(self) -> str:
        expiry = int(time.time()) + TOKEN_S
        digest = hmac.new(base64.b64decode(self.key), f"{self.host}\n{expiry}".encode(), hashlib.sha256).digest()
        return "SharedAccessSignature " + urllib.parse.urlencode(
            {"sr": self.host, "sig": base64.b64encode(digest).decode(), "se": expiry, "skn": self.policy})

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        connection = http.client.HTTPSConnection(self.host, self.site.rest_port, timeout=TIMEOUT_S, context=self.context)
        try:
            connection.request(method, f"{path}?api-version={API_VERSION}", None if body is None else json.dumps(body),
                               {"Authorization": self._token(), "Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        if answer.status >= 300:
            raise ServiceError(answer.status, text)
        return json.loads(text) if text else {}

    def twin(self) -> dict:
        return self.call("GET", f"/twins/{self.site.device_id}")

    def method(self, name: str, payload: dict) -> dict:
        """What the gateway answers: {"status", "payload"}."""
        return self.call("POST", f"/twins/{self.site.device_id}/methods",
                         {"methodName": name, "payload": payload, "connectTimeoutInSeconds": 20, "responseTimeoutInSeconds": 10})
