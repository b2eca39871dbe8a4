# SPDX-License-Identifier: Apache-2.0
"""A client of the cloud's HTTP interface (apps/cloud/openapi.yaml), as a person's browser would use it."""

import http.client
import http.cookiejar
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT_S = 10
STREAM_TIMEOUT_S = 60
BUCKETS_MAX = 4000


class ApiError(Exception):
    def __init__(self, status: int, text: str):
        super().__init__(f"HTTP {status}: {text}")
        self.status = status


class Api:
    def __init__(self, base: str):
        self.base = base
        self.csrf = ""
        self.user = "owner"
        self.password = secrets.token_urlsafe(12)
        self.jar = http.cookiejar.CookieJar()
        cookies = urllib.request.HTTPCookieProcessor(self.jar)
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.csrf:
            headers["X-CSRF-Token"] = self.csrf
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with self.opener.open(request, timeout=TIMEOUT_S) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise ApiError(error.code, error.read().decode(errors="replace")) from error
        return json.loads(text) if text else {}

    def set_up(self, token: str) -> None:
        """Makes the first account with the single-use token and logs in."""
        self.csrf = self.call("POST", "/api/setup", {"token": token, "name": self.user, "password": self.password})["csrf"]

    def log_in(self) -> None:
        self.csrf = ""
        self.csrf = self.call("POST", "/api/login", {"name": self.user, "password": self.password})["csrf"]

    def device(self) -> str:
        """The cookie by which the cloud knows this browser at its next login."""
        return next(f"{cookie.name}={cookie.value}" for cookie in self.jar if cookie.name == "busward_device")

    def overview(self, site: str) -> dict:
        return self.call("GET", f"/api/sites/{site}/overview")

    def points(self, site: str) -> dict[int, dict]:
        """All points that the site measures by id, each with its sensor's name as `sensor_name`; no diagnostics."""
        found = {}
        for area in self.overview(site)["areas"]:
            for sensor in area["sensors"]:
                for point in sensor["points"]:
                    found[point["id"]] = dict(point, sensor_name=sensor["name"])
        return found

    def series(self, site: str, point: int, start_ms: int, end_ms: int, buckets: int) -> dict:
        query = urllib.parse.urlencode({"from": start_ms, "to": end_ms, "buckets": buckets})
        return self.call("GET", f"/api/sites/{site}/points/{point}/series?{query}")

    def stream(self, site: str) -> http.client.HTTPResponse:
        """The live stream of a site: iterate over its lines, close it at the end."""
        return self.opener.open(f"{self.base}/api/stream?{urllib.parse.urlencode({'site': site})}", timeout=STREAM_TIMEOUT_S)
