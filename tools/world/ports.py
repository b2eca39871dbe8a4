# SPDX-License-Identifier: Apache-2.0
"""Ports for servers that are started later, killed and started again: nobody else gets them meanwhile."""

import random
import socket

PORTS = (20000, 32000)  # below those that the kernel hands out by itself, so that no passing connection takes one
_held: list[socket.socket] = []  # until this process ends


def _claim(port: int) -> socket.socket | None:
    """Claims a port among all that ask here. A name without a file is the claim: its process's death gives it back."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0busward-port-{port}")
        with socket.socket() as probe:  # of any address: a stranger's server counts too
            probe.bind(("0.0.0.0", port))
    except OSError:
        claim.close()
        return None
    return claim


def free_ports(count: int) -> list[int]:
    """Ports that belong to this process until it ends, whether a server is bound to them or not."""
    found = []
    while len(found) < count:
        port = random.randrange(*PORTS)
        if claim := _claim(port):
            _held.append(claim)
            found.append(port)
    return found


def free_port() -> int:
    return free_ports(1)[0]
