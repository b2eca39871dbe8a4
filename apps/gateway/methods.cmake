# SPDX-License-Identifier: Apache-2.0
# What the hub may ask for: direct methods and nudges. Pure.
add_library(gateway_methods STATIC
  methods/diagnose.c methods/flight.c methods/flight_upload.c methods/line_verdict.c methods/methods.c methods/methods_box.c methods/methods_bus.c methods/methods_job.c methods/methods_table.c methods/nudge.c methods/write_policy.c)
target_include_directories(gateway_methods PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(gateway_methods PUBLIC gateway_core azure PRIVATE strict)
