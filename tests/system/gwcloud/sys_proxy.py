#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the hub is reached through an HTTP or a SOCKS5 proxy as without, and what a proxy refuses is
said. Method: the gateway's northern half, a real tinyproxy and microsocks, and a real hub."""
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sys_north import Driver, assert_once, traced, wait_until  # noqa: E402

from hub_world import Hub  # noqa: E402
from world.ports import free_port  # noqa: E402


class Proxy:
    running = []

    def __init__(self, hub, kind, login=None, port=None):
        self.port = port or free_port()
        if kind == "http":
            lines = [f"Port {self.port}", "Listen 127.0.0.1", "Timeout 600", "MaxClients 20",
                     f'LogFile "{hub.dir}/tinyproxy.log"', f"ConnectPort {hub.port}"]
            lines += [f"BasicAuth {login.replace(':', ' ')}"] if login else []
            with open(f"{hub.dir}/tinyproxy.conf", "w") as out:
                out.write("\n".join(lines) + "\n")
            command = ["tinyproxy", "-d", "-c", f"{hub.dir}/tinyproxy.conf"]
        else:
            command = ["microsocks", "-i", "127.0.0.1", "-p", str(self.port)]
            if login:
                user, password = login.split(":")
                command += ["-u", user, "-P", password]
        self.url = f"{'http' if kind == 'http' else 'socks5'}://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        Proxy.running.append(self.process)
        wait_until("the proxy listens", self.listens)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self):
        self.process.kill()
        self.process.wait()


def login_file(hub, text, mode=0o600):
    path = os.path.join(hub.dir, "proxy.login")
    with open(path, "w") as out:
        out.write(text + "\n")
    os.chmod(path, mode)
    return path


def through(hub, kind):
    proxy = Proxy(hub, kind)
    driver = Driver(hub, address="127.0.0.1", proxy=proxy.url)
    driver.wait_line("mod=uplink ev=online")
    wait_until("samples flow", lambda: len(traced(hub)) > 150)
    proxy.end()
    driver.wait_line("mod=uplink ev=lost .*(closed|Connection refused|reset)")
    driver.wait_line("mod=uplink ev=lost .*proxy: Connection refused")
    proxy = Proxy(hub, kind, port=proxy.port)
    driver.wait_line("mod=uplink ev=online", count=2)
    assert_once(hub)
    driver.end()
    proxy.end()


def test_http_proxy(hub):
    through(hub, "http")


def test_socks_proxy(hub):
    through(hub, "socks5")


def test_logins(hub):
    for kind in ("http", "socks5"):
        proxy = Proxy(hub, kind, login="gate:open-sesame")
        for login in (None, "gate:open-barley"):
            options = {"proxy_login": login_file(hub, login)} if login else {}
            driver = Driver(hub, address="127.0.0.1", proxy=proxy.url, **options)
            driver.wait_line("mod=uplink ev=lost .*the proxy wants another login")
            driver.end()
        driver = Driver(hub, address="127.0.0.1", proxy=proxy.url,
                        proxy_login=login_file(hub, "gate:open-sesame"))
        driver.wait_line("mod=uplink ev=online")
        driver.end()
        assert "open-sesame" not in "".join(driver.lines)
        proxy.end()


def test_what_is_wrong_is_said(hub):
    proxy = Proxy(hub, "http")
    for options, problem in (({"proxy": "http://user:word@host"}, "proxy_login_file"),
                             ({"proxy": "ftp://host"}, "http://host:port"),
                             ({"proxy": proxy.url, "proxy_login": login_file(hub, "a:b", 0o644)}, "chmod 600"),
                             ({"proxy": proxy.url, "proxy_login": login_file(hub, "ab")}, "user:password")):
        if "proxy_login" in options:
            os.chmod(options["proxy_login"], 0o644 if problem == "chmod 600" else 0o600)
        driver = Driver(hub, **options)
        assert driver.process.wait(30) == 1
        driver.follower.join()
        assert problem in "".join(driver.lines), driver.lines
    # A port that the proxy does not let anybody reach, and a server that is none of the hub's.
    driver = Driver(hub, address="127.0.0.1", proxy=proxy.url, port=free_port())
    driver.wait_line("mod=uplink ev=lost .*the proxy refuses")
    driver.end()
    driver = Driver(hub, address="127.0.0.1", proxy=proxy.url, host="hub.other")
    driver.wait_line("mod=uplink ev=lost .*certificate of hub.other: hostname mismatch")
    driver.end()
    proxy.end()


def test_a_proxy_that_says_nothing(hub):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        driver = Driver(hub, address="127.0.0.1", proxy=f"socks5://127.0.0.1:{silent.getsockname()[1]}")
        accepted, _ = silent.accept()
        driver.wait_line("mod=journal ev=open")
        driver.end()
        assert not any("ev=lost" in line for line in driver.lines), driver.lines  # it waited for neither answer nor time-out
        accepted.close()


def test_will(hub):
    """Without a farewell the hub adds an event of ours; with one it does not."""
    def events():
        return [record for record in hub.records() if "without a farewell" in str(record[3])]

    driver = Driver(hub, will=1)
    driver.wait_line("mod=uplink ev=online")
    driver.end()
    assert events() == []
    driver = Driver(hub, will=1, first=1000000)
    driver.wait_line("mod=uplink ev=online")
    driver.end(signal.SIGKILL)
    wait_until("the will is stored", lambda: len(events()) == 1)


def main():
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (len(sys.argv) > 1 and name not in sys.argv[1:]):
            continue
        hub = Hub().start()
        try:
            test(hub)
            print(f"ok {name}", flush=True)
        finally:
            for process in Driver.running + Proxy.running:
                process.kill()
            hub.close()


if __name__ == "__main__":
    main()
