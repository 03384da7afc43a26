// Device keys at rest: sealed with a key that is not in the database.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ngwire/link/link_keys.h"
#include "ngwire/wire/result.h"

namespace ngplc::hub {

/// XChaCha20-Poly1305 (libsodium) with the EUI as associated data, so that a sealed key moved to another
/// device does not open. The master key lies in locked memory that core dumps leave out.
class KeyVault {
 public:
  /// `file`: 64 hexadecimal digits; empty: the systemd credential "ngplc-hub.key". Fails with one line when
  /// it is missing, malformed, or readable by others.
  static ngwire::Result<KeyVault> open(const std::string& file);
  /// Writes a new master key with mode 0600. Empty, or one line.
  static std::string create(const std::string& file);

  KeyVault(KeyVault&& other) noexcept : master_(other.master_) { other.master_ = nullptr; }
  KeyVault& operator=(KeyVault&&) = delete;
  KeyVault(const KeyVault&) = delete;
  ~KeyVault();

  std::vector<std::uint8_t> seal(ngwire::Eui eui, const ngwire::Key& key) const;
  /// Nothing when it was sealed with another master key or for another device, or is damaged.
  std::optional<ngwire::Key> open(ngwire::Eui eui, const std::vector<std::uint8_t>& sealed) const;

 private:
  explicit KeyVault(std::uint8_t* master) : master_(master) {}
  std::uint8_t* master_;
};

}  // namespace ngplc::hub
