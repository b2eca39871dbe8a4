# SPDX-License-Identifier: Apache-2.0
"""A whole Busward on loopback: line, receiver, hub, gateway and cloud, for the demo, the tests and the benches."""
