#pragma once

#include <gnuradio/attributes.h>

#ifdef gnuradio_ngplc_EXPORTS
#define NGPLC_API __GR_ATTR_EXPORT
#else
#define NGPLC_API __GR_ATTR_IMPORT
#endif
