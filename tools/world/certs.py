# SPDX-License-Identifier: Apache-2.0
"""A throw-away certificate authority and a server certificate for loopback, made by openssl."""

import pathlib
import subprocess

DAYS = "30"
CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*words: str) -> None:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {words[0]} failed: {done.stderr.strip()}")


def make_authority(folder: pathlib.Path, name: str = "Busward demo CA") -> pathlib.Path:
    """Writes ca.pem and ca.key (0600) into folder; returns the certificate's path."""
    certificate, key = folder / "ca.pem", folder / "ca.key"
    openssl("req", "-x509", *CURVE, "-keyout", str(key), "-out", str(certificate), "-days", DAYS, "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    key.chmod(0o600)
    return certificate


def make_server(folder: pathlib.Path, stem: str, names: str = "DNS:localhost,IP:127.0.0.1") -> tuple[pathlib.Path, pathlib.Path]:
    """Writes <stem>.pem and <stem>.key (0600), signed by the folder's authority; names are its subjectAltName."""
    certificate, key = folder / f"{stem}.pem", folder / f"{stem}.key"
    request, extensions = folder / f"{stem}.csr", folder / f"{stem}.ext"
    openssl("req", *CURVE, "-keyout", str(key), "-out", str(request), "-subj", f"/CN={stem}")
    extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", str(request), "-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key"),
            "-CAcreateserial", "-days", DAYS, "-extfile", str(extensions), "-out", str(certificate))
    request.unlink()
    extensions.unlink()
    key.chmod(0o600)
    return certificate, key
