#include "eval/activity_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "eval/spread_algebra.h"
#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

constexpr int kSweeps = 3;            // more find no more
constexpr float kLeastEvidence = -8;  // to become a candidate; one in 3000 of those is in use
constexpr float kDroppedBelow = -10;
constexpr float kMostPerSender = 3, kMostMore = 100;  // candidates a scan adds

std::size_t idx(int i) { return static_cast<std::size_t>(i); }

float probability(float log_odds) { return 1.0F / (1.0F + std::exp(-log_odds)); }

}  // namespace

ActivityModel::ActivityModel(const UnsourcedCode& code, double ebn0_db)
    : code_(code),
      symbols_(idx(code.scheme().code_bits)),
      chips_(idx(code.scheme().spread_chips())),
      rows_((chips_ + 3) / 4 * 4),
      stride_(idx(code.padded_chips())),
      mean_chip_power_(static_cast<float>(2.0 * code.scheme().message_bits * from_db(ebn0_db) /
                                          static_cast<double>(symbols_ * chips_))),
      received_(symbols_ * stride_),
      transposed_(chips_ * symbols_),
      energy_(rows_ * stride_),
      precision_(rows_ * stride_),
      form_(rows_ * stride_),
      work_(rows_ * stride_),
      listed_(idx(code.scheme().sequences())),
      u_(stride_),
      g_(stride_),
      s_(stride_),
      mask_(symbols_) {}

void ActivityModel::load(Span<const float> samples) {
  // What no sender could have sent is no signal either: squares must stay finite.
  constexpr float kLargest = 1e6F;
  candidates_.clear();
  std::fill(listed_.begin(), listed_.end(), std::uint8_t{0});
  for (std::size_t m = 0; m < symbols_; ++m) {
    for (std::size_t c = 0; c < chips_; ++c) {
      const float x = samples[m * chips_ + c];
      received_[m * stride_ + c] = std::isfinite(x) ? std::clamp(x, -kLargest, kLargest) : 0.0F;
    }
  }
  refresh();
}

void ActivityModel::add(int sequence, Span<const float> word, float sign) {
  code_.sequence(sequence, Span<float>(s_.data(), chips_));
  const float amplitude = sign * std::sqrt(chip_power(sequence));
  for (std::size_t m = 0; m < symbols_; ++m)
    spread::axpy(received_.data() + m * stride_, s_.data(), amplitude * word[m], stride_);
}

void ActivityModel::refresh() {
  std::fill(energy_.begin(), energy_.end(), 0.0F);
  for (std::size_t m = 0; m < symbols_; ++m) {
    const float* y = received_.data() + m * stride_;
    spread::rank_one(energy_.data(), y, 1.0F, chips_, stride_);
    for (std::size_t c = 0; c < chips_; ++c) transposed_[c * symbols_ + m] = y[c];
  }
  double trace = 0;
  for (std::size_t c = 0; c < chips_; ++c) trace += static_cast<double>(energy_[c * stride_ + c]);
  rest_power_ = std::max(0.0F, static_cast<float>(trace / static_cast<double>(chips_ * symbols_) - 1.0));
}

void ActivityModel::update() {
  float listed = 0;
  for (const ActivityCandidate& c : candidates_) listed += c.activity * c.chip_power;
  std::fill(precision_.begin(), precision_.end(), 0.0F);
  for (std::size_t c = 0; c < chips_; ++c)
    precision_[c * stride_ + c] = 1.0F + std::max(0.0F, rest_power_ - listed);
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    const ActivityCandidate& c = candidates_[i];
    if (c.activity > 1e-4F)
      spread::rank_one(precision_.data(), signs_of(i), c.activity * c.chip_power, chips_, stride_);
  }
  spread::invert(precision_.data(), chips_, stride_);
}

float ActivityModel::likelihood(float v, float q, float power) const {
  const float gain = power * v;
  return 0.5F * (power * q / (1.0F + gain) - static_cast<float>(symbols_) * std::log1p(gain));
}

float ActivityModel::prior_log_odds() const {
  const float rate = std::min(0.5F, (0.5F + senders_left()) / static_cast<float>(code_.scheme().sequences()));
  return std::log(rate / (1.0F - rate));
}

void ActivityModel::scan() {
  // C^-1 Y Y^T C^-1; both factors are symmetric, rows are columns.
  for (std::size_t r = 0; r < chips_; ++r)
    spread::multiply(energy_.data(), precision_.data() + r * stride_, work_.data() + r * stride_, chips_,
                     stride_);
  for (std::size_t r = 0; r < chips_; ++r)
    spread::multiply(precision_.data(), work_.data() + r * stride_, form_.data() + r * stride_, chips_,
                     stride_);
  std::copy(precision_.begin(), precision_.end(), work_.begin());
  spread::fold(form_.data(), rows_, stride_);
  spread::fold(work_.data(), rows_, stride_);

  const float prior = prior_log_odds();
  std::vector<std::pair<float, int>> hits;
  float v[UnsourcedCode::kBlock], q[UnsourcedCode::kBlock];
  for (int b = 0; b < code_.scheme().sequences() / UnsourcedCode::kBlock; ++b) {
    spread::quadratic_forms(work_.data(), code_.block(b), v, rows_, stride_);
    spread::quadratic_forms(form_.data(), code_.block(b), q, rows_, stride_);
    for (int i = 0; i < UnsourcedCode::kBlock; ++i) {
      const int j = b * UnsourcedCode::kBlock + i;
      if (listed_[idx(j)] != 0) continue;
      const float evidence = prior + likelihood(v[i], q[i], chip_power(j));
      if (evidence > kLeastEvidence) hits.emplace_back(evidence, j);
    }
  }
  const auto most = static_cast<std::size_t>(kMostMore + kMostPerSender * std::min(senders_left(), 1e4F));
  const std::size_t keep = std::min(hits.size(), most);
  std::partial_sort(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(keep), hits.end(),
                    [](const auto& a, const auto& b) {
                      return a.first != b.first ? a.first > b.first : a.second < b.second;
                    });
  signs_.resize((candidates_.size() + keep) * stride_);
  for (std::size_t i = 0; i < keep; ++i) {
    ActivityCandidate c;
    c.evidence = hits[i].first;
    c.activity = probability(c.evidence);
    c.sequence = hits[i].second;
    c.chip_power = chip_power(c.sequence);
    listed_[idx(c.sequence)] = 1;
    candidates_.push_back(c);
    float* signs = signs_of(candidates_.size() - 1);
    std::fill_n(signs, stride_, 0.0F);
    code_.sequence(c.sequence, Span<float>(signs, chips_));
  }
}

void ActivityModel::sweep() {
  const float prior = prior_log_odds();
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    ActivityCandidate& c = candidates_[i];
    const float* s = signs_of(i);
    spread::multiply(precision_.data(), s, u_.data(), chips_, stride_);
    spread::multiply(energy_.data(), u_.data(), g_.data(), chips_, stride_);
    const float v = spread::dot(s, u_.data(), stride_);
    const float q = spread::dot(u_.data(), g_.data(), stride_);
    const float without = std::max(1e-3F, 1.0F - c.activity * c.chip_power * v);
    c.evidence = prior + likelihood(v / without, q / (without * without), c.chip_power);
    const float activity = probability(c.evidence);
    if (std::abs(activity - c.activity) <= 1e-3F) continue;
    const float change = (activity - c.activity) * c.chip_power;
    spread::rank_one(precision_.data(), u_.data(), -change / (1.0F + change * v), chips_, stride_);
    c.activity = activity;
  }
}

void ActivityModel::prune(float least_evidence) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (candidates_[i].evidence < least_evidence) {
      listed_[idx(candidates_[i].sequence)] = 0;
      continue;
    }
    if (kept != i) {
      candidates_[kept] = candidates_[i];
      std::copy_n(signs_of(i), stride_, signs_of(kept));
    }
    ++kept;
  }
  candidates_.resize(kept);
}

void ActivityModel::detect() {
  update();
  scan();
  for (int k = 0; k < kSweeps; ++k) {
    update();  // afresh: errors of the rank-one steps must not add up
    sweep();
  }
  prune(kDroppedBelow);
  update();
}

float ActivityModel::filter(const float* signs, Span<float> output) {
  spread::multiply(precision_.data(), signs, u_.data(), chips_, stride_);
  std::fill(output.begin(), output.end(), 0.0F);
  for (std::size_t c = 0; c < chips_; ++c)
    spread::axpy(output.data(), transposed_.data() + c * symbols_, u_[c], symbols_);
  return spread::dot(signs, u_.data(), stride_);
}

float ActivityModel::candidate_llr(std::size_t index, Span<float> llr) {
  const ActivityCandidate& c = candidates_[index];
  const float v = filter(signs_of(index), llr);
  const float without = std::max(1e-3F, 1.0F - c.activity * c.chip_power * v);
  const float scale = 2.0F * std::sqrt(c.chip_power) / without;
  code_.mask(c.sequence, mask_);
  for (std::size_t m = 0; m < symbols_; ++m) llr[m] *= scale * mask_[m];
  return c.chip_power * v / without;
}

float ActivityModel::sender_llr(int sequence, Span<const float> word, Span<float> llr, float& correlation) {
  code_.sequence(sequence, Span<float>(s_.data(), chips_));
  const float v = filter(s_.data(), llr);
  const float amplitude = std::sqrt(chip_power(sequence));
  code_.mask(sequence, mask_);
  correlation = 0;
  for (std::size_t m = 0; m < symbols_; ++m) {
    const float x = 2.0F * amplitude * (llr[m] + amplitude * v * word[m]);
    correlation += x * word[m];
    llr[m] = x * mask_[m];
  }
  return chip_power(sequence) * v;
}

}  // namespace ngdsp
