#include "ngdsp/eval/access_count.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

constexpr double kKeepFrames = 64;  // no receiver holds a frame back this long
constexpr double kDelayBinsABlock = 20;
constexpr std::size_t kMostDelayBins = 1 << 20;
constexpr double kLockedLoss = 0.1, kRecoveredLoss = 1e-3;
constexpr double kSegmentBinSeconds = 0.5;
constexpr double kChance = 1e-3;  // of a bin that loses more although nothing is wrong

// P(X > k) of a Poisson variable.
double poisson_above(double mean, std::uint32_t k) {
  double term = std::exp(-mean), below = term;
  for (std::uint32_t i = 1; i <= k; ++i) below += term *= mean / i;
  return 1 - below;
}

}  // namespace

void LossBins::add(double start_samples, bool lost) {
  const double at = std::floor((start_samples - origin_) / width_);
  if (at < 0) return;
  const auto bin = static_cast<std::size_t>(at);
  if (bin >= bins_.size()) bins_.resize(bin + 1);
  ++bins_[bin].offered;
  if (lost) ++bins_[bin].lost;
}

template <typename Good>
std::optional<double> LossBins::good_from(Good good) const {
  std::size_t from = bins_.size();
  while (from > 0 && good(bins_[from - 1])) --from;
  return from == bins_.size() ? std::nullopt : std::optional(static_cast<double>(from));
}

std::optional<double> LossBins::settled_after(double limit) const {
  return good_from([=](const LossBin& b) { return b.lost <= limit * b.offered; });
}

// Bad is what is lost so often, or more often, in at most one bin of a thousand.
std::optional<double> LossBins::chance_after(double rate) const {
  return good_from(
      [=](const LossBin& b) { return b.lost == 0 || poisson_above(rate * b.offered, b.lost - 1) > kChance; });
}

AccessCount::AccessCount(const AccessCountConfig& config)
    : config_(config),
      bins_(config.warm_up_frames * config.frame_samples, config.frame_samples),
      recovery_(std::max(config.recovery_frames, config.warm_up_frames) * config.frame_samples,
                config.frame_samples),
      segments_(config.segment_samples.size(),
                {LossBins(0, kSegmentBinSeconds * config.sample_rate_hz), LossBins(0, 1)}) {}

bool AccessCount::eligible(double start) const {
  return start >= config_.warm_up_frames * config_.frame_samples;
}

void AccessCount::sent(const SentFrame& f) {
  Fate fate;
  fate.ebn0_db = static_cast<float>(f.ebn0_db);
  fate.start = f.start_samples;
  fate.end = f.end_samples;
  fates_.push_back(fate);
  if (eligible(fate.start) && (config_.most == 0 || eligible_ < config_.most)) {
    ++eligible_;
    last_eligible_end_ = std::max(last_eligible_end_, fate.end);
  }
}

void AccessCount::received(std::optional<std::uint64_t> index, double fed_samples, double residual_db,
                           double cancellation_db) {
  if (!index) {
    ++totals_.false_frames;
    return;
  }
  // Out of memory means long settled: too late to count as received.
  if (*index < first_ || *index - first_ >= fates_.size() || fates_[*index - first_].received) {
    ++totals_.duplicates;
    return;
  }
  Fate& fate = fates_[*index - first_];
  fate.received = true;
  fate.delay = fed_samples - fate.end;
  fate.residual = std::isfinite(residual_db) ? from_db(residual_db) : 0;
  fate.cancellation_db = std::isfinite(cancellation_db) ? cancellation_db : 0;
}

void AccessCount::settle(double fed_samples) {
  while (!fates_.empty() && fates_.front().end + kKeepFrames * config_.frame_samples < fed_samples) {
    retire(fates_.front());
    fates_.pop_front();
    ++first_;
  }
}

void AccessCount::retire(const Fate& fate) {
  if (!eligible(fate.start) || (config_.most > 0 && totals_.offered >= config_.most)) return;
  ++totals_.offered;
  const bool strong = static_cast<double>(fate.ebn0_db) > config_.strong_db;
  if (strong) ++totals_.strong_offered;
  bins_.add(fate.start, !fate.received);
  if (config_.recovery_frames >= 0) recovery_.add(fate.start, !fate.received);
  if (!segments_.empty()) add_to_segment(fate);
  if (!fate.received) return;
  ++totals_.decoded;
  if (strong) ++totals_.strong_decoded;
  residual_sum_ += fate.residual;
  cancellation_sum_ += fate.cancellation_db;
  const double bin = std::max(0.0, fate.delay / config_.block_samples * kDelayBinsABlock);
  const auto at = std::min(static_cast<std::size_t>(bin), kMostDelayBins - 1);
  if (at >= delays_.size()) delays_.resize(at + 1);
  ++delays_[at];
}

void AccessCount::add_to_segment(const Fate& fate) {
  const double round = std::accumulate(config_.segment_samples.begin(), config_.segment_samples.end(), 0.0);
  const double rounds = std::floor(fate.start / round);
  double at = fate.start - rounds * round;
  std::size_t i = 0;
  while (i + 1 < segments_.size() && at >= config_.segment_samples[i]) at -= config_.segment_samples[i++];
  segments_[i].since_change.add(at, !fate.received);
  segments_[i].rounds.add(rounds, !fate.received);
}

double AccessCount::delay_quantile(double q) const {
  const double rank = q * static_cast<double>(totals_.decoded);
  double below = 0;
  for (std::size_t i = 0; i < delays_.size(); ++i) {
    below += delays_[i];
    if (below >= rank && below > 0)
      return (static_cast<double>(i) + 0.5) * config_.block_samples / kDelayBinsABlock /
             config_.sample_rate_hz;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

AccessTotals AccessCount::finish(double end_samples) {
  for (const Fate& fate : fates_)
    if (fate.end <= end_samples - config_.cool_down_frames * config_.frame_samples) retire(fate);
  first_ += fates_.size();
  fates_.clear();
  const auto decoded = static_cast<double>(totals_.decoded);
  totals_.residual = residual_sum_ / decoded;  // NaN of 0/0 says that there is none
  totals_.cancellation_db = cancellation_sum_ / decoded;
  totals_.delay_s_median = delay_quantile(0.5);
  totals_.delay_s_99 = delay_quantile(0.99);
  totals_.locked_after_frames = bins_.settled_after(kLockedLoss);
  if (config_.recovery_frames >= 0) {
    totals_.recovered_after_frames = recovery_.chance_after(kRecoveredLoss);
    totals_.recovery = recovery_.bins();
  }
  for (const SegmentBins& s : segments_) totals_.segments.push_back({s.since_change.bins(), s.rounds.bins()});
  return totals_;
}

}  // namespace ngdsp
