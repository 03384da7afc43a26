// The page an operator sees at "/": devices and their newest readings, plain HTML without scripts.
#pragma once

#include <string>
#include <vector>

#include "store.h"

namespace ngplc::hub {

/// `trouble`: why the database refuses, or empty.
std::string status_page(const std::vector<StoredDevice>& devices, const std::string& trouble);

/// Text made safe inside an element or a quoted attribute.
std::string escape_html(const std::string& text);

/// "2026-11-20 21:03:07" in UTC.
std::string utc_text(std::int64_t unix_ns);

}  // namespace ngplc::hub
