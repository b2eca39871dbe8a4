# SPDX-License-Identifier: Apache-2.0
"""mosquitto with the hub's plugin, as docs/hub.md has it, on loopback."""

import os
import pathlib


def broker_conf(mode: str, port: int, *, certificate: pathlib.Path, key: pathlib.Path, link: pathlib.Path, plugin: pathlib.Path,
                directory: pathlib.Path, log: pathlib.Path | None = None, log_bytes_max: int = 0, quiet: bool = False) -> str:
    """mosquitto.conf of the hub's broker (mode hub, with a log) or of the provisioning service's (mode dps)."""
    lines = ["# Made for one run; docs/hub.md explains each line.", "per_listener_settings false", "persistence false",
             "allow_anonymous false", "max_packet_size 300000", "log_dest stderr",
             f"listener {port} 127.0.0.1", "max_qos 1", f"certfile {certificate}", f"keyfile {key}", "tls_version tlsv1.2",
             f"listener 0 {link}", f"plugin {plugin}", f"plugin_opt_mode {mode}", f"plugin_opt_directory {directory}"]
    if quiet:  # without mosquitto's own word on every connection
        lines += ["log_type error", "log_type warning", "log_type notice"]
    if log:
        lines.append(f"plugin_opt_data_dir {log}")
    if log_bytes_max:
        lines.append(f"plugin_opt_log_bytes_max {log_bytes_max}")
    if os.geteuid() == 0:
        lines.append("user root")
    return "\n".join(lines) + "\n"
