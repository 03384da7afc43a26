#include "ngdsp/rx/front_end.h"

#include <volk/volk.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr double kFilterSpanChips = 32;  // the matched filter either side; its tail beyond is 60 dB down
constexpr std::int64_t kLargestTransform = 1 << 20;

// Best p/q = x with q <= limit, by continued fractions; false when none is within 1e-10.
bool as_ratio(double x, std::int64_t limit, std::int64_t& p, std::int64_t& q) {
  std::int64_t p0 = 0, q0 = 1, p1 = 1, q1 = 0;
  double rest = x;
  for (int i = 0; i < 40; ++i) {
    const double whole = std::floor(rest);
    if (whole > 1e9) return false;
    const auto a = static_cast<std::int64_t>(whole);
    p = a * p1 + p0;
    q = a * q1 + q0;
    if (p > limit || q > limit) return false;
    if (std::abs(static_cast<double>(p) / static_cast<double>(q) - x) < 1e-10 * x) return true;
    p0 = p1, q0 = q1, p1 = p, q1 = q;
    if (rest - whole < 1e-12) return false;
    rest = 1.0 / (rest - whole);
  }
  return false;
}

}  // namespace

struct FrontEnd::Impl {
  std::size_t in_size, out_size;  // transform sizes
  std::size_t in_hop, in_side;    // input samples a block advances; filter span either side
  std::size_t out_hop, out_side;
  std::ptrdiff_t shift;       // input bin of the carrier
  double block_turn = 0;      // carrier phase a block advances, turns
  double sample_turn = 0;     // what the whole-bin shift leaves, turns an output sample
  std::vector<float> filter;  // by output bin
  Fft forward, inverse;
  std::vector<cf32> pending;  // input not yet used, beginning in_side before the next block
  std::vector<cf32> block;
  std::uint64_t blocks = 0, fed = 0;

  void start() {
    pending.assign(in_side, cf32{});
    blocks = fed = 0;
  }
  void run_block(const cf32* in, const Sink& sink);
};

FrontEnd::FrontEnd(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FrontEnd::~FrontEnd() = default;
FrontEnd::FrontEnd(FrontEnd&&) noexcept = default;
FrontEnd& FrontEnd::operator=(FrontEnd&&) noexcept = default;

Result<FrontEnd> FrontEnd::create(const Profile& profile, double fs, double carrier_hz) {
  const double half_band = profile.chip_rate_hz * (1.0 + profile.rolloff) / 2.0;
  const bool fits = profile.real ? carrier_hz - half_band >= 0 && carrier_hz + half_band <= fs / 2.0
                                 : std::abs(carrier_hz) + half_band <= fs / 2.0;
  if (!(fs > 0) || !fits)
    return Error{"sample rate " + std::to_string(fs) + " Hz does not hold the band of profile " +
                 profile.name + ", " + std::to_string(carrier_hz - half_band) + " to " +
                 std::to_string(carrier_hz + half_band) + " Hz"};
  std::int64_t p = 0, q = 0;
  const double out_rate = 4.0 * profile.chip_rate_hz;
  if (!as_ratio(out_rate / fs, 65536, p, q))
    return Error{"sample rate " + std::to_string(fs) +
                 " Hz has no simple ratio to the chip rate of profile " + profile.name +
                 ", expected for example " + std::to_string(profile.sample_rate_hz) + " Hz"};
  // d and m are multiples of 4, so that both sides and hop are whole chips for any p.
  std::int64_t d = static_cast<std::int64_t>(std::ceil(4.0 * kFilterSpanChips / static_cast<double>(p)));
  d = (d + 3) / 4 * 4;
  std::int64_t m = 16;
  while (m < 16 * d || m * p < 8192) m *= 2;
  if (m * q > kLargestTransform || m * p > kLargestTransform)
    return Error{"sample rate " + std::to_string(fs) +
                 " Hz has no simple ratio to the chip rate of profile " + profile.name +
                 ", expected for example " + std::to_string(profile.sample_rate_hz) + " Hz"};
  const auto size = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  std::unique_ptr<Impl> impl(new Impl{size(q * m),
                                      size(p * m),
                                      size(q * (m - 2 * d)),
                                      size(q * d),
                                      size(p * (m - 2 * d)),
                                      size(p * d),
                                      0,
                                      0,
                                      0,
                                      {},
                                      Fft(size(q * m), Fft::Direction::kForward),
                                      Fft(size(p * m), Fft::Direction::kInverse),
                                      {},
                                      {},
                                      0,
                                      0});
  const double bin_hz = fs / static_cast<double>(q * m);
  impl->shift = static_cast<std::ptrdiff_t>(std::lround(carrier_hz / bin_hz));
  const double left_hz = carrier_hz - static_cast<double>(impl->shift) * bin_hz;
  impl->sample_turn = left_hz / out_rate;
  const double turns =
      static_cast<double>(impl->shift) * static_cast<double>(impl->in_hop) / static_cast<double>(q * m);
  impl->block_turn = turns - std::floor(turns);
  impl->filter.resize(size(p * m));
  const double scale = (profile.real ? std::sqrt(2.0) : 1.0) / static_cast<double>(q * m);
  for (std::size_t k = 0; k < impl->filter.size(); ++k) {
    auto signed_k = static_cast<double>(k);
    if (2 * k >= impl->filter.size()) signed_k -= static_cast<double>(impl->filter.size());
    const double f = signed_k * bin_hz - left_hz;
    impl->filter[k] = static_cast<float>(scale * rrc_spectrum(f / profile.chip_rate_hz, profile.rolloff));
  }
  impl->block.resize(impl->out_hop);
  impl->start();
  return FrontEnd(std::move(impl));
}

void FrontEnd::Impl::run_block(const cf32* in, const Sink& sink) {
  std::copy_n(in, in_size, forward.input());
  forward.execute();
  const cf32* x = forward.output();
  cf32* y = inverse.input();
  const auto n_in = static_cast<std::ptrdiff_t>(in_size), n_out = static_cast<std::ptrdiff_t>(out_size);
  for (std::ptrdiff_t k = 0; k < n_out; ++k) {
    const float h = filter[static_cast<std::size_t>(k)];
    if (h == 0.0F) {
      y[k] = {};
      continue;
    }
    std::ptrdiff_t bin = (k < n_out - k ? k : k - n_out) + shift;
    bin = ((bin % n_in) + n_in) % n_in;
    y[k] = x[bin] * h;
  }
  inverse.execute();
  // Output sample 0 of the block is out_side samples into the transform; the carrier's phase runs on across
  // blocks.
  const double side_turn =
      static_cast<double>(shift) * static_cast<double>(in_side) / static_cast<double>(in_size);
  double turn = -block_turn * static_cast<double>(blocks) + side_turn -
                sample_turn * static_cast<double>(blocks) * static_cast<double>(out_hop);
  // Within the transform the shifted bins rotate by themselves from its first sample on.
  turn -= std::floor(turn);
  lv_32fc_t phase(static_cast<float>(std::cos(2 * kPi * turn)), static_cast<float>(std::sin(2 * kPi * turn)));
  const lv_32fc_t step(static_cast<float>(std::cos(2 * kPi * sample_turn)),
                       static_cast<float>(-std::sin(2 * kPi * sample_turn)));
  if (sample_turn == 0.0)
    volk_32fc_s32fc_multiply_32fc(block.data(), inverse.output() + out_side, phase,
                                  static_cast<unsigned>(out_hop));
  else
    volk_32fc_s32fc_x2_rotator_32fc(block.data(), inverse.output() + out_side, step, &phase,
                                    static_cast<unsigned>(out_hop));
  ++blocks;
  sink(block);
}

void FrontEnd::process(Span<const cf32> samples, const Sink& sink) {
  Impl& s = *impl_;
  s.pending.insert(s.pending.end(), samples.begin(), samples.end());
  s.fed += samples.size();
  std::size_t used = 0;
  for (; s.pending.size() - used >= s.in_size; used += s.in_hop) s.run_block(s.pending.data() + used, sink);
  s.pending.erase(s.pending.begin(), s.pending.begin() + static_cast<std::ptrdiff_t>(used));
}

void FrontEnd::flush(const Sink& sink) {
  Impl& s = *impl_;
  const std::uint64_t wanted = s.fed;
  const std::vector<cf32> zeros(s.in_hop);
  while (s.blocks * s.in_hop < wanted) process(zeros, sink);
  s.start();
}

int FrontEnd::lookahead_chips() const { return static_cast<int>(impl_->out_side / 4); }
int FrontEnd::block_chips() const { return static_cast<int>(impl_->out_hop / 4); }

}  // namespace ngdsp
