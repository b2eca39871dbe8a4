# SPDX-License-Identifier: Apache-2.0
# What goes where, and the Debian packages of it (`./dev package`; docs/deploy.md). Without packages:
# `DESTDIR=/some/root cmake --install build/release [--component gateway]`. The presets' prefix is /usr, as units and examples name it.
include(GNUInstallDirs)
set(deploy ${PROJECT_SOURCE_DIR}/deploy)
set(settings ${CMAKE_INSTALL_FULL_SYSCONFDIR}/busward)
set(documents ${CMAKE_INSTALL_DATADIR}/doc)

# One part, a component of cmake --install and a package: its programs, the examples that become the administrator's settings (from
# then on an upgrade keeps his), and, if it has units, its user and folders.
#   busward_part(hub PACKAGE busward-hub ABOUT "..." DEPENDS "mosquitto" PROGRAMS busward-hub SETTINGS linux/hub.conf
#     UNITS busward-hub.service SYSUSERS sysusers-hub.conf TMPFILES tmpfiles-hub.conf)
function(busward_part PART)
  cmake_parse_arguments(A "" "PACKAGE;ABOUT;DEPENDS;RECOMMENDS;SYSUSERS;TMPFILES" "PROGRAMS;SETTINGS;UNITS" ${ARGN})
  install(TARGETS ${A_PROGRAMS} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT ${PART})
  install(FILES ${PROJECT_SOURCE_DIR}/NOTICE DESTINATION ${documents}/${A_PACKAGE} COMPONENT ${PART})
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${documents}/${A_PACKAGE} RENAME copyright COMPONENT ${PART})
  set(conffiles "")
  foreach(file IN LISTS A_SETTINGS)
    get_filename_component(name ${file} NAME)
    string(REGEX MATCH "profiles/" folder ${file})
    install(FILES ${PROJECT_SOURCE_DIR}/${file} DESTINATION ${settings}/${folder} COMPONENT ${PART})
    string(APPEND conffiles "${settings}/${folder}${name}\n")
  endforeach()
  set(control ${PROJECT_BINARY_DIR}/debian/${PART})
  file(CONFIGURE OUTPUT ${control}/conffiles CONTENT "${conffiles}" @ONLY)
  set(extra ${control}/conffiles)
  if(A_UNITS)
    list(TRANSFORM A_UNITS PREPEND ${deploy}/linux/ OUTPUT_VARIABLE units)
    install(FILES ${units} DESTINATION lib/systemd/system COMPONENT ${PART})
    install(FILES ${deploy}/linux/${A_SYSUSERS} DESTINATION lib/sysusers.d RENAME ${A_PACKAGE}.conf COMPONENT ${PART})
    install(FILES ${deploy}/linux/${A_TMPFILES} DESTINATION lib/tmpfiles.d RENAME ${A_PACKAGE}.conf COMPONENT ${PART})
    string(APPEND A_DEPENDS ", systemd")
    set(package ${A_PACKAGE})
    string(JOIN " " units ${A_UNITS})
    foreach(script postinst prerm postrm)
      configure_file(${deploy}/debian/${script}.in ${control}/${script} @ONLY FILE_PERMISSIONS
        OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
      list(APPEND extra ${control}/${script})
    endforeach()
  endif()
  string(TOUPPER ${PART} PART_UPPER)
  set(CPACK_DEBIAN_${PART_UPPER}_PACKAGE_NAME ${A_PACKAGE} PARENT_SCOPE)
  set(CPACK_DEBIAN_${PART_UPPER}_DESCRIPTION "${A_ABOUT}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${PART_UPPER}_PACKAGE_DEPENDS "${A_DEPENDS}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${PART_UPPER}_PACKAGE_RECOMMENDS "${A_RECOMMENDS}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${PART_UPPER}_PACKAGE_CONTROL_EXTRA "${extra}" PARENT_SCOPE)
endfunction()

busward_part(cli PACKAGE busward PROGRAMS busward
  ABOUT "command line of Busward, and device profiles
 Checks configurations, enrolls gateways, tests and hears Modbus lines, reads and writes registers."
  DEPENDS "tzdata" RECOMMENDS "ca-certificates"
  SETTINGS profiles/busward-receiver.json profiles/profile.schema.json profiles/sunspec-common.json)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/ DESTINATION ${documents}/busward COMPONENT cli
  FILES_MATCHING PATTERN "*.md" PATTERN "*.json" PATTERN changes EXCLUDE PATTERN img EXCLUDE)

busward_part(gateway PACKAGE busward-gateway PROGRAMS busward-gateway
  ABOUT "gateway from Modbus devices to Azure IoT Hub or a hub of one's own
 Polls buses, journals what it measured and sends it over TLS. Nothing journalled is lost."
  DEPENDS "busward (= ${PROJECT_VERSION})" RECOMMENDS "ca-certificates, systemd-timesyncd | time-daemon"
  SETTINGS deploy/linux/gateway.json
  UNITS busward-gateway.service SYSUSERS sysusers-gateway.conf TMPFILES tmpfiles-gateway.conf)
install(FILES ${deploy}/linux/gateway-credential.conf DESTINATION ${documents}/busward-gateway COMPONENT gateway)

busward_part(hub PACKAGE busward-hub PROGRAMS busward-hub
  ABOUT "hub for gateways that speaks Azure IoT Hub's dialect
 A plugin for mosquitto that acknowledges what is stored, provisioning, twins, methods and the service REST."
  DEPENDS "mosquitto (>= 2.0.11)"
  SETTINGS deploy/linux/hub.conf deploy/linux/dps.conf deploy/linux/busward-hub.env
  UNITS busward-broker.service busward-dps.service busward-hub.service SYSUSERS sysusers-hub.conf TMPFILES tmpfiles-hub.conf)
install(TARGETS busward_hub LIBRARY DESTINATION lib/busward COMPONENT hub)

busward_part(cloud PACKAGE busward-cloud PROGRAMS busward-cloud
  ABOUT "store, API and page of Busward
 Follows a hub's log or Azure's Event Hubs, keeps every sample once and shows each with its age."
  DEPENDS "tzdata" RECOMMENDS "ca-certificates"
  SETTINGS deploy/linux/busward-cloud.env
  UNITS busward-cloud.service SYSUSERS sysusers-hub.conf TMPFILES tmpfiles-cloud.conf)
set(page ${PROJECT_SOURCE_DIR}/web/dist)
install(CODE "if(NOT EXISTS ${page}/index.html)
  message(FATAL_ERROR \"${page} has no page: ./dev build, or (cd web && npm ci && npm run build)\")
endif()" COMPONENT cloud)
install(DIRECTORY ${page}/ DESTINATION ${CMAKE_INSTALL_DATADIR}/busward/web COMPONENT cloud)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME busward)
set(CPACK_PACKAGE_VENDOR "the Busward authors")
set(CPACK_PACKAGE_CONTACT "The Busward authors <authors@busward.invalid>")
set(CPACK_COMPONENTS_ALL cli gateway hub cloud)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_STRIP_FILES ON)
include(CPack)
