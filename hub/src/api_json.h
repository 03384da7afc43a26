// What the store and the registry hold, as the JSON of docs/interfaces.md.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "accounts.h"
#include "registry.h"
#include "store.h"

namespace ngplc::hub {

using Json = nlohmann::ordered_json;

/// Milliseconds: what JavaScript and most time-series stores use, and exact in a JSON number.
std::int64_t to_ms(std::int64_t ns);
/// One line, ASCII, whatever bytes the strings hold.
std::string dump(const Json& json);

Json to_json(const StoredFrame& frame);
Json to_json(const StoredReading& reading);
Json to_json(const StoredEvent& event);
Json to_json(const StoredDevice& device);
Json to_json(const NodeInfo& node);
Json to_json(const UserInfo& user);
Json to_json(const TokenInfo& token);
Json to_json(const AuditRow& row);

}  // namespace ngplc::hub
