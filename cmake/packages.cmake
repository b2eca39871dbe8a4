# SPDX-License-Identifier: Apache-2.0
# Everything we link comes from Debian; pkg-config marks the headers as SYSTEM.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(libevent REQUIRED IMPORTED_TARGET libevent libevent_openssl libevent_pthreads)
pkg_check_modules(libcurl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(libmosquitto REQUIRED IMPORTED_TARGET libmosquitto)
pkg_check_modules(libsodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(openssl REQUIRED IMPORTED_TARGET openssl)
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)

# The emulator of the real-time core (GPL): for tests and the demo, never linked into what ships.
pkg_check_modules(unicorn IMPORTED_TARGET unicorn)

# Partners of the tests and benches only: never linked into what ships.
if(BUILD_TESTING)
  pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
  pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
  pkg_check_modules(libmodbus REQUIRED IMPORTED_TARGET libmodbus)
else()
  pkg_check_modules(libmodbus IMPORTED_TARGET libmodbus)
endif()
