// The registry of devices: who may speak, and whose they are.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "claim_code.h"
#include "key_vault.h"
#include "link_gate.h"
#include "manifest.h"
#include "multipliers.h"

namespace ngplc::hub {

/// A device without its key.
struct NodeInfo {
  std::int64_t id = 0;
  ngwire::Eui eui = 0;
  std::optional<std::uint32_t> address;
  std::string gtin, serial, model, name, time_zone, verify_by, tenant;
  std::vector<std::string> groups;
  Multipliers multipliers;
  NodeState state = NodeState::created;
  std::int64_t join_until_ns = 0;
  std::int64_t missing = 0;  ///< counters known to be missing
};

/// Changes by people, on a connection of its own: works beside a running hub, which takes them over within a
/// second, and without one. Every change is journalled. Thread-safe by its caller. Errors are one line.
class Registry {
 public:
  /// The database must have been opened by a hub of this version before.
  static ngwire::Result<std::unique_ptr<Registry>> open(const std::string& file);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// All or nothing; devices already known are left as they are. Returns the number added.
  ngwire::Result<std::size_t> import(const std::vector<ManifestEntry>& entries, const KeyVault& vault);
  /// created -> claimed, by GTIN and serial or by EUI.
  ngwire::Result<NodeInfo> claim(const ClaimCode& code, const std::string& name);
  /// claimed -> joining; again for a window that ran out. 1 to 1440 minutes.
  ngwire::Result<NodeInfo> open_join(ngwire::Eui eui, std::int64_t minutes);
  /// active -> suspended, suspended -> active, any -> retired.
  ngwire::Result<NodeInfo> set_state(ngwire::Eui eui, NodeState state);
  /// An empty tenant takes the device out.
  ngwire::Result<NodeInfo> set_tenant(ngwire::Eui eui, const std::string& tenant);
  ngwire::Result<NodeInfo> add_to_group(ngwire::Eui eui, const std::string& group);
  /// In place of those it had. Nothing that is stored changes: they hold for all that is read from now on.
  ngwire::Result<NodeInfo> set_multipliers(ngwire::Eui eui, const Multipliers& multipliers);
  /// The meter behind the device was exchanged: `end` and `start` are the mantissas of the register on the
  /// old and the new one, as the meter says them. Consumption goes on from there.
  ngwire::Result<NodeInfo> exchange(ngwire::Eui eui, const std::string& obis, std::int64_t end,
                                    std::int64_t start);

  /// By id, those after `after`, at most `limit`.
  ngwire::Result<std::vector<NodeInfo>> list(std::int64_t after = 0, std::int64_t limit = INT64_MAX);

 private:
  struct State;
  explicit Registry(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ngplc::hub
