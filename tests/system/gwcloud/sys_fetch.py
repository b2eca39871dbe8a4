#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a file comes only over verified TLS, whole, within its size and with its hash; whatever else a
server does leaves the cache as it was. Method: the port against an HTTPS server that misbehaves in each way."""
import hashlib
import http.server
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import types

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sys_proxy import Proxy  # noqa: E402

PROBE = os.path.join(os.environ["BUSWARD_BUILD"], "tests/system/gwcloud/fetch_probe")
BODY = os.urandom(50000)
DIGEST = hashlib.sha256(BODY).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked += 1
        if self.path == "/redirect":
            self.answer(302, b"", Location=f"https://localhost:{self.server.server_port}/whole")
        elif self.path == "/downgrade":
            self.answer(302, b"", Location="http://localhost:1/whole")
        elif self.path == "/loop":
            self.answer(302, b"", Location="/loop")
        elif self.path == "/whole":
            self.answer(200, BODY)
        elif self.path == "/other":
            self.answer(200, BODY[:-1] + b"\0" + b"\1")
        elif self.path == "/endless":  # says nothing of its size
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(1000):
                    self.wfile.write(BODY)
            except OSError:
                pass
        elif self.path == "/torn":
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY[:20000])
        elif self.path == "/part":
            self.answer(206, BODY)
        else:
            self.answer(404, b"no")

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def certificates(folder):
    for name, subject, names in (("ca", "/CN=ca", ""), ("other", "/CN=other", "")):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.pem"],
                       cwd=folder, check=True, capture_output=True)
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.2", "-keyout", "server.key", "-out",
                    "server.csr"], cwd=folder, check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                    "-CAcreateserial", "-days", "2", "-copy_extensions", "copy", "-out", "server.pem"],
                   cwd=folder, check=True, capture_output=True)


def serve(folder, address):
    server = http.server.ThreadingHTTPServer((address, 0), Server)
    server.asked = 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def through_proxies(folder, server, cache, fetch):
    """Where the proxy is the only way out, files take it, too. By address: a proxy may take a name's first one only."""
    host = f"127.0.0.2:{server.server_port}"
    for kind in ("http", "socks5"):
        proxy = Proxy(types.SimpleNamespace(dir=folder, port=server.server_port), kind, login="me:secret")
        os.unlink(f"{cache}/{DIGEST}")
        said = fetch("/whole", host=host, more=[proxy.url, "me:wrong"])
        assert said.startswith("io: ") and "secret" not in said and "wrong" not in said, said
        assert fetch("/whole", host=host, more=[proxy.url, "me:secret"]) == "ok:", kind
        proxy.end()
        os.unlink(f"{cache}/{DIGEST}")
        assert fetch("/whole", host=host, more=[proxy.url, "me:secret"]).startswith("io: "), kind  # and no other way
        with open(f"{cache}/{DIGEST}", "wb") as file:
            file.write(b"")


def main():
    with tempfile.TemporaryDirectory(prefix="busward-fetch-") as folder:
        certificates(folder)
        server, numbered = serve(folder, "127.0.0.1"), serve(folder, "127.0.0.2")
        cache, base = f"{folder}/cache", f"localhost:{server.server_port}"

        def fetch(path, scheme="https", host=base, digest=DIGEST, ca="ca", size_max=len(BODY), more=()):
            authorities = f"{folder}/{ca}" if os.path.isdir(f"{folder}/{ca}") else f"{folder}/{ca}.pem"
            command = [PROBE, f"{scheme}://{host}{path}", digest, cache, authorities, str(size_max), *more]
            clean = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
            done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=True, env=clean)
            return done.stdout.strip()

        for name, authority in (("ca-folder", "ca"), ("other-folder", "other"), ("empty-folder", None)):
            os.mkdir(f"{folder}/{name}")
            if authority:
                shutil.copy(f"{folder}/{authority}.pem", f"{folder}/{name}/one.pem")
                subprocess.run(["openssl", "rehash", f"{folder}/{name}"], check=True)
        bad = (("/whole", {"ca": "other"}, "io: ", "certificate"),
               ("/whole", {"ca": "other-folder"}, "io: ", "certificate"),
               ("/whole", {"ca": "empty-folder"}, "io: ", "openssl rehash"),
               ("/whole", {"ca": "absent"}, "io: ", "No such file"),
               ("/whole", {"host": base.replace("localhost", "127.0.0.1")}, "io: ", "certificate subject name"),
               ("/whole", {"scheme": "http"}, "io: ", "Protocol \"http\" not supported"),
               ("/etc/passwd", {"scheme": "file", "host": ""}, "io: ", "not supported"),
               ("/downgrade", {}, "io: ", "Protocol \"http\" not supported"),
               ("/loop", {}, "io: ", "redirects"),
               ("/missing", {}, "io: ", "404"),
               ("/part", {}, "io: ", "206"),
               ("/torn", {}, "io: ", ""),
               ("/other", {"size_max": len(BODY) + 1}, "corrupt: ", "another SHA-256"),
               ("/whole", {"size_max": len(BODY) - 1}, "size: ", "larger than 49999 bytes"),
               ("/endless", {}, "size: ", "larger than 50000 bytes"),
               ("/whole", {"digest": "../" + "a" * 61}, "argument: ", "no SHA-256"))
        for path, how, name, words in bad:
            said = fetch(path, **how)
            assert said.startswith(name) and words in said, (path, how, said)
            assert not os.path.exists(cache) or os.listdir(cache) == [], (path, os.listdir(cache))
        assert fetch("/redirect") == "ok:"  # good after bad
        assert os.listdir(cache) == [DIGEST]
        asked = server.asked
        assert fetch("/whole") == "ok:" and server.asked == asked  # it is there
        with open(f"{cache}/{DIGEST}", "r+b") as file:  # and no longer what it was
            file.write(b"x")
        assert fetch("/whole") == "ok:" and server.asked == asked + 1
        with open(f"{cache}/{DIGEST}", "rb") as file:
            assert file.read() == BODY
        os.unlink(f"{cache}/{DIGEST}")
        assert fetch("/whole", ca="ca-folder") == "ok:"
        through_proxies(folder, numbered, cache, fetch)
    print("ok")


main()
