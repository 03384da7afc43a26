// Time of one decode with a fixed list (arguments: block bits, payload bits, list) on frames near FER 1 %,
// and of noise.
#include <benchmark/benchmark.h>

#include <vector>

#include "../../tests/fec/awgn.h"
#include "ngdsp/fec/interleaver.h"
#include "ngdsp/fec/polar_decoder.h"

namespace ngdsp {
namespace {

std::vector<fec_test::Frame> some_frames(const PolarCode& code) {
  Rng rng(1);
  std::vector<fec_test::Frame> frames(64);
  const double ebn0_db =
      fec_test::normal_approximation_ebn0_db(0.01, code.block_bits(), code.info_bits() - 24, 24) + 0.4;
  for (auto& frame : frames) {
    fec_test::random_frame(code, fec_test::es_n0(ebn0_db, code.info_bits() - 24, code.block_bits()), rng,
                           &frame);
  }
  return frames;
}

void polar_decode_list(benchmark::State& state) {
  const PolarCode code(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)) + 24, -1.0);
  const int list = static_cast<int>(state.range(2));
  PolarDecoder decoder(code, list);
  const auto frames = some_frames(code);
  std::vector<std::uint8_t> payload(frames[0].payload.size());
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(decoder.decode_with_list(frames[i++ % frames.size()].llr, list, payload));
  }
}

void polar_decode_adaptive(benchmark::State& state) {
  const PolarCode code(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)) + 24, -1.0);
  PolarDecoder decoder(code, static_cast<int>(state.range(2)));
  const auto frames = some_frames(code);
  std::vector<std::uint8_t> payload(frames[0].payload.size());
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(decoder.decode(frames[i++ % frames.size()].llr, payload));
}

void polar_decode_noise(benchmark::State& state) {
  const PolarCode code(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)) + 24, -1.0);
  PolarDecoder decoder(code, static_cast<int>(state.range(2)));
  Rng rng(2);
  std::vector<float> llr(static_cast<std::size_t>(code.block_bits()));
  for (auto& l : llr) l = static_cast<float>(rng.normal());
  std::vector<std::uint8_t> payload(static_cast<std::size_t>(state.range(1)) / 8);
  for (auto _ : state) benchmark::DoNotOptimize(decoder.decode(llr, payload));
}

void polar_encode(benchmark::State& state) {
  const PolarCode code(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)) + 24, -1.0);
  const std::vector<std::uint8_t> info(static_cast<std::size_t>(code.info_bits()), 1);
  std::vector<std::uint8_t> out(static_cast<std::size_t>(code.block_bits()));
  for (auto _ : state) {
    code.encode(info, out);
    benchmark::ClobberMemory();
  }
}

void polar_construction(benchmark::State& state) {
  for (auto _ : state) {
    const PolarCode code(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)) + 24, -1.0);
    benchmark::DoNotOptimize(code.frozen().data());
  }
}

void codes(benchmark::internal::Benchmark* bench) {
  for (const int size : {512, 1024, 2048, 4096, 8192}) bench->Args({size, size <= 2048 ? 128 : size / 16});
}
void codes_and_lists(benchmark::internal::Benchmark* bench) {
  for (const int list : {1, 8, 32, 128}) {
    for (const int size : {512, 1024, 2048, 4096, 8192})
      bench->Args({size, size <= 2048 ? 128 : size / 16, list});
  }
}

BENCHMARK(polar_decode_list)->Apply(codes_and_lists)->Unit(benchmark::kMicrosecond);
BENCHMARK(polar_decode_adaptive)
    ->Args({2048, 128, 32})
    ->Args({4096, 256, 32})
    ->Args({8192, 512, 32})
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(polar_decode_noise)
    ->Args({2048, 128, 32})
    ->Args({4096, 256, 32})
    ->Args({8192, 512, 32})
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(polar_encode)->Apply(codes)->Unit(benchmark::kMicrosecond);
BENCHMARK(polar_construction)->Apply(codes)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ngdsp
