#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Commands, configuration and nudges, from a browser's request to what a hub's service REST is asked.

Goal: what a person may not do never reaches the hub, what reaches it stands in the table of commands, each failure is
told in words, and nothing that changes something is asked twice. Method: busward-cloud as a real process, a hub over TLS in
the shapes of Azure's documents that can be told to fail.
"""

import contextlib
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from cloud_world import BUILD, DEADLINE_S, T0, Cloud, Feed, check, count_of, wait_for
from hub_rest import BREAKS, KEY, POLICY, Hub, refusal

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))
from tools.world import certs  # noqa: E402

CROWD = 20  # more than the cloud asks a hub at a time
PASSWORD = "correct horse battery"
GATEWAY = "/api/sites/shop/gateway"
COMMANDS = f"{GATEWAY}/commands"
EVERY = ("identify", "sync_now", "diagnostics", "job", "read", "scan", "line_test", "flight_record", "write", "log_level", "reload",
         "restart")


STORE_BEFORE = {"state", "site", "series", "latest", "log", "tail", "chunk", "apart", "seen", "catalogue", "gap", "event", "aside", "text"}
ACCOUNTS_BEFORE = {"account", "grants", "sessions", "secret", "audit"}


def post(cloud: Cloud, path: str, body: dict) -> tuple[int, dict]:
    status, headers, answer = cloud.ask("POST", path, body, {"X-CSRF-Token": cloud.csrf})
    if status == 503:
        check(int(headers["Retry-After"]) > 0, "a busy answer says when to come back")
    return status, answer


def refused(cloud: Cloud, path: str, body: dict) -> tuple[int, str]:
    status, answer = post(cloud, path, body)
    check("error" in answer and len(answer["error"]["message"]) > 5, f"{path}: {status} {answer}")
    return status, answer["error"]["code"]


def methods(hub: Hub) -> list:
    return [entry for entry in hub.asked if entry[1].startswith("/twins/shop/methods")]


def check_commands(cloud: Cloud, hub: Hub) -> None:
    for name in EVERY:
        status, answer = post(cloud, f"{COMMANDS}/{name}", {"arguments": {"unit": 3}})
        check((status, answer["status"], answer["payload"]) == (200, 200, {"did": name, "with": {"unit": 3}}), f"{name}: {status} {answer}")
    status, answer = post(cloud, f"{COMMANDS}/identify", {})
    check(answer["payload"] == {"did": "identify", "with": None}, f"without arguments: {answer}")
    body = methods(hub)[0][3]
    check(body["responseTimeoutInSeconds"] == 10 and body["connectTimeoutInSeconds"] == 0, f"times {body}")
    rows = cloud.get(f"{COMMANDS}?limit=500")["commands"]
    check([row["action"] for row in rows] == ["identify", *reversed(EVERY)], f"the table: {rows}")
    last = rows[1]
    check((last["user"], last["outcome"], last["arguments"]) == ("owner", "200", '{"unit": 3}'), f"a row {last}")
    check(last["address"] == "127.0.0.1" and abs(last["at_ms"] - time.time() * 1000) < 60_000, f"a row {last}")
    asked = len(hub.asked)
    for path, body in ((f"{COMMANDS}/identify", {"x": 1}), (f"{COMMANDS}/identify", {"arguments": []}), (f"{GATEWAY}/configuration", {}),
                       (f"{GATEWAY}/configuration", {"patch": {"a": 1}}), (f"{GATEWAY}/configuration", {"etag": "x", "patch": 5})):
        check(refused(cloud, path, body) == (400, "bad_request"), f"{path} {body}")
    check(cloud.ask("POST", f"{COMMANDS}/identify", {})[0] == 403, "without the CSRF token")
    check(post(cloud, "/api/sites/other/gateway/commands/identify", {})[0] == 404, "another site")
    check(post(cloud, f"{COMMANDS}/format", {})[0] == 404, "a command that there is not")
    check(len(hub.asked) == asked, "none of these reached the hub")


def check_configuration(cloud: Cloud, hub: Hub) -> None:
    seen = cloud.get(GATEWAY)
    check(seen["connected"] and seen["status"] == "enabled" and seen["desired"] == {}, f"{seen}")
    check(seen["reported"] == hub.reported and seen["reported_version"] == 3, f"no metadata: {seen}")
    patch = {"telemetry": {"max_age_ms": 1000, "old": None}}
    status, answer = post(cloud, f"{GATEWAY}/configuration", {"etag": seen["etag"], "patch": patch})
    check(status == 200 and answer["desired"]["telemetry"]["max_age_ms"] == 1000, f"{status} {answer}")
    check(answer["etag"] != seen["etag"] and answer["desired_version"] == 2, f"{answer}")
    late = {"etag": seen["etag"], "patch": {"telemetry": {"max_age_ms": 5}}}
    check(refused(cloud, f"{GATEWAY}/configuration", late) == (412, "changed_meanwhile"), "somebody was first")
    check(cloud.get(GATEWAY)["desired"]["telemetry"]["max_age_ms"] == 1000, "the first one's stays")
    rows = cloud.get(f"{COMMANDS}?limit=2")["commands"]
    check([row["action"] for row in rows] == ["configure"] * 2 and rows[1]["outcome"] == "stored as version 2", f"{rows}")
    check(rows[0]["outcome"].startswith("changed_meanwhile"), f"{rows}")
    large = {"profiles": {f"p{i}": "x" * 1000 for i in range(30)}}
    check(post(cloud, f"{GATEWAY}/configuration", {"etag": answer["etag"], "patch": large})[0] == 200, "30 kB")
    check(len(cloud.get(f"{COMMANDS}?limit=1")["commands"][0]["arguments"]) == 2048, "its beginning is kept")


def check_refusals(cloud: Cloud, hub: Hub) -> None:
    cases = [
        (refusal(404, "DeviceNotFound"), (409, "gateway_unknown"), 1),
        (refusal(504, "GatewayTimeout"), (504, "gateway_silent"), 1),
        (refusal(403, "IoTHubQuotaExceeded"), (502, "hub_refused"), 1),
        ((200, {}, b"<html>"), (502, "hub_misfit"), 1),
        ((200, {}, b"{}"), (502, "hub_misfit"), 1),
        ((200, {}, b'"' + b"x" * 600_000 + b'"'), (502, "hub_misfit"), 1),
        ((302, {"Location": "https://localhost/"}, b""), (502, "hub_refused"), 1),
        ((429, {"Retry-After": "60"}, b""), (503, "busy"), 1),
    ]
    for fault, expected, times in cases:
        before = len(methods(hub))
        hub.faults = [fault]
        status, answer = post(cloud, f"{COMMANDS}/restart", {})
        check((status, answer["error"]["code"]) == expected and len(methods(hub)) == before + times, f"{fault[:2]}: {status} {answer}")
    hub.offline = True
    check(refused(cloud, f"{COMMANDS}/identify", {}) == (409, "gateway_offline"), "offline")
    check(cloud.get(GATEWAY)["connected"] is False, "shown as offline")
    hub.offline = False


def check_retries(cloud: Cloud, hub: Hub) -> None:
    before = len(methods(hub))
    hub.faults = [(429, {"Retry-After": "1"}, b""), (503, {}, b"")]
    began = time.monotonic()
    check(post(cloud, f"{COMMANDS}/sync_now", {})[0] == 200, "after two refusals")
    check(len(methods(hub)) == before + 3 and time.monotonic() - began >= 1, "the hub's word was heeded")
    hub.faults = [(500, {}, b"")]
    check(cloud.ask("GET", GATEWAY)[0] == 200, "a question that changes nothing is asked again")
    hub.faults = [(500, {}, b"")]
    before = len(methods(hub))
    check(post(cloud, f"{COMMANDS}/restart", {})[0] == 502 and len(methods(hub)) == before + 1, "a restart is not")


def check_broken_lines(cloud: Cloud, hub: Hub) -> None:
    """The hub takes a request over a connection that served before, and breaks it: whether it acted is not known."""
    for path, body, asked in ((f"{COMMANDS}/restart", {}, lambda: methods(hub)),
                              (f"{GATEWAY}/configuration", {"etag": "x", "patch": {"a": 1}}, lambda: hub.of("PATCH"))):
        check(cloud.ask("GET", GATEWAY)[0] == 200, "a connection that may be used again")
        before = len(asked())
        hub.faults = [(BREAKS, {}, b"")]
        check(refused(cloud, path, body) == (504, "hub_silent"), f"{path}: the person is told that nobody knows")
        check(len(asked()) == before + 1, f"{path} went out {len(asked()) - before} times")
    rows = cloud.get(f"{COMMANDS}?limit=2")["commands"]
    check(all(row["outcome"].startswith("hub_silent") for row in rows), f"{rows}")
    hub.faults = [(BREAKS, {}, b"")]
    check(cloud.ask("GET", GATEWAY)[0] == 200, "a question is asked again")


def check_fleet(cloud: Cloud, hub: Hub) -> None:
    """A page of twins that is larger than an answer may be is asked for in smaller ones."""
    hub.fleet = [f"store-{number:03}" for number in range(300)]
    hub.reported["note"] = "x" * 4000
    found, path = [], "/api/gateways?limit=300"
    while path:
        page = cloud.get(path)
        found += [gateway["id"] for gateway in page["gateways"]]
        path = f"/api/gateways?limit=300&continuation={page['continuation']}" if page["continuation"] else ""
    check(found == hub.fleet, f"{len(found)} gateways: {found[:3]} ...")
    del hub.reported["note"]


def check_long_table(cloud: Cloud) -> None:
    """As many rows as may be asked for, each as long as can be."""
    row = (5, "owner", "127.0.0.1", "shop", "configure", '"' * 2048, '"' * 255)
    with contextlib.closing(sqlite3.connect(cloud.folder / "data/accounts.db", timeout=DEADLINE_S)) as db, db:
        columns = "at_ms, user, address, site, action, arguments, outcome"
        db.executemany(f"INSERT INTO command({columns}) VALUES(?, ?, ?, ?, ?, ?, ?)", [row] * 500)
    check(len(cloud.get(f"{COMMANDS}?limit=500")["commands"]) == 500, "all of them")
    with contextlib.closing(sqlite3.connect(cloud.folder / "data/accounts.db", timeout=DEADLINE_S)) as db, db:
        db.execute("DELETE FROM command WHERE at_ms=5")


def check_keys(cloud: Cloud, hub: Hub, key_file: pathlib.Path) -> None:
    """The policy's key is changed: the next 401 makes the client read it anew."""
    hub.key = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY="
    check(cloud.ask("GET", GATEWAY)[2]["error"]["code"] == "hub_denied", "the old key")
    key_file.write_text(f"HostName=localhost;SharedAccessKeyName={POLICY};SharedAccessKey={hub.key}\n")
    check(cloud.ask("GET", GATEWAY)[0] == 200, "the new key, without a restart")
    tokens = {entry[2]["Authorization"] for entry in hub.asked[-1:]}
    check(hub.key not in (cloud.folder / "cloud.log").read_text(), "no key in the log")
    for token in tokens:
        check(token[30:] not in (cloud.folder / "cloud.log").read_text(), "no token in the log")


def check_roles(cloud: Cloud, hub: Hub) -> None:
    """The same person as a viewer, then as an operator; by the file, as no route makes accounts yet."""
    owners = ("write", "log_level", "reload", "restart")
    others = tuple(name for name in EVERY if name not in owners)
    for role, may, may_not in (("viewer", (), EVERY), ("operator", others, owners)):
        cloud.stop()
        with contextlib.closing(sqlite3.connect(cloud.folder / "data/accounts.db")) as db, db:
            db.execute("UPDATE grants SET role=?", (role,))
        cloud.start()
        cloud.log_in_by("/api/login", {"name": "owner", "password": PASSWORD})
        asked = len(hub.asked)
        for name in may_not:
            check(refused(cloud, f"{COMMANDS}/{name}", {}) == (403, "forbidden"), f"{role} and {name}")
            check(refused(cloud, f"/api/sites/other/gateway/commands/{name}", {})[0] in (403, 404), f"{role} and {name} elsewhere")
        check(refused(cloud, f"{GATEWAY}/configuration", {"etag": "x", "patch": {}}) == (403, "forbidden"), f"{role} configures")
        check(len(hub.asked) == asked, "the hub heard nothing of it")
        check(cloud.ask("GET", COMMANDS)[0] == (200 if role == "operator" else 403), f"{role} and the table")
        if role == "operator":
            check(all("address" not in row for row in cloud.get(COMMANDS)["commands"]), "from where is for who may audit")
        check((cloud.ask("GET", GATEWAY)[0] == 200) == (role == "operator"), f"{role} sees the gateway")
        check(cloud.ask("GET", f"{GATEWAY}/records")[0] == (200 if role == "operator" else 403), f"{role} and flight records")
        for name in may:
            check(post(cloud, f"{COMMANDS}/{name}", {})[0] == 200, f"{role} and {name}")
    cloud.stop()
    with contextlib.closing(sqlite3.connect(cloud.folder / "data/accounts.db")) as db, db:
        db.execute("UPDATE grants SET role='owner'")
    cloud.start()
    cloud.log_in_by("/api/login", {"name": "owner", "password": PASSWORD})


def nudges(hub: Hub, path: str) -> list:
    return [entry for entry in hub.asked if entry[1].startswith(path)]


def check_nudges(cloud: Cloud, hub: Hub) -> None:
    message, method = "/devices/shop/messages/devicebound", "/twins/shop/methods"
    check(not nudges(hub, message), "nobody looked so far")
    with contextlib.closing(cloud.connect()) as connection:
        connection.request("GET", "/api/stream?site=shop", headers={"Cookie": cloud.cookie})
        stream = connection.getresponse()  # open as long as this is held
        wait_for(lambda: nudges(hub, message), "a nudge")
        _, _, headers, body = nudges(hub, message)[0]
        check(body == {"nudge": "watch", "for_s": 60} and headers["iothub-expiry"].endswith("Z"), f"{headers} {body}")
        stream.close()
    check(len(nudges(hub, message)) == 1, "once in 45 s")
    # A hub without that route, as Azure: asked by method from then on.
    hub.has_messages = False
    cloud.stop()
    cloud.start()
    before = len(nudges(hub, method))
    with contextlib.closing(cloud.connect()) as connection:
        connection.request("GET", "/api/stream?site=shop", headers={"Cookie": cloud.cookie})
        stream = connection.getresponse()  # open as long as this is held
        wait_for(lambda: len(nudges(hub, method)) > before, "the other way")
        stream.close()
    check(nudges(hub, method)[-1][3]["methodName"] == "sync_now", "by sync_now")


def check_hanging_hub(cloud: Cloud, hub: Hub, feed: Feed) -> None:
    """The hub takes connections and answers nobody: pages, streams and what comes in go on, and later all is answered."""
    answers = []
    crowd = [threading.Thread(target=lambda: answers.append(post(cloud, f"{COMMANDS}/identify", {}))) for _ in range(CROWD)]
    before = count_of(cloud, 1)
    with contextlib.closing(cloud.connect()) as connection, hub.lock:
        for each in crowd:
            each.start()
        wait_for(lambda: len(cloud.get(f"{COMMANDS}?limit={CROWD}")["commands"]) == CROWD
                 and all(row["outcome"] is None for row in cloud.get(f"{COMMANDS}?limit={CROWD}")["commands"]), "all of them under way")
        connection.request("GET", "/api/stream?site=shop", headers={"Cookie": cloud.cookie})
        stream = connection.getresponse()
        feed.say(f"series 1 {T0 + 3_600_000} 1000 20")
        while not stream.readline().startswith(b"event: "):
            pass
        wait_for(lambda: count_of(cloud, 1) == before + 20, "the samples")
        check(cloud.ask("GET", "/api/sites/shop/overview")[0] == 200 and cloud.ask("GET", "/healthz")[0] == 200, "pages go on")
        check(not answers, "nobody was answered so far")
        stream.close()
    for each in crowd:
        each.join(DEADLINE_S)
    check([status for status, _ in answers] == [200] * CROWD, f"{answers}")


def check_kill(cloud: Cloud, hub: Hub) -> None:
    """Killed while a gateway works: the command is in the table, without an outcome."""
    hub.lock.acquire()
    try:
        with contextlib.closing(cloud.connect()) as connection:
            headers = {"Cookie": cloud.cookie, "X-CSRF-Token": cloud.csrf, "Content-Type": "application/json"}
            connection.request("POST", f"{COMMANDS}/scan", "{}", headers)
            wait_for(lambda: cloud.get(f"{COMMANDS}?limit=1")["commands"][0]["action"] == "scan", "the row")
            cloud.stop(signal.SIGKILL)
    finally:
        hub.lock.release()
    cloud.start()
    row = cloud.get(f"{COMMANDS}?limit=1")["commands"][0]
    check((row["action"], row["outcome"]) == ("scan", None), f"{row}")


def tables_of(path: pathlib.Path) -> set:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return {name for name, in db.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite%'")}


def check_earlier_files(cloud: Cloud) -> None:
    """Files as versions before Kafka, commands and flight records wrote them: opened as they are, with all that is in them."""
    before = count_of(cloud, 1)
    check(before > 0, "there are samples")
    cloud.stop()
    store, accounts = (cloud.folder / "data" / name for name in ("store.db", "accounts.db"))
    with contextlib.closing(sqlite3.connect(store)) as db, db:
        for table in ("source_offset", "flight", "flight_part"):
            db.execute(f"DROP TABLE {table}")
        db.execute("ALTER TABLE state DROP COLUMN record")
    with contextlib.closing(sqlite3.connect(accounts)) as db, db:
        db.execute("DROP TABLE command")
        db.execute("DROP TABLE acknowledged")
    check(tables_of(store) == STORE_BEFORE and tables_of(accounts) == ACCOUNTS_BEFORE, f"{tables_of(store)} {tables_of(accounts)}")
    cloud.start()
    cloud.log_in_by("/api/login", {"name": "owner", "password": PASSWORD})
    check(count_of(cloud, 1) == before, "every sample is still there, once")
    check(cloud.get(COMMANDS)["commands"] == [], "nobody has said anything yet")
    check(post(cloud, f"{COMMANDS}/identify", {})[0] == 200 and len(cloud.get(COMMANDS)["commands"]) == 1, "now somebody has")
    check({"source_offset", "flight", "flight_part"} <= tables_of(store) and "command" in tables_of(accounts), "the next version's tables")


def check_unreachable(cloud: Cloud, hub: Hub) -> None:
    hub.stop()
    check(cloud.ask("GET", GATEWAY)[2]["error"]["code"] == "hub_unreachable", "no hub")
    check(cloud.ask("GET", "/healthz")[0] == 200, "the rest goes on")


def check_starts(folder: pathlib.Path, key_file: pathlib.Path) -> None:
    """What is wrong with the settings is said at the start."""
    base = [BUILD / "apps/cloud/busward-cloud", "--data", folder / "d", "--listen", "127.0.0.1:0"]
    log, hub = ["--hub-log", folder], ["--hub-url", "https://localhost:1", "--hub-key-file", key_file]
    open_key = folder / "open.key"
    open_key.write_text(KEY)
    open_key.chmod(0o644)
    bad_key = folder / "bad.key"
    bad_key.write_text("?")
    bad_key.chmod(0o600)
    cases = [
        ([], 2, "--hub-log is needed"),
        (["--kafka-bootstrap", "127.0.0.1:1"], 2, "come together"),
        (["--kafka-bootstrap", "127.0.0.1:1", "--kafka-topic", "^d2c.*"], 2, "one name"),
        ([*log, "--kafka-ca", "x"], 2, "need --kafka-bootstrap"),
        ([*log, "--hub-url", "https://h"], 2, "come together"),
        ([*log, "--hub-ca", "x"], 2, "need --hub-url"),
        ([*log, "--hub-url", "http://h", "--hub-key-file", key_file], 1, "https://host"),
        ([*log, "--hub-url", "https://h", "--hub-key-file", open_key], 1, "0600"),
        ([*log, "--hub-url", "https://h", "--hub-key-file", bad_key], 1, "base64"),
        ([*log, *hub, "--hub-policy", "other"], 1, "--hub-policy"),
        ([*log, *hub, "--hub-ca", folder / "none.pem"], 1, "--hub-ca"),
        (["--kafka-bootstrap", "h:1", "--kafka-topic", "t", "--kafka-connection-string-file", open_key], 1, "0600"),
        (["--kafka-bootstrap", "h:1", "--kafka-topic", "t", "--kafka-connection-string-file", bad_key], 1, "Endpoint=sb://"),
    ]
    for options, code, words in cases:
        done = subprocess.run([*base, *options], capture_output=True, text=True, timeout=DEADLINE_S)
        check(done.returncode == code and words in done.stderr, f"{options}: {done.returncode} {done.stderr[-400:]}")


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "web").mkdir()
        certs.make_authority(folder)
        key_file = folder / "policy.key"
        key_file.write_text(f"HostName=localhost;SharedAccessKeyName={POLICY};SharedAccessKey={KEY}\n")
        key_file.chmod(0o600)
        hub = Hub(*certs.make_server(folder, "hub"))
        cloud = Cloud(folder, "--hub-url", hub.url, "--hub-key-file", str(key_file), "--hub-ca", str(folder / "ca.pem"))
        feed = Feed(folder / "log", "shop")
        feed.say("points 3")
        feed.say(f"series 1 {T0} 1000 20")
        cloud.start()
        try:
            token = (folder / "data/setup-link").read_text().strip().rsplit("token=", 1)[1]
            cloud.log_in_by("/api/setup", {"token": token, "name": "owner", "password": PASSWORD})
            wait_for(lambda: cloud.get("/api/sites")["sites"], "the site")
            for step in (check_commands, check_configuration, check_refusals, check_retries, check_broken_lines, check_fleet):
                step(cloud, hub)
            check_long_table(cloud)
            check_keys(cloud, hub, key_file)
            for step in (check_roles, check_nudges, check_kill):
                step(cloud, hub)
            check_hanging_hub(cloud, hub, feed)
            check_earlier_files(cloud)
            stranger = pathlib.Path(folder / "other")
            stranger.mkdir()
            cloud.stop()
            cloud.options = ("--hub-url", hub.url, "--hub-key-file", str(key_file), "--hub-ca", str(certs.make_authority(stranger)))
            cloud.start()
            check(cloud.ask("GET", GATEWAY)[2]["error"]["code"] == "hub_unreachable", "a hub of another authority")
            cloud.stop()
            cloud.options = ("--hub-url", hub.url, "--hub-key-file", str(key_file), "--hub-ca", str(folder / "ca.pem"))
            cloud.start()
            check_unreachable(cloud, hub)
            check(cloud.stop() == 0, "a clean end")
            cloud.options = ()
            cloud.start()
            check(cloud.ask("GET", GATEWAY)[:1] == (501,), "without a hub")
            check(cloud.stop() == 0, "a clean end")
            check_starts(folder, key_file)
        except BaseException:
            print((folder / "cloud.log").read_text()[-6000:])
            raise
        finally:
            cloud.process.kill()
            feed.close()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
