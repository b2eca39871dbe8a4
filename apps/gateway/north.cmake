# SPDX-License-Identifier: Apache-2.0
# What comes after the samples: journal, uplink, passwords. Pure but for the storage seam.
add_library(gateway_north STATIC
  assignment.c dps.c dps_answer.c expiry.c identity.c inbox.c journal.c journal_acks.c journal_commit.c
  journal_gap.c journal_open.c journal_quota.c journal_read.c journal_record.c journal_seal.c journal_window.c
  remote_config.c remote_state.c remote_text.c sas.c twin.c uplink.c)
target_include_directories(gateway_north PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(gateway_north PUBLIC azure base json seglog telemetry port_hmac PRIVATE strict)
# The same wired to Linux: threads, files, MQTT.
add_library(gateway_north_linux STATIC
  credentials_linux.c identity_files_linux.c north_channel.c north_identity.c north_journal.c north_linux.c north_open.c sync_trace.c)
target_include_directories(gateway_north_linux PUBLIC ${PROJECT_SOURCE_DIR})
target_compile_definitions(gateway_north_linux PRIVATE _GNU_SOURCE)
target_link_libraries(gateway_north_linux PUBLIC gateway_north port_mqtt port_linux port_storage
  PRIVATE strict json)
