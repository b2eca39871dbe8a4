# SPDX-License-Identifier: Apache-2.0
# What comes after the samples: journal, uplink, passwords. Pure but for the storage seam.
add_library(gateway_north STATIC
  north/assignment.c north/budget.c north/dps.c north/dps_answer.c north/expiry.c north/forward.c north/identity.c north/inbox.c journal/journal.c journal/journal_acks.c
  journal/journal_age.c journal/journal_commit.c journal/journal_gap.c journal/journal_limits.c journal/journal_open.c journal/journal_quota.c journal/journal_read.c
  journal/journal_record.c journal/journal_seal.c journal/journal_window.c north/pacing.c twin/remote_config.c twin/remote_state.c twin/remote_text.c
  north/sas.c twin/twin.c north/uplink.c north/uplink_forward.c)
target_include_directories(gateway_north PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(gateway_north PUBLIC azure base json seglog telemetry port_hmac PRIVATE strict)
# The same wired to Linux: threads, files, MQTT.
add_library(gateway_north_linux STATIC
  north/credentials_linux.c north/identity_files_linux.c north/north_channel.c north/north_identity.c north/north_journal.c north/north_linux.c north/north_open.c north/north_state.c north/proxy_linux.c north/sync_trace.c)
target_include_directories(gateway_north_linux PUBLIC ${PROJECT_SOURCE_DIR})
target_compile_definitions(gateway_north_linux PRIVATE _GNU_SOURCE)
target_link_libraries(gateway_north_linux PUBLIC gateway_north port_mqtt port_linux port_storage
  PRIVATE strict json)
