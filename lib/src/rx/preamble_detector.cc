#include "ngdsp/rx/preamble_detector.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "rx/code_search.h"
#include "rx/offset_grid.h"

namespace ngdsp {
namespace {

constexpr std::size_t kSmallestTransform = 8192;
constexpr std::size_t kGridHop = 4096;  // code phases of a block where many carriers are searched
constexpr int kGuard = 4;  // extra phases either side of a block, so that peaks at its edges are judged alike
// Half a cycle a preamble apart: with more of them segments and one transform over these cost less than a
// transform each. Both took 0.41 us a code phase at 65.
constexpr int kFewCarriers = 64;
// Rms bandwidth of the pulse's correlation, in chip rates, and rms duration of the preamble, in its length.
constexpr double kRmsBandwidth = 0.29, kRmsDuration = 0.2887;

// Of peaks near each other the strongest: what is near it is its flank.
void keep_strongest(std::vector<PreambleHit>& found, double carrier_spacing_hz) {
  std::sort(found.begin(), found.end(), [](const PreambleHit& a, const PreambleHit& b) {
    return a.statistic != b.statistic ? a.statistic > b.statistic : a.chip < b.chip;
  });
  std::vector<PreambleHit> kept;
  for (const PreambleHit& f : found) {
    const bool flank = std::any_of(kept.begin(), kept.end(), [&](const PreambleHit& k) {
      return std::abs(k.chip - f.chip) < PreambleDetector::kPeakSpacing &&
             std::abs(k.carrier_offset_hz - f.carrier_offset_hz) < carrier_spacing_hz;
    });
    if (!flank) kept.push_back(f);
  }
  found.swap(kept);
}

}  // namespace

struct PreambleDetector::Impl {
  PreambleDetectorConfig config;
  std::size_t hop, span;
  double preamble_hz;  // 1/duration
  std::unique_ptr<PreambleSearch> blocks;
  WorkerPool* workers;
  std::vector<std::vector<PreambleHit>> found;  // by sequence
};

PreambleDetector::PreambleDetector(const PreambleDetectorConfig& config, WorkerPool& workers) {
  const std::size_t length = config.sequences.at(0).size();
  const double preamble_hz = config.chip_rate_hz / static_cast<double>(length);
  std::size_t size = kSmallestTransform;
  while (size < 4 * length) size *= 2;
  std::unique_ptr<PreambleSearch> blocks;
  std::size_t hop = kGridHop;
  if (CodeSearch::carriers(config, size) > kFewCarriers) {
    blocks = std::make_unique<OffsetGrid>(config, hop + 2 * kGuard, workers.workers());
  } else {
    hop = size - length - 2 * kGuard;
    blocks = std::make_unique<CodeSearch>(config, size, workers.workers());
  }
  impl_.reset(new Impl{config, hop, hop + length + kGuard, preamble_hz, std::move(blocks), &workers,
                       std::vector<std::vector<PreambleHit>>(config.sequences.size())});
}

PreambleDetector::~PreambleDetector() = default;
PreambleDetector::PreambleDetector(PreambleDetector&&) noexcept = default;
PreambleDetector& PreambleDetector::operator=(PreambleDetector&&) noexcept = default;

int PreambleDetector::hop_chips() const { return static_cast<int>(impl_->hop); }
int PreambleDetector::span_chips() const { return static_cast<int>(impl_->span); }
int PreambleDetector::carrier_bins() const { return impl_->blocks->carrier_bins(); }

double PreambleDetector::noise_hits(double threshold) const {
  const auto hop = static_cast<double>(impl_->hop);
  if (carrier_bins() == 1) return 2 * std::sqrt(kPi * threshold) * kRmsBandwidth * std::exp(-threshold) * hop;
  const double cycles = 2 * impl_->config.max_carrier_offset_hz / impl_->preamble_hz;
  return 2 * kPi * kRmsBandwidth * kRmsDuration * (2 * threshold - 1) * std::exp(-threshold) * hop * cycles;
}

void PreambleDetector::search(const ChipBuffer& chips, std::int64_t first_chip,
                              std::vector<PreambleHit>& hits) {
  search(chips, first_chip, std::vector<double>(impl_->config.sequences.size(), impl_->config.threshold),
         hits);
}

void PreambleDetector::search(const ChipBuffer& chips, std::int64_t first_chip, Span<const double> thresholds,
                              std::vector<PreambleHit>& hits) {
  Impl& s = *impl_;
  s.blocks->read(chips, first_chip - kGuard);
  s.workers->run(s.config.sequences.size(), [&](std::size_t q, std::size_t worker) {
    s.found[q].clear();
    if (!std::isfinite(thresholds[q])) return;
    s.blocks->search(static_cast<int>(q), thresholds[q], worker, s.found[q]);
    keep_strongest(s.found[q], kCarrierSpacing * s.preamble_hz);
  });
  for (const auto& found : s.found)
    for (const PreambleHit& f : found)
      if (f.chip >= static_cast<double>(first_chip) &&
          f.chip < static_cast<double>(first_chip) + static_cast<double>(s.hop))
        hits.push_back(f);
  std::sort(hits.begin(), hits.end(), [](const PreambleHit& a, const PreambleHit& b) {
    return a.chip != b.chip ? a.chip < b.chip : a.sequence < b.sequence;
  });
}

}  // namespace ngdsp
