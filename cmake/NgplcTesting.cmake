# ngplc_add_test(name LABELS l... LIBS t... SOURCES f... [TIMEOUT s]): a GoogleTest program, one ctest entry a case.
if(NGPLC_TESTS)
  enable_testing()
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
function(ngplc_add_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS;LIBS;SOURCES" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NGPLC_SANITIZE)
    math(EXPR ARG_TIMEOUT "5 * ${ARG_TIMEOUT}")  # sanitized programs run ten times slower than released ones
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gtest_main)
  ngplc_warnings(${name})
  # Generic kernels in tests: the same arithmetic on every machine.
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT "VOLK_GENERIC=1")
endfunction()
