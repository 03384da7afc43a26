// Frame error rate of the polar code over the binary-input AWGN channel: Eb/N0 (payload bits) at FER 1 % and
// its gap to the normal approximation for payload and CRC bits. Seed 1; up to 400 errors or 20 000 frames a
// point; points every 0.1 dB, the last two around 1 % are interpolated in log FER and shown with their
// counts.
//
//   polar_fer_bench --benchmark_filter=/2048/   arguments: block bits, payload bits, list, design Eb/N0 in
//   0.1 dB
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "../../tests/fec/awgn.h"
#include "ngdsp/fec/polar_decoder.h"

namespace ngdsp {
namespace {

struct Point {
  double ebn0_db = 0;
  int errors = 0, frames = 0;
  double fer() const { return std::max(errors, 1) / static_cast<double>(frames); }
};

Point measure(const PolarCode& code, PolarDecoder* decoder, double ebn0_db) {
  const int payload_bits = code.info_bits() - 24;
  Rng rng(1);
  fec_test::Frame frame;
  std::vector<std::uint8_t> payload(static_cast<std::size_t>(payload_bits) / 8);
  Point point{ebn0_db};
  while (point.errors < 400 && point.frames < 20000) {
    fec_test::random_frame(code, fec_test::es_n0(ebn0_db, payload_bits, code.block_bits()), rng, &frame);
    const auto result = decoder->decode(frame.llr, payload);
    point.errors += !(result.crc_ok && payload == frame.payload);
    ++point.frames;
  }
  return point;
}

void polar_fer(benchmark::State& state) {
  const int block_bits = static_cast<int>(state.range(0)), payload_bits = static_cast<int>(state.range(1));
  const PolarCode code(block_bits, payload_bits + 24, static_cast<double>(state.range(3)) / 10);
  PolarDecoder decoder(code, static_cast<int>(state.range(2)));
  constexpr double kTarget = 0.01;
  const double bound = fec_test::normal_approximation_ebn0_db(kTarget, block_bits, payload_bits, 24);
  for (auto _ : state) {
    Point above, below = measure(code, &decoder, std::ceil(bound * 10) / 10 + 0.1);
    int frames = below.frames;
    do {
      above = below;
      below = measure(code, &decoder, above.ebn0_db + 0.1);
      frames += below.frames;
    } while (below.fer() > kTarget);
    const double share = std::log(above.fer() / kTarget) / std::log(above.fer() / below.fer());
    const double ebn0_db = above.ebn0_db + share * (below.ebn0_db - above.ebn0_db);
    state.counters["ebn0_db"] = ebn0_db;
    state.counters["normal_approx_db"] = bound;
    state.counters["gap_db"] = ebn0_db - bound;
    state.counters["frames"] = frames;
    char text[100];
    std::snprintf(text, sizeof(text), "%.1f dB %d/%d, %.1f dB %d/%d", above.ebn0_db, above.errors,
                  above.frames, below.ebn0_db, below.errors, below.frames);
    state.SetLabel(text);
  }
}

void cases(benchmark::internal::Benchmark* bench) {
  for (const int list : {8, 32, 128}) {
    bench->Args({512, 128, list, -10});
    bench->Args({1024, 128, list, -10});
    bench->Args({2048, 128, list, -10});
    bench->Args({4096, 256, list, -10});
    bench->Args({8192, 512, list, 0});
  }
}

BENCHMARK(polar_fer)->Apply(cases)->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace ngdsp
