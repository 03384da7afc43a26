#include "ngwire/link/ccm.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <algorithm>

namespace ngwire {
namespace {

// OpenSSL wants pointers that are not null even for nothing, and not const ones for constant parameters.
std::uint8_t* loose(ByteView view) {
  static std::uint8_t nothing = 0;
  return view.size == 0 ? &nothing : const_cast<std::uint8_t*>(view.data);
}

int length(ByteView view) { return static_cast<int>(view.size); }

}  // namespace

void Ccm::FreeContext::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }
void Ccm::FreeCipher::operator()(evp_cipher_st* cipher) const { EVP_CIPHER_free(cipher); }

Ccm::Ccm() : cipher_(EVP_CIPHER_fetch(nullptr, "AES-128-CCM", nullptr)), context_(EVP_CIPHER_CTX_new()) {}
Ccm::~Ccm() = default;

bool Ccm::seal(const Key& key, const Nonce& nonce, ByteView header, ByteView plain, std::size_t tag_bytes,
               std::uint8_t* out) {
  EVP_CIPHER_CTX* c = context_.get();
  const auto tag = static_cast<int>(tag_bytes);
  int done = 0;
  return EVP_EncryptInit_ex2(c, cipher_.get(), nullptr, nullptr, nullptr) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(nonce.size()), nullptr) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, tag, nullptr) == 1 &&
         EVP_EncryptInit_ex2(c, nullptr, key.data(), nonce.data(), nullptr) == 1 &&
         EVP_EncryptUpdate(c, nullptr, &done, nullptr, length(plain)) == 1 &&
         (header.size == 0 || EVP_EncryptUpdate(c, nullptr, &done, header.data, length(header)) == 1) &&
         EVP_EncryptUpdate(c, out, &done, loose(plain), length(plain)) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, tag, out + plain.size) == 1;
}

bool Ccm::open(const Key& key, const Nonce& nonce, ByteView header, ByteView sealed, std::size_t tag_bytes,
               std::uint8_t* out) {
  if (sealed.size < tag_bytes) return false;
  EVP_CIPHER_CTX* c = context_.get();
  const ByteView cipher_text{sealed.data, sealed.size - tag_bytes};
  const ByteView tag{sealed.data + cipher_text.size, tag_bytes};
  int done = 0;
  const bool good =
      EVP_DecryptInit_ex2(c, cipher_.get(), nullptr, nullptr, nullptr) == 1 &&
      EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(nonce.size()), nullptr) == 1 &&
      EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, length(tag), loose(tag)) == 1 &&
      EVP_DecryptInit_ex2(c, nullptr, key.data(), nonce.data(), nullptr) == 1 &&
      EVP_DecryptUpdate(c, nullptr, &done, nullptr, length(cipher_text)) == 1 &&
      (header.size == 0 || EVP_DecryptUpdate(c, nullptr, &done, header.data, length(header)) == 1) &&
      EVP_DecryptUpdate(c, out, &done, loose(cipher_text), length(cipher_text)) == 1;
  // What did not pass must not be used by mistake.
  if (!good) std::fill(out, out + cipher_text.size, std::uint8_t{0});
  return good;
}

std::vector<std::uint8_t> hkdf_sha256(ByteView secret, ByteView salt, ByteView info, std::size_t size) {
  std::vector<std::uint8_t> out(size);
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(kdf);
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, loose(secret), secret.size),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, loose(salt), salt.size),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, loose(info), info.size),
      OSSL_PARAM_construct_end()};
  if (EVP_KDF_derive(context, out.data(), out.size(), parameters) != 1) out.clear();
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(kdf);
  return out;
}

}  // namespace ngwire
