// Simulated secured devices for the tests of the hub.
#pragma once

#include <string>
#include <vector>

#include "hub_process.h"
#include "key_vault.h"
#include "manifest.h"
#include "ngwire/link/link_device.h"
#include "registry.h"

namespace ngplc::hub::test {

inline ngwire::Key test_key(ngwire::Eui eui) {
  ngwire::Key key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(eui * 31 + i * 7 + 1);
  return key;
}

/// Content of a short reading.
inline std::vector<std::uint8_t> energy(std::uint32_t wh) {
  return {4, static_cast<std::uint8_t>(wh >> 24U), static_cast<std::uint8_t>(wh >> 16U),
          static_cast<std::uint8_t>(wh >> 8U), static_cast<std::uint8_t>(wh)};
}

/// A device whose memory for counters never fails.
class TestNode {
 public:
  explicit TestNode(ngwire::Eui eui) : eui_(eui), device_(eui, test_key(eui)) {}

  ngwire::Bytes join_request(std::uint32_t nonce) { return *device_.join_request(nonce); }
  bool take_accept(const ngwire::Bytes& accept) {
    return device_.take_accept({accept.data(), accept.size()});
  }
  ngwire::Bytes seal(ngwire::LinkKind kind, const std::vector<std::uint8_t>& content) {
    if (const auto store = device_.counter().must_store()) device_.counter().stored(*store);
    return device_.seal(kind, {content.data(), content.size()}).value_or(ngwire::Bytes());
  }
  ngwire::Bytes reading(std::uint32_t wh) { return seal(ngwire::LinkKind::short_reading, energy(wh)); }
  ngwire::Eui eui() const { return eui_; }
  ngwire::LinkDevice& device() { return device_; }

 private:
  ngwire::Eui eui_;
  ngwire::LinkDevice device_;
};

inline ngwire::FrameRecord record_of(const ngwire::Bytes& payload, std::uint64_t sequence,
                                     const std::string& receiver = "test-receiver", std::uint64_t run = 1) {
  ngwire::FrameRecord r;
  r.receiver = receiver;
  r.run = run;
  r.sequence = sequence;
  r.profile = "cenelec-a";
  r.sample_index = 1000 * sequence;
  r.sample_rate_hz = 192000;
  r.sample0_time_ns = 1'763'667'000'000'000'000;
  r.time_source = "system";
  r.payload = payload;
  r.metrics.snr_db = -7.5;
  return r;
}

/// Puts the EUIs first..first+count-1 into the registry, ready to join.
inline void register_nodes(const std::string& database, const KeyVault& vault, ngwire::Eui first,
                           std::size_t count) {
  auto registry = Registry::open(database);
  ASSERT_TRUE(registry.ok()) << registry.error();
  std::vector<ManifestEntry> entries;
  for (std::size_t i = 0; i < count; ++i) {
    ManifestEntry entry;
    entry.eui = first + i;
    entry.key = test_key(entry.eui);
    entries.push_back(entry);
  }
  const auto added = registry.value()->import(entries, vault);
  ASSERT_TRUE(added.ok()) << added.error();
  for (std::size_t i = 0; i < count; ++i) {
    ClaimCode code;
    code.eui = first + i;
    ASSERT_TRUE(registry.value()->claim(code, "").ok());
    ASSERT_TRUE(registry.value()->open_join(first + i, 60).ok());
  }
}

}  // namespace ngplc::hub::test
