# cmake --install: the library, its headers, the command, and a package for find_package(headrace).
# The tree can be moved: every path in it is relative.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(include_dir ${CMAKE_INSTALL_INCLUDEDIR}/headrace)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/headrace)
# Libraries that come along live in a folder of their own, out of the way of the system's.
set(private_dir ${CMAKE_INSTALL_LIBDIR}/headrace)

install(TARGETS headrace EXPORT headrace LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
set_target_properties(headrace PROPERTIES INSTALL_RPATH "$ORIGIN/headrace")
target_include_directories(headrace INTERFACE $<INSTALL_INTERFACE:${include_dir}>)

if(TARGET headrace_command)
  install(TARGETS headrace_command)
  file(RELATIVE_PATH from_bin ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(headrace_command PROPERTIES INSTALL_RPATH "$ORIGIN/${from_bin}")
endif()

foreach(folder ${headrace_folders})
  if(EXISTS ${PROJECT_SOURCE_DIR}/${folder})
    install(DIRECTORY ${folder} DESTINATION ${include_dir} FILES_MATCHING PATTERN *.h)
  endif()
endforeach()
install(DIRECTORY ${PROJECT_BINARY_DIR}/generated/ DESTINATION ${include_dir}
  FILES_MATCHING PATTERN *.h)

if(headrace_dnnl_files)
  install(FILES ${headrace_dnnl_files} DESTINATION ${private_dir})
  install(FILES ${HEADRACE_DEPS}/onednn/share/doc/onednn/LICENSE
    ${HEADRACE_DEPS}/onednn/share/doc/onednn/THIRD-PARTY-PROGRAMS
    DESTINATION ${CMAKE_INSTALL_DOCDIR}/onednn)
endif()

install(EXPORT headrace NAMESPACE headrace:: FILE headraceTargets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/headraceConfig.cmake.in
  ${PROJECT_BINARY_DIR}/headraceConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/headraceConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/headraceConfig.cmake
  ${PROJECT_BINARY_DIR}/headraceConfigVersion.cmake DESTINATION ${package_dir})
