# Installs the libraries with their headers and a package: find_package(ngplc) gives ngplc::ngwire and, when the modem is
# built, ngplc::ngdsp.
include(CMakePackageConfigHelpers)

set(NGPLC_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/ngplc)
set(NGPLC_TARGETS)
foreach(library IN ITEMS ngwire ngdsp)
  if(TARGET ${library})
    list(APPEND NGPLC_TARGETS ${library})
    target_compile_features(${library} INTERFACE cxx_std_17)
    install(DIRECTORY lib/include/${library} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
  endif()
endforeach()
install(TARGETS ${NGPLC_TARGETS} EXPORT ngplcTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(EXPORT ngplcTargets NAMESPACE ngplc:: DESTINATION ${NGPLC_PACKAGE_DIR} COMPONENT development)

configure_package_config_file(cmake/ngplcConfig.cmake.in ${CMAKE_BINARY_DIR}/ngplcConfig.cmake
                              INSTALL_DESTINATION ${NGPLC_PACKAGE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/ngplcConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/ngplcConfig.cmake ${CMAKE_BINARY_DIR}/ngplcConfigVersion.cmake
        DESTINATION ${NGPLC_PACKAGE_DIR} COMPONENT development)
