# Installs a file that says where programs and settings are, which is known only now: --prefix, or
# the making of a package, may be another place than the one configured.
#   source       the file, with @BINDIR@ and @SYSCONFDIR@ in it
#   name         what it is called there
#   destination  below the prefix; SYSCONFDIR for the directory of settings
#   work         a directory to write in
cmake_policy(VERSION 3.25)
set(BINDIR "${CMAKE_INSTALL_PREFIX}/bin")
# The GNU rule: what is installed in /usr has its settings in /etc.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(SYSCONFDIR "/etc")
else()
  set(SYSCONFDIR "${CMAKE_INSTALL_PREFIX}/etc")
endif()
configure_file("${source}" "${work}/${name}" @ONLY)
if(NOT destination STREQUAL "SYSCONFDIR")
  file(INSTALL DESTINATION "${CMAKE_INSTALL_PREFIX}/${destination}" TYPE FILE
       FILES "${work}/${name}")
elseif(EXISTS "$ENV{DESTDIR}${SYSCONFDIR}/${name}")
  message(STATUS "Kept: ${SYSCONFDIR}/${name}")  # somebody's settings by now
else()
  file(INSTALL DESTINATION "${SYSCONFDIR}" TYPE FILE FILES "${work}/${name}")
endif()
