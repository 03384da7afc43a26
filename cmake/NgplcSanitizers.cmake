# NGPLC_SANITIZE applies to every target, so that no library is left uninstrumented.
if(NGPLC_SANITIZE)
  add_compile_options(-fsanitize=${NGPLC_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${NGPLC_SANITIZE})
endif()
