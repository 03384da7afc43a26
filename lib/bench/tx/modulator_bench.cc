// What a frame of 16 bytes costs to render, in CPU time of one core. Counter: samples/s.
#include <benchmark/benchmark.h>

#include <vector>

#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/tx/modulator.h"

namespace ngdsp {
namespace {

template <typename Sample>
void add_frame(benchmark::State& state, const Profile& p) {
  const Modulator modulator(p);
  const auto chips = FrameEncoder(p).encode(std::vector<std::uint8_t>(16, 0x3C), 0);
  Arrival a;
  a.start_samples = modulator.lead_samples() + 0.3;
  a.clock_ppm = static_cast<double>(state.range(1));
  a.carrier_offset_hz = 3;
  std::vector<Sample> out(
      static_cast<std::size_t>(modulator.lead_samples() + modulator.tail_samples(chips.size())));
  for (auto _ : state) {
    modulator.add(chips, a, Span<Sample>(out));
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["samples/s"] = benchmark::Counter(
      static_cast<double>(out.size()) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  state.SetLabel(p.name);
}

// Arguments: index of the shipped profile, clock offset in ppm.
void modulator_add(benchmark::State& state) {
  const Profile& p = shipped_profiles()[static_cast<std::size_t>(state.range(0))];
  if (p.real)
    add_frame<float>(state, p);
  else
    add_frame<cf32>(state, p);
}

BENCHMARK(modulator_add)->ArgsProduct({{0, 1, 2, 3}, {0, 50}})->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace ngdsp
