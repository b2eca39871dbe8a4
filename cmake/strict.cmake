# SPDX-License-Identifier: Apache-2.0
# `strict` is linked privately by every target of ours: C17, all warnings, each an error.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(strict INTERFACE)
target_compile_options(strict INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wcast-align=strict
  -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wswitch-enum -Wundef -Wvla
  -Wformat=2 -Wno-format-zero-length -Wdouble-promotion -Wnull-dereference -Wwrite-strings -Wpointer-arith -Werror)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  # clang has no -Wcast-align=strict, and its null analysis does not follow our cursors.
  target_compile_options(strict INTERFACE -Wno-unknown-warning-option -Wcast-align)
else()
  target_compile_options(strict INTERFACE -Wlogical-op -Wduplicated-cond -Wduplicated-branches)
endif()

# A library under lib/: freestanding, public headers relative to lib/.
#   busward_lib(NAME SOURCES a.c b.c USES base json)
function(busward_lib NAME)
  cmake_parse_arguments(A "" "" "SOURCES;USES" ${ARGN})
  add_library(${NAME} STATIC ${A_SOURCES})
  target_include_directories(${NAME} PUBLIC ${PROJECT_SOURCE_DIR}/lib ${PROJECT_BINARY_DIR}/generated)
  target_compile_options(${NAME} PRIVATE -ffreestanding)
  target_link_libraries(${NAME} PUBLIC ${A_USES} PRIVATE strict)
  set_property(GLOBAL APPEND PROPERTY BUSWARD_LIBS ${NAME})
endfunction()
