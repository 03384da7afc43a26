// What comes with a request, taken apart: the query of a list, the JSON body of a change.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ngwire/link/link_keys.h"
#include "ngwire/wire/result.h"
#include "store.h"

namespace ngplc::hub {

using Query = std::vector<std::pair<std::string, std::string>>;

/// The page a list is asked for. `accepted`: parameters beside limit and cursor. Fails with one line that
/// names the parameter; an unknown or repeated one is wrong.
ngwire::Result<Page> parse_page(const Query& query, std::initializer_list<std::string_view> accepted);

/// One member of a body.
struct Field {
  const char* name;
  nlohmann::json::value_t type;  ///< string, number_integer or object
  bool needed = true;
};

/// A JSON object with these members and no others; strings are at most 1024 bytes. Fails with one line.
ngwire::Result<nlohmann::json> parse_body(std::string_view text, std::initializer_list<Field> fields);

/// 16 hexadecimal digits.
ngwire::Result<ngwire::Eui> parse_eui(std::string_view text);

/// The whole text as a decimal number in a range.
bool parse_integer(std::string_view text, std::int64_t low, std::int64_t high, std::int64_t& out);

}  // namespace ngplc::hub
