#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Microsoft's unmodified service SDKs (azure-iothub, azure-iot-provisioning-service) drive the hub: service.mjs has the stories."""

import sys

import azure_world


def main() -> None:
    azure_world.check_sdks()
    azure_world.enter_namespace()
    with azure_world.AzureWorld() as world:
        world.run_node("service.mjs", *sys.argv[1:])


if __name__ == "__main__":
    main()
