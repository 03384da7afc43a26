#include "key_vault.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace ngplc::hub {
namespace {

using ngwire::Result;

constexpr std::size_t kMaster = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;

std::array<std::uint8_t, 8> label_of(ngwire::Eui eui) {
  std::array<std::uint8_t, 8> label{};
  for (std::size_t i = 0; i < label.size(); ++i) label[i] = static_cast<std::uint8_t>(eui >> (56U - 8U * i));
  return label;
}

}  // namespace

Result<KeyVault> KeyVault::open(const std::string& file) {
  using R = Result<KeyVault>;
  if (sodium_init() < 0) return R::failure("link.key_file: libsodium does not start");
  std::string path = file;
  if (path.empty()) {
    const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
    if (credentials == nullptr)
      return R::failure("link.key_file: not set, and there is no systemd credential ngplc-hub.key");
    path = std::string(credentials) + "/ngplc-hub.key";
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return R::failure("link.key_file: " + path + ": " + std::strerror(errno));
  struct stat info {};
  std::array<char, 2 * kMaster + 2> text{};
  const ssize_t got = ::fstat(fd, &info) == 0 ? ::read(fd, text.data(), text.size() - 1) : -1;
  ::close(fd);
  auto* master = static_cast<std::uint8_t*>(sodium_malloc(kMaster));
  if (master == nullptr) return R::failure("link.key_file: no memory that can be locked");
  KeyVault vault(master);
  std::size_t size = 0;
  const bool good = got >= static_cast<ssize_t>(2 * kMaster) &&
                    sodium_hex2bin(master, kMaster, text.data(), 2 * kMaster, nullptr, &size, nullptr) == 0 &&
                    size == kMaster;
  sodium_memzero(text.data(), text.size());
  if (!good) return R::failure("link.key_file: " + path + " does not hold 64 hexadecimal digits");
  if ((info.st_mode & 077U) != 0) return R::failure("link.key_file: " + path + " can be read by others");
  return R(std::move(vault));
}

std::string KeyVault::create(const std::string& file) {
  if (sodium_init() < 0) return "libsodium does not start";
  std::array<std::uint8_t, kMaster> master{};
  std::array<char, 2 * kMaster + 1> text{};
  randombytes_buf(master.data(), master.size());
  sodium_bin2hex(text.data(), text.size(), master.data(), master.size());
  text.back() = '\n';
  sodium_memzero(master.data(), master.size());
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return file + ": " + std::strerror(errno);
  const bool written =
      ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  sodium_memzero(text.data(), text.size());
  return ::close(fd) == 0 && written ? "" : file + ": cannot be written";
}

KeyVault::~KeyVault() { sodium_free(master_); }

std::vector<std::uint8_t> KeyVault::seal(ngwire::Eui eui, const ngwire::Key& key) const {
  std::vector<std::uint8_t> out(kNonce + key.size() + kTag);
  randombytes_buf(out.data(), kNonce);
  const auto label = label_of(eui);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + kNonce, nullptr, key.data(), key.size(),
                                             label.data(), label.size(), nullptr, out.data(), master_);
  return out;
}

std::optional<ngwire::Key> KeyVault::open(ngwire::Eui eui, const std::vector<std::uint8_t>& sealed) const {
  ngwire::Key key{};
  const auto label = label_of(eui);
  if (sealed.size() != kNonce + key.size() + kTag ||
      crypto_aead_xchacha20poly1305_ietf_decrypt(key.data(), nullptr, nullptr, sealed.data() + kNonce,
                                                 sealed.size() - kNonce, label.data(), label.size(),
                                                 sealed.data(), master_) != 0)
    return std::nullopt;
  return key;
}

}  // namespace ngplc::hub
