#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""busward-cloud as a browser meets it: accounts, CSRF, throttling, every path of openapi.yaml, live updates, kill -9.

Goal: what a hub's log holds is on the page once, and nothing is given to who may not have it. Method: a real process
on a loopback port; a helper writes the hub's log; stdlib HTTP, so that each header is ours.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from cloud_world import BUILD, DEADLINE_S, T0, Cloud, Feed, check, count_of, wait_for

SOURCE = pathlib.Path(os.environ["BUSWARD_SOURCE"])
PASSWORD = "correct horse battery"


def check_accounts(cloud: Cloud) -> None:
    link = cloud.folder / "data/setup-link"
    check(link.stat().st_mode & 0o777 == 0o600, "setup-link is 0600")
    token = link.read_text().strip().rsplit("token=", 1)[1]
    check(token not in (cloud.folder / "cloud.log").read_text(), "the token is in no log")
    owner = {"token": token, "name": "owner", "password": PASSWORD}
    for wrong, status in (({"token": "0" * 64}, 403), ({"password": "short"}, 400), ({"name": "O wner"}, 400), ({"x": 1}, 400)):
        check(cloud.ask("POST", "/api/setup", owner | wrong)[0] == status, f"setup with {wrong}")
    check(cloud.ask("POST", "/api/setup", "{}", {"Content-Type": "text/plain"})[0] == 400, "setup as a form")
    check(cloud.ask("GET", "/api/sites")[0] == 401, "no session, no sites")
    check(cloud.ask("GET", "/api/session")[2]["setup_needed"], "set-up is needed")
    cloud.log_in_by("/api/setup", owner)
    check(not link.exists(), "the link works once")
    check(cloud.ask("POST", "/api/setup", owner)[0] == 409, "a second set-up")
    check(cloud.ask("POST", "/api/logout")[0] == 403, "a change without the CSRF token")
    check(cloud.ask("POST", "/api/logout", headers={"X-CSRF-Token": "0" * 32})[0] == 403, "a change with a wrong one")
    check(cloud.ask("POST", "/api/logout", headers={"X-CSRF-Token": cloud.csrf})[0] == 204, "logout")
    check(cloud.ask("GET", "/api/sites")[0] == 401, "the session is over")
    cloud.log_in_by("/api/login", {"name": "owner", "password": PASSWORD})


def check_sessions(cloud: Cloud) -> None:
    """What had ended, or would have, is not revived by a restart; what lives is."""
    cookie, csrf = cloud.cookie, cloud.csrf
    check(cloud.ask("POST", "/api/logout", headers={"X-CSRF-Token": csrf})[0] == 204, "logout")
    cloud.stop(signal.SIGKILL)  # right after the answer
    cloud.start()
    check(cloud.ask("GET", "/api/sites")[0] == 401, "logged out, also after kill -9")
    cloud.log_in_by("/api/login", {"name": "owner", "password": PASSWORD})
    check(cloud.cookie != cookie, "a new session")
    cloud.stop()
    database = cloud.folder / "data/accounts.db"
    with contextlib.closing(sqlite3.connect(database)) as accounts, accounts:
        accounts.execute("UPDATE sessions SET used_ms = used_ms - 23 * 3600000")
    cloud.start()
    check(cloud.ask("GET", "/api/sites")[0] == 200, "idle for 23 hours lives on")
    cloud.stop()
    with contextlib.closing(sqlite3.connect(database)) as accounts, accounts:
        (used,) = accounts.execute("SELECT used_ms FROM sessions").fetchone()
        check(used > (time.time() - 3600) * 1000, "a clean end notes the last use")
        accounts.execute("UPDATE sessions SET used_ms = used_ms - 25 * 3600000")
    cloud.start()
    check(cloud.ask("GET", "/api/sites")[0] == 401, "idle for 25 hours is over")
    cloud.log_in_by("/api/login", {"name": "owner", "password": PASSWORD})


def check_throttle(cloud: Cloud) -> None:
    statuses = [cloud.ask("POST", "/api/login", {"name": "owner", "password": "guess"})[0] for _ in range(8)]
    check(statuses[0] == 401 and statuses[-1] == 429, f"guessing is slowed down: {statuses}")
    status, headers, _ = cloud.ask("POST", "/api/login", {"name": "owner", "password": PASSWORD})
    check(status == 429 and int(headers["Retry-After"]) >= 1, "even the right one has to wait")
    check(cloud.ask("GET", "/api/sites")[0] == 200, "who is in stays in")
    forged = cloud.device[:-1] + ("0" if cloud.device[-1] != "0" else "1")
    login = {"name": "owner", "password": PASSWORD}
    check(cloud.ask("POST", "/api/login", login, {"Cookie": forged})[0] == 429, "a forged device is a stranger")
    first = cloud.device
    cloud.cookie = first  # a browser that was here before, though a stranger keeps guessing
    cloud.log_in_by("/api/login", login)
    check(cloud.device != first, "each login makes a device cookie of its own")
    cloud.cookie, session = first, cloud.cookie
    guess = {"name": "owner", "password": "guess"}
    statuses = [cloud.ask("POST", "/api/login", guess)[0] for _ in range(8)]
    check(statuses[0] == 401 and statuses[-1] == 429, f"guesses from a known browser count, too: {statuses}")
    cloud.cookie = cloud.device
    check(cloud.ask("POST", "/api/login", login)[0] == 200, "and for that browser alone")
    cloud.cookie = session


def check_data(cloud: Cloud, feed: Feed) -> None:
    feed.say("quiet 6")
    feed.say(f"series 1 {T0} 60000 1000")  # before its catalogue: waits
    feed.say("points 6")
    feed.say(f"series 4 {T0} 60000 10")
    feed.say("foreign {}")
    feed.say("raw {not json")
    wait_for(lambda: cloud.ask("GET", "/api/sites/shop/points/4")[0] == 200, "the catalogue")
    wait_for(lambda: count_of(cloud, 4) == 10, "the samples")
    check(count_of(cloud, 1) == 1000, "samples that waited for their catalogue")
    check(cloud.ask("GET", "/metrics", headers={"X-Forwarded-For": "192.0.2.1"})[0] == 403, "metrics by a proxy")
    metrics = cloud.ask("GET", "/metrics")[2].decode()
    check("busward_cloud_store_messages_aside_total" in metrics, "metrics")
    feed.say("journal 1 1")  # a resend of everything
    feed.say(f"series 1 {T0} 60000 1000")
    feed.say("journal 2 1")
    feed.say(f"gap {T0} {T0 + 60000} 17")
    feed.say(f"sample 4 {T0 + 3600_000} stale")
    feed.say(f"sample 4 {T0 + 7200_000} 215")
    wait_for(lambda: count_of(cloud, 4) == 11, "the sample after the stale one")
    check(count_of(cloud, 1) == 1000, "duplicates are dropped")
    series = cloud.get(f"/api/sites/shop/points/4/series?from={T0}&to={T0 + 86400_000}")
    check(series["gaps"] == [{"from": T0, "to": T0 + 60000, "count": 17}], f"gap {series['gaps']}")
    check([span["quality"] for span in series["quality"]] == ["stale"], f"spans {series['quality']}")
    check(series["quality"][0]["from"] == T0 + 3600_000 and series["quality"][0]["to"] == T0 + 7200_000, "span")
    overview = cloud.get("/api/sites/shop/overview")
    for site in (overview["site"], cloud.get("/api/sites")["sites"][0]):
        told = {key: site[key] for key in ("id", "name", "time_zone")}
        check(told == {"id": "shop", "name": "Shop in the mall", "time_zone": "Europe/Berlin"}, f"the site: {told}")
    check([area["name"] for area in overview["areas"]] == ["checkout", "vegetables"], "areas")
    point = overview["areas"][1]["sensors"][0]["points"][0]
    check(point["id"] == 4 and point["value"] is None and point["reason"] == "overdue", f"old is stale: {point}")
    check(cloud.get("/api/sites/shop/events")["events"][0]["kind"] == "gap", "events")


def check_diagnostics(cloud: Cloud, feed: Feed) -> None:
    """What a site says of itself comes the same way, stands apart, and counts nowhere."""
    before = cloud.get("/api/sites/shop/overview")
    check(before["diagnostics"] == [] and not before["areas"][0]["sensors"][0]["diagnostic"], "no diagnostics yet")
    feed.say("diagnostics 4")
    now = int(time.time() * 1000)
    for point in (7, 8, 9):
        feed.say(f"sample {point} {now} 5")
    feed.say(f"sample 10 {now} bad")
    wait_for(lambda: cloud.ask("GET", "/api/sites/shop/points/10")[2].get("quality") == "bad", "the diagnostics")
    overview = cloud.get("/api/sites/shop/overview")
    check([(area["name"], [sensor["id"] for sensor in area["sensors"]]) for area in overview["diagnostics"]]
          == [("receiver", ["/receiver", "/receiver/sensor 1"])], f"by part: {overview['diagnostics']}")
    line, unit = overview["diagnostics"][0]["sensors"]
    check(line["diagnostic"] and unit["quality"] == "bad" and (line["name"], unit["name"]) == ("receiver", "sensor 1"), f"{line}")
    check([(point["name"], point["value"], point["diagnostic"]) for point in line["points"]]
          == [("utilisation", 5, True), ("timeouts", 5, True)], f"figures: {line['points']}")
    check([[sensor["id"] for sensor in area["sensors"]] for area in overview["areas"]]
          == [[sensor["id"] for sensor in area["sensors"]] for area in before["areas"]], "the sensors are as before")
    check(overview["site"]["counts"] == before["site"]["counts"], f"the counters are as before: {overview['site']['counts']}")
    check(cloud.get("/api/sites/shop/points/7")["diagnostic"], "a point says that it is a diagnostic")
    series = cloud.get(f"/api/sites/shop/points/8/series?from={now - 1000}&to={now + 1000}")
    check(sum(series["n"]) == 1 and series["limits"] == {"low": None, "high": 1}, f"its trend: {series}")


def sse(cloud: Cloud, last: str):
    """Yields (event, data) of the live stream."""
    connection = cloud.connect()
    connection.request("GET", f"/api/stream?site=shop&last_event_id={last}", headers={"Cookie": cloud.cookie})
    answer = connection.getresponse()
    check(answer.status == 200 and answer.getheader("Content-Type") == "text/event-stream", f"stream {answer.status}")
    name, number = "", ""
    while line := answer.readline().decode():
        if line.startswith("event: "):
            name = line[7:].strip()
        elif line.startswith("id: "):
            number = line[4:].strip()
        elif line.startswith("data: "):
            yield name, number, json.loads(line[6:])


def check_stream(cloud: Cloud, feed: Feed) -> None:
    last = cloud.get("/api/sites/shop/overview")["last_event_id"]
    stream = sse(cloud, last)
    now = int(time.time() * 1000)
    feed.say(f"sample 1 {now} 123")
    name, first_id, data = next(found for found in stream if found[0] in ("sample", "quality"))
    check(name == "sample" and data["point"] == 1 and data["value"] == 12.3 and data["at_ms"] == now, f"live {data}")
    feed.say(f"sample 1 {now + 1} bad")
    name, _, data = next(found for found in stream if found[0] in ("sample", "quality"))
    check(name == "quality" and data["quality"] == "bad" and data["reason"] == "fault", f"live {data}")
    name, _, data = next(found for found in sse(cloud, first_id) if found[0] != "site")
    check(name == "quality" and data["point"] == 1, f"resumed at {first_id}: {name} {data}")
    check(next(sse(cloud, "00000000-1"))[0] == "reload", "an unknown id means reload")


def check_flood(cloud: Cloud, feed: Feed) -> None:
    """A hundred logins at once from as many addresses: each is looked at or told to wait; live updates go on."""
    stream = sse(cloud, cloud.get("/api/sites/shop/overview")["last_event_id"])
    statuses = []

    def guess(k: int) -> None:
        body = {"name": f"guess{k}", "password": "wrong wrong wrong"}
        statuses.append(cloud.ask("POST", "/api/login", body, source=f"127.0.0.{10 + k}")[0])

    threads = [threading.Thread(target=guess, args=(k,)) for k in range(100)]
    for thread in threads:
        thread.start()
    now = int(time.time() * 1000)
    for k in range(20):
        feed.say(f"sample 1 {now + k} {200 + k}")
        found = next(found for found in stream if found[0] == "sample")
        check(found[2]["value"] == (200 + k) / 10, f"live during the flood: {found}")
    for thread in threads:
        thread.join(DEADLINE_S)
    check(401 in statuses and set(statuses) <= {401, 429}, f"answers to the flood: {sorted(statuses)}")


def displaced(connection, cloud: Cloud) -> int:
    connection.request("GET", "/metrics", headers={"Cookie": cloud.cookie})
    return int(re.search(rb"http_connections_displaced_total (\d+)", connection.getresponse().read())[1])


def check_pool(folder: pathlib.Path) -> None:
    """Whoever is not logged in makes room; when the connections are used up otherwise the next one is told so, and later ones are
    served again."""
    cloud = Cloud(folder, "--conn-max", "4")
    cloud.start()
    try:
        token = (folder / "data/setup-link").read_text().strip().rsplit("token=", 1)[1]
        cloud.log_in_by("/api/setup", {"token": token, "name": "owner", "password": PASSWORD})
        strangers = [cloud.connect() for _ in range(4)]
        for stranger in strangers:
            stranger.connect()
        guests = [cloud.connect() for _ in range(4)]
        held = [cloud.connect() for _ in range(4)]
        for connection in guests + held:
            connection.request("GET", "/healthz", headers={"Cookie": cloud.cookie} if connection in held else {})
            check(connection.getresponse().read() != b"", "an answer")
        check(displaced(held[0], cloud) >= 8, "strangers and guests made room")
        status, headers, body = cloud.ask("GET", "/healthz")
        check(status == 503 and headers["Retry-After"] and body["error"]["code"] == "busy", f"beyond the pool: {status}")
        held[0].close()
        wait_for(lambda: cloud.ask("GET", "/healthz")[0] == 200, "a free place")
        check(cloud.stop() == 0, "a clean end")
    finally:
        cloud.process.kill()


def check_mistyped(folder: pathlib.Path) -> None:
    """A folder that is not there is told of, not made; once it is there everything goes on by itself."""
    cloud = Cloud(folder)
    cloud.start()
    feed = None
    try:
        said = wait_for(lambda: (body := cloud.ask("GET", "/healthz")[2])["code"] == "no_folder" and body, "what it waits for")
        check(said["status"] == "waiting" and "--hub-log" in said["reason"], f"health {said}")
        check(not (folder / "log").exists(), "the folder is the hub's")
        check(f'ev=waits folder={folder / "log"}' in (folder / "cloud.log").read_text(), "its log names the folder")
        feed = Feed(folder / "log", "shop")
        feed.say("points 3")
        wait_for(lambda: cloud.ask("GET", "/healthz")[2] == {"status": "ok", "code": "", "reason": ""}, "a heal")
        wait_for(lambda: b"busward_cloud_store_sites 1" in cloud.ask("GET", "/metrics")[2], "the site")
        check(cloud.stop() == 0, "a clean end")
    finally:
        cloud.process.kill()
        if feed:
            feed.close()


def check_streams(folder: pathlib.Path) -> None:
    """Streams leave connections for the rest, one session cannot take them all, and a long absence ends in one reload."""
    cloud = Cloud(folder, "--conn-max", "100")
    cloud.start()
    feed = Feed(folder / "log", "shop")
    streams = []

    def open_stream() -> int:
        connection = cloud.connect()
        connection.request("GET", "/api/stream?site=shop", headers={"Cookie": cloud.cookie})
        streams.append(connection.getresponse())  # which owns the socket now
        return streams[-1].status

    try:
        token = (folder / "data/setup-link").read_text().strip().rsplit("token=", 1)[1]
        cloud.log_in_by("/api/setup", {"token": token, "name": "owner", "password": PASSWORD})
        feed.say("points 1000")
        wait_for(lambda: cloud.ask("GET", "/api/sites/shop/overview")[0] == 200, "the site")
        last = cloud.get("/api/sites/shop/overview")["last_event_id"]
        for point in range(1, 1001):
            feed.say(f"sample {point} {int(time.time() * 1000)} 55")
        wait_for(lambda: cloud.get("/api/sites/shop/points/1000")["value"] is not None, "the last sample")
        missed = sse(cloud, last)
        check(next(missed)[0] == "reload", "what was missed is too much for a stream")
        missed.close()
        for session in range(2):
            statuses = [open_stream() for _ in range(33)]
            check(statuses[:32] == [200] * 32 and statuses[32] == 429, f"streams of a session: {statuses}")
            cloud.log_in_by("/api/login", {"name": "owner", "password": PASSWORD})
        statuses = [open_stream() for _ in range(12)]
        check(statuses[0] == 200 and statuses[-1] == 503, f"streams of all: {statuses}")
        check(cloud.ask("GET", "/healthz")[0] == 200, "the rest is served")
    finally:
        for stream in streams:
            stream.close()
        cloud.process.kill()
        feed.close()


def check_tls(folder: pathlib.Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
               "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
               "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(command, check=True, capture_output=True)
    cloud = Cloud(folder, "--cert", folder / "cert.pem", "--key", folder / "key.pem")
    cloud.start()
    try:
        token = (folder / "data/setup-link").read_text().strip().rsplit("token=", 1)[1]
        _, headers, _ = cloud.ask("POST", "/api/setup", {"token": token, "name": "owner", "password": PASSWORD})
        check("; Secure" in headers["Set-Cookie"], "the cookie is for TLS alone")
        check(cloud.stop() == 0, "a clean end")
    finally:
        cloud.process.kill()
    (folder / "key.pem").chmod(0o640)
    options = ["--data", folder / "data", "--hub-log", folder, "--listen", "127.0.0.1:0"]
    command = [BUILD / "apps/cloud/busward-cloud", *options, "--cert", folder / "cert.pem", "--key", folder / "key.pem"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    check(refused.returncode == 1 and "must be 0600" in refused.stderr, f"a key that others may read: {refused}")
    open_to_all = [BUILD / "apps/cloud/busward-cloud", "--data", folder, "--hub-log", folder, "--listen", "0.0.0.0:0"]
    refused = subprocess.run(open_to_all, capture_output=True, text=True, timeout=DEADLINE_S)
    check(refused.returncode == 2 and "--cert" in refused.stderr, f"without TLS only loopback: {refused}")


def check_openapi(cloud: Cloud) -> None:
    """Every path and method of the document is served, another method is refused, and unknown paths are 404."""
    text = (SOURCE / "apps/cloud/openapi.yaml").read_text()
    paths = re.findall(r"^  (/\S+):\n    (get|post):", text, re.M)
    check(len(paths) >= 26, f"{len(paths)} paths")
    for path, method in paths:
        real = path.replace("{site}", "shop").replace("{point}", "1").replace("{record}", "1")
        query = {"/series": f"?from={T0}&to={T0 + 1}"}.get(path[path.rfind("/"):], "")
        if path != "/api/stream":
            status, headers, _ = cloud.ask(method.upper(), real + query)
            documented = text[text.index(f"  {path}:\n"):].split("\n  /", 1)[0].split("\ncomponents:", 1)[0]
            check(f"'{status}'" in documented, f"{method} {real}: {status} is not documented")
            check(headers["X-Content-Type-Options"] == "nosniff" and "default-src 'self'" in headers["Content-Security-Policy"], path)
        status, headers, _ = cloud.ask("GET" if method == "post" else "POST", real, "" if method == "get" else None)
        check(status == 405 and headers["Allow"], f"other method on {real}: {status}")
    check(cloud.ask("GET", "/api/nothing")[0] == 404, "unknown path")
    check(cloud.ask("GET", "/api/sites/other/overview")[0] == 404, "unknown site")
    check(cloud.ask("GET", "/api/sites/shop/points/1/series?from=5&to=1")[0] == 400, "a span backwards")
    check(cloud.ask("GET", "/api/sites/shop/points/0")[0] == 400, "point 0")
    check(cloud.ask("GET", "/x" * 2000)[0] == 414, "a long path")
    check(cloud.ask("POST", "/api/login", "x" * 70000)[0] == 413, "a large body")
    check(cloud.ask("GET", "/", headers={"A": "b" * 9000})[0] == 431, "a large head")


def check_files(cloud: Cloud) -> None:
    status, headers, body = cloud.ask("GET", "/site/shop")
    check(status == 200 and body == b"<p>page</p>" and headers["Cache-Control"] == "no-cache", "the page routes by itself")
    check(cloud.ask("GET", "/", headers={"If-None-Match": headers["ETag"]})[0] == 304, "ETag")
    status, headers, body = cloud.ask("GET", "/app-ABCDEF12.js", headers={"Accept-Encoding": "gzip"})
    check(body == b"zipped" and headers["Content-Encoding"] == "gzip" and "immutable" in headers["Cache-Control"], "hashed")
    for path in ("/../data/store.db", "/%2e%2e/data/store.db", "/..%2fdata"):
        check(cloud.ask("GET", path)[0] == 400, path)
    check(cloud.ask("GET", "/missing.js")[0] == 404, "missing file")


def check_half_close(cloud: Cloud) -> None:
    """A client that closes its side right after the request still gets the whole answer."""
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", cloud.port), DEADLINE_S) as raw:
            raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n")
            raw.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: raw.recv(4096), b""))
        check(answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"}"), f"after half a close: {answer}")


def check_second(cloud: Cloud) -> None:
    """A second cloud in the same folder is refused before it touches anything."""
    link = cloud.folder / "data/setup-link"
    before = link.read_text()
    command = [BUILD / "apps/cloud/busward-cloud", "--data", cloud.folder / "data", "--hub-log", cloud.folder / "log",
               "--listen", "127.0.0.1:0"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    check(second.returncode == 1 and "another busward-cloud uses it" in second.stderr, f"a second cloud: {second}")
    check(link.read_text() == before, "the link of the first stays good")


def check_kill(cloud: Cloud, feed: Feed) -> None:
    """kill -9 while samples flow, several times: everything once."""
    feed.say("journal 3 1")
    for k in range(5):
        for i in range(40):
            feed.say(f"series 2 {T0 + (k * 40 + i) * 60000} 1000 5")
        cloud.stop(signal.SIGKILL)
        cloud.start()
    wait_for(lambda: count_of(cloud, 2) >= 1000, "all samples")
    check(count_of(cloud, 2) == 1000 and count_of(cloud, 1) == 1001, f"{count_of(cloud, 2)} samples of 1000")
    check(cloud.ask("GET", "/api/session")[2]["user"]["name"] == "owner", "the session survives")


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "web").mkdir()
        (folder / "web/index.html").write_text("<p>page</p>")
        (folder / "web/app-ABCDEF12.js").write_text("1")
        (folder / "web/app-ABCDEF12.js.gz").write_text("zipped")
        cloud = Cloud(folder)
        feed = Feed(folder / "log", "shop")
        cloud.start()
        try:
            for step in (check_second, check_accounts, check_files, check_half_close):
                step(cloud)
            for step in (check_data, check_stream):
                step(cloud, feed)
            check_openapi(cloud)
            check_kill(cloud, feed)
            check_sessions(cloud)
            check_diagnostics(cloud, feed)
            check_flood(cloud, feed)
            check_throttle(cloud)
            check(cloud.stop() == 0, "a clean end")
        except BaseException:
            print((folder / "cloud.log").read_text()[-6000:])
            raise
        finally:
            cloud.process.kill()
            feed.close()
        for check_alone in (check_pool, check_mistyped, check_streams, check_tls):
            with tempfile.TemporaryDirectory() as other:
                (pathlib.Path(other) / "web").mkdir()
                check_alone(pathlib.Path(other))
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
