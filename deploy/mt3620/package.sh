#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Stages the real-time core's application as the Azure Sphere tools want it and packs it where they are
# installed: deploy/mt3620/package.sh BUILD [OUT]. BUILD holds busward-rt.elf, OUT is BUILD/package if not given.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
out=${2:-$build/package}

say() { printf '%s\n' "package: $*"; }

[ -f "$build/busward-rt.elf" ] || { say "$build/busward-rt.elf is not there: ./dev rt builds it"; exit 1; }
rm -rf "$out/approot"
mkdir -p "$out/approot/bin"
# Debug sections stay behind: the package counts against 1 MiB of flash.
arm-none-eabi-strip -o "$out/approot/bin/app" "$build/busward-rt.elf"
cp "$here/rt/app_manifest.json" "$out/approot/app_manifest.json"
say "staged $out/approot: bin/app of $(wc -c <"$out/approot/bin/app") bytes, app_manifest.json"

if ! command -v azsphere >/dev/null 2>&1; then
    say "not packed: azsphere is not installed. It comes with the Azure Sphere SDK for Linux or Windows;"
    say "with it: azsphere image-package pack-application --input $out/approot --destination-file $out/busward-rt.imagepackage"
    exit 3
fi
azsphere image-package pack-application --input "$out/approot" --destination-file "$out/busward-rt.imagepackage"
say "packed $out/busward-rt.imagepackage; on a device in development mode: azsphere device sideload deploy"
