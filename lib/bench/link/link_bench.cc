// What the link layer costs a frame. OpenSSL alone with a context keyed once is the floor.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include "ngwire/link/link_device.h"

namespace {

using namespace ngwire;

const Key kKey = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

void BM_Seal(benchmark::State& state) {
  Ccm ccm;
  const std::vector<std::uint8_t> content(
      content_bytes(LinkKind::reading, static_cast<std::size_t>(state.range(0))));
  std::uint32_t counter = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        seal_link_frame(ccm, kKey, 1, LinkKind::reading, 1, 1, counter++, {content.data(), content.size()}));
  }
  state.SetItemsProcessed(state.iterations());
}

void open_frames(benchmark::State& state, bool good) {
  Ccm ccm;
  const std::vector<std::uint8_t> content(
      content_bytes(LinkKind::reading, static_cast<std::size_t>(state.range(0))));
  auto frame = *seal_link_frame(ccm, kKey, 1, LinkKind::reading, 1, 1, 7, {content.data(), content.size()});
  if (!good) frame.back() ^= 1U;
  LinkHeader header;
  for (auto _ : state) {
    read_link_header({frame.data(), frame.size()}, header);
    const auto opened = open_link_frame(ccm, kKey, 1, header, 7, {frame.data(), frame.size()});
    if (opened.has_value() != good) state.SkipWithError("wrong verdict");
  }
  state.SetItemsProcessed(state.iterations());
}
void BM_OpenGood(benchmark::State& state) { open_frames(state, true); }
void BM_OpenForged(benchmark::State& state) { open_frames(state, false); }

void BM_SessionKeys(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(derive_session_keys(kKey, 1, {1, 2, 3}));
  state.SetItemsProcessed(state.iterations());
}

// The same cipher, nonce, header and message, with the key set up once.
void BM_BareOpenSsl(benchmark::State& state) {
  EVP_CIPHER_CTX* c = EVP_CIPHER_CTX_new();
  const Nonce nonce{};
  std::uint8_t header[kLinkHeaderBytes] = {};
  std::uint8_t text[64] = {};
  std::uint8_t tag[8];
  const int size =
      static_cast<int>(content_bytes(LinkKind::reading, static_cast<std::size_t>(state.range(0))));
  int done = 0;
  EVP_EncryptInit_ex(c, EVP_aes_128_ccm(), nullptr, nullptr, nullptr);
  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, 13, nullptr);
  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 8, nullptr);
  EVP_EncryptInit_ex(c, nullptr, nullptr, kKey.data(), nonce.data());
  for (auto _ : state) {
    EVP_EncryptInit_ex(c, nullptr, nullptr, nullptr, nonce.data());
    EVP_EncryptUpdate(c, nullptr, &done, nullptr, size);
    EVP_EncryptUpdate(c, nullptr, &done, header, sizeof header);
    EVP_EncryptUpdate(c, text, &done, text, size);
    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 8, tag);
    benchmark::DoNotOptimize(tag);
  }
  state.SetItemsProcessed(state.iterations());
  EVP_CIPHER_CTX_free(c);
}

BENCHMARK(BM_BareOpenSsl)->Arg(32)->Arg(64);
BENCHMARK(BM_Seal)->Arg(32)->Arg(64);
BENCHMARK(BM_OpenGood)->Arg(32)->Arg(64);
BENCHMARK(BM_OpenForged)->Arg(32)->Arg(64);
BENCHMARK(BM_SessionKeys);

}  // namespace
