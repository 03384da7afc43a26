// OBIS codes, by which readings name their registers.
#pragma once

#include <string_view>

namespace ngplc::hub {

/// A-B:C.D.E with numbers from 0 to 255.
bool is_obis(std::string_view text);

}  // namespace ngplc::hub
