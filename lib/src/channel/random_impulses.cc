#include "ngdsp/channel/random_impulses.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "channel/field_check.h"
#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

double exponential(Rng& rng) { return -std::log1p(-rng.uniform()); }

double mean_duration_s(const ImpulseConfig& c) { return (c.shortest_s + c.longest_s) / 2; }

}  // namespace

std::string ImpulseConfig::validate(const std::string& name) const {
  FieldCheck check(name + ".");
  check.range("mean_gap_s", mean_gap_s, 1e-4, 1e4, "s");
  check.range("shortest_s", shortest_s, 1e-7, 10, "s");
  check.range("longest_s", longest_s, 1e-7, 10, "s");
  check.require(shortest_s <= longest_s, "longest_s", "expected at least shortest_s");
  check.require(class_a > 0 || longest_s <= 100 * mean_gap_s, "longest_s", "expected at most 100 mean gaps");
  check.range("level_db", level_db, 0, 80, "dB");
  check.range("level_spread_db", level_spread_db, 0, 20, "dB");
  if (class_a != 0) check.range("class_a", class_a, 1e-4, 10, "impulses at a time, or 0");
  check.range("gamma", gamma, 1e-6, 1e3);
  check.range("slope_db", slope_db, -60, 60, "dB");
  return check.error();
}

RandomImpulses::RandomImpulses(const ImpulseConfig& config, double sample_rate_hz, std::uint64_t seed)
    : config_(config), sample_rate_hz_(sample_rate_hz), rng_(seed) {
  const double gap_s = config.class_a > 0 ? mean_duration_s(config) / config.class_a : config.mean_gap_s;
  gap_samples_ = gap_s * sample_rate_hz;
  // As if it had been under way for ever: begin long enough ago that everything has ended.
  const double ago_s = config.class_a > 0 ? 30 * mean_duration_s(config) : config.longest_s;
  next_ = -ago_s * sample_rate_hz + gap_samples_ * exponential(rng_);
  for (; next_ < 0; next_ += gap_samples_ * exponential(rng_)) begin(next_);
  begun_ = 0;
}

void RandomImpulses::begin(double at) {
  ++begun_;
  double duration_s = rng_.uniform(config_.shortest_s, config_.longest_s), excess = 0;
  if (config_.class_a > 0) {
    duration_s = mean_duration_s(config_) * exponential(rng_);
    excess = 1 / (config_.class_a * config_.gamma);
  } else {
    excess = std::max(0.0, from_db(config_.level_db + config_.level_spread_db * rng_.normal()) - 1);
  }
  present_.push_back({at + duration_s * sample_rate_hz_, static_cast<float>(excess)});
}

void RandomImpulses::forget_ended(double now) {
  present_.erase(
      std::remove_if(present_.begin(), present_.end(), [now](const Impulse& i) { return i.end <= now; }),
      present_.end());
  excess_ = 0;
  first_end_ = std::numeric_limits<double>::infinity();
  for (const Impulse& i : present_) {
    excess_ += i.excess;
    first_end_ = std::min(first_end_, i.end);
  }
}

void RandomImpulses::add(Span<const double>, Span<float> variance) {
  for (std::size_t k = 0; k < variance.size(); ++k, ++sample_) {
    const auto now = static_cast<double>(sample_);
    const bool more = next_ <= now;
    for (; next_ <= now; next_ += gap_samples_ * exponential(rng_)) begin(next_);
    if (more || first_end_ <= now) forget_ended(now);
    variance[k] += excess_;
  }
}

}  // namespace ngdsp
