# Warnings for our own targets: ngplc_warnings(target).
function(ngplc_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    -Woverloaded-virtual -Wdouble-promotion -Wformat=2 -Wundef
    # GCC 12 sees overlapping copies in its own std::string (GCC bug 105651).
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    $<$<BOOL:${NGPLC_WERROR}>:-Werror>)
endfunction()
