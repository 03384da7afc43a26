// AES-128 in CCM mode and HKDF-SHA256: the two primitives of the link layer, on OpenSSL.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

struct evp_cipher_ctx_st;
struct evp_cipher_st;

namespace ngwire {

using Key = std::array<std::uint8_t, 16>;
using Nonce = std::array<std::uint8_t, 13>;

/// Bytes that belong to somebody else.
struct ByteView {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

/// RFC 3610 with L = 2, so a nonce of 13 bytes and messages below 64 KiB. Holds one OpenSSL context that is
/// keyed anew for every frame; one object per thread.
class Ccm {
 public:
  Ccm();
  ~Ccm();
  Ccm(const Ccm&) = delete;
  Ccm& operator=(const Ccm&) = delete;

  /// Writes plain.size bytes of cipher text and then the tag to `out`. `tag_bytes`: 4, 6, 8, 10, 12, 14 or
  /// 16. False only when OpenSSL refuses.
  bool seal(const Key& key, const Nonce& nonce, ByteView header, ByteView plain, std::size_t tag_bytes,
            std::uint8_t* out);

  /// Checks the tag at the end of `sealed` and writes sealed.size - tag_bytes bytes of plain text to `out`.
  /// False when the tag does not fit; `out` is then all zeros.
  bool open(const Key& key, const Nonce& nonce, ByteView header, ByteView sealed, std::size_t tag_bytes,
            std::uint8_t* out);

 private:
  struct FreeContext {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  struct FreeCipher {
    void operator()(evp_cipher_st* cipher) const;
  };
  std::unique_ptr<evp_cipher_st, FreeCipher> cipher_;
  std::unique_ptr<evp_cipher_ctx_st, FreeContext> context_;
};

/// HKDF-SHA256 (RFC 5869), extract and expand: `size` bytes, at most 8160. Empty when OpenSSL refuses.
std::vector<std::uint8_t> hkdf_sha256(ByteView secret, ByteView salt, ByteView info, std::size_t size);

}  // namespace ngwire
