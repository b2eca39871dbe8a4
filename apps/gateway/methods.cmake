# SPDX-License-Identifier: Apache-2.0
# What the hub may ask for: direct methods and nudges. Pure.
add_library(gateway_methods STATIC
  diagnose.c flight.c flight_upload.c line_verdict.c methods.c methods_box.c methods_bus.c methods_job.c methods_table.c nudge.c write_policy.c)
target_include_directories(gateway_methods PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(gateway_methods PUBLIC gateway_core azure PRIVATE strict)
