# SPDX-License-Identifier: Apache-2.0
# An ELF for the MT3620's real-time core: the port around SOURCES. REPLACE: files that stand in for the
# port's of the same name (the tests' mutants, which must be seen to fail).
#   busward_mt3620(busward-rt LAYOUT tcm SOURCES main_mt3620.c USES rt REPLACE mutants/release.c)
function(busward_mt3620 NAME)
  cmake_parse_arguments(A "" "LAYOUT" "SOURCES;USES;REPLACE" ${ARGN})
  set(dir ${PROJECT_SOURCE_DIR}/port/mt3620)
  set(port clock.c core.c crash.c direction.c div64.c divider.c gpt3.c irq.c irq_mask.c mailbox.c mem.c memory.c
    release.c rings.c start.c timebase.c transceiver.c uart_isr.c watchdog.c)
  foreach(file IN LISTS A_REPLACE)
    get_filename_component(name ${file} NAME)
    list(REMOVE_ITEM port ${name})
  endforeach()
  list(TRANSFORM port PREPEND ${dir}/)
  # memset must not become a call of itself, nor vanish before the compiler asks for it at link time.
  set_source_files_properties(${dir}/mem.c ${dir}/div64.c PROPERTIES COMPILE_OPTIONS "-fno-tree-loop-distribute-patterns;-fno-lto")
  add_executable(${NAME} ${A_SOURCES} ${port} ${A_REPLACE})
  set_target_properties(${NAME} PROPERTIES OUTPUT_NAME ${NAME}.elf
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} LINK_DEPENDS "${dir}/sections.ld;${dir}/${A_LAYOUT}.ld")
  target_include_directories(${NAME} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/lib)
  target_compile_options(${NAME} PRIVATE -ffreestanding)
  target_link_libraries(${NAME} PRIVATE strict ${A_USES} base gcc)
  target_link_options(${NAME} PRIVATE -nostdlib -T ${dir}/${A_LAYOUT}.ld -L ${dir}
    -Wl,--gc-sections -Wl,--fatal-warnings -Wl,-Map=${PROJECT_BINARY_DIR}/${NAME}.map)
endfunction()
