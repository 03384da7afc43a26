# Warnings for our own targets: ngplc_warnings(target).
function(ngplc_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    -Woverloaded-virtual -Wdouble-promotion -Wformat=2 -Wundef
    # GCC 12 sees overlapping copies in "text" + std::string where there are none (GCC bug 105651, gone in 13).
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
    $<$<BOOL:${NGPLC_WERROR}>:-Werror>)
endfunction()
