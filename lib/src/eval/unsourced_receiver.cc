#include "ngdsp/eval/unsourced_receiver.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <cstdlib>
#include <cstdio>

#include "eval/spread_algebra.h"
#include "ngdsp/base/db.h"
#include "ngdsp/fec/polar_decoder.h"

namespace ngdsp {
namespace {

std::size_t idx(int i) { return static_cast<std::size_t>(i); }

int getenv_int(const char* n, int d) { const char* v = std::getenv(n); return v ? std::atoi(v) : d; }
double getenv_d(const char* n, double d) { const char* v = std::getenv(n); return v ? std::atof(v) : d; }

// A sequence that may be in use.
struct Candidate {
  int sequence = 0;
  float chip_power = 0;    // of its sender, for noise 1
  float evidence = 0;      // ln of the odds that it is in use
  float activity = 0;      // the same as a probability
  float tried_sinr = 0;    // of the last attempt in vain
  int tried_list = 0;
};

float probability(float log_odds) { return 1.0F / (1.0F + std::exp(-log_odds)); }

}  // namespace

struct UnsourcedReceiver::Impl {
  const UnsourcedCode& code;
  UnsourcedReceiverConfig config;
  std::size_t symbols, chips, stride, rows;  // rows: chips rounded up to 4
  float mean_chip_power;
  PolarDecoder decoder;
  UnsourcedStats stats;

  std::vector<float> received;    // symbol by symbol, rows of `stride`, decoded senders taken away
  std::vector<float> transposed;  // chip by chip, rows of `symbols`
  std::vector<float> energy;      // R = Y^T Y, chips x stride
  std::vector<float> precision;   // V = C^-1 of the model C = (1 + rest) I + sum p P s s^T
  std::vector<float> scratch, scratch2;
  std::vector<Candidate> candidates;
  std::vector<float> signs;       // candidates x stride
  std::vector<int> candidate_of;  // by sequence, -1 = none
  std::vector<float> u, g, llr, output, mask;
  std::vector<std::uint8_t> paths;
  std::vector<float> path_metric;
  std::vector<UnsourcedMessage> found;

  Impl(const UnsourcedCode& c, const UnsourcedReceiverConfig& cfg)
      : code(c),
        config(cfg),
        symbols(idx(c.scheme().code_bits)),
        chips(idx(c.scheme().spread_chips())),
        stride(idx(c.padded_chips())),
        rows((chips + 3) / 4 * 4),
        mean_chip_power(static_cast<float>(2.0 * c.scheme().message_bits * from_db(cfg.ebn0_db) /
                                           static_cast<double>(symbols * chips))),
        decoder(PolarDecoder::without_crc(c.polar(), cfg.max_list)),
        received(symbols * stride),
        transposed(chips * symbols),
        energy(rows * stride),
        precision(rows * stride),
        scratch(rows * stride),
        scratch2(rows * stride),
        candidate_of(idx(c.scheme().sequences()), -1),
        u(stride),
        g(stride),
        llr(symbols),
        output(symbols),
        mask(symbols),
        paths(idx(cfg.max_list) * idx((c.scheme().polar_bits() + 7) / 8)),
        path_metric(idx(cfg.max_list)) {}

  float chip_power(int sequence) const { return mean_chip_power * code.power(sequence); }
  float* signs_of(std::size_t i) { return signs.data() + i * stride; }

  // R and the transpose, from what is left.
  void refresh() {
    std::fill(energy.begin(), energy.end(), 0.0F);
    for (std::size_t m = 0; m < symbols; ++m) {
      const float* y = received.data() + m * stride;
      spread::rank_one(energy.data(), y, 1.0F, chips, stride);
      for (std::size_t c = 0; c < chips; ++c) transposed[c * symbols + m] = y[c];
    }
  }

  // Power a chip above the noise: all senders still there.
  float rest_power() const {
    double trace = 0;
    for (std::size_t c = 0; c < chips; ++c) trace += static_cast<double>(energy[c * stride + c]);
    return std::max(0.0F, static_cast<float>(trace / static_cast<double>(chips * symbols) - 1.0));
  }

  void model() {
    float listed = 0;
    for (const Candidate& c : candidates) listed += c.activity * c.chip_power;
    const float floor = 1.0F + std::max(0.0F, rest_power() - listed);
    std::fill(precision.begin(), precision.end(), 0.0F);
    for (std::size_t c = 0; c < chips; ++c) precision[c * stride + c] = floor;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const Candidate& c = candidates[i];
      if (c.activity > 1e-4F)
        spread::rank_one(precision.data(), signs_of(i), c.activity * c.chip_power, chips, stride);
    }
    spread::invert(precision.data(), chips, stride);
  }

  // ln p(Y | in use) / p(Y | not in use), v = s^T V s and q = s^T V R V s without the sequence itself.
  float likelihood(float v, float q, float power) const {
    const float gain = power * v;
    return 0.5F * (power * q / (1.0F + gain) - static_cast<float>(symbols) * std::log1p(gain));
  }

  float prior_log_odds() const {
    const float senders = 0.5F + rest_power() / mean_chip_power;
    const float rate = std::min(0.5F, senders / static_cast<float>(code.scheme().sequences()));
    return std::log(rate / (1.0F - rate));
  }

  // All sequences against the present model: the best that are no candidates yet become candidates.
  void scan(std::size_t most, float least_evidence) {
    std::fill(scratch.begin(), scratch.end(), 0.0F);
    std::fill(scratch2.begin(), scratch2.end(), 0.0F);
    // W = V R V, row by row.
    for (std::size_t r = 0; r < chips; ++r)
      spread::multiply(energy.data(), precision.data() + r * stride, scratch2.data() + r * stride, chips, stride);
    for (std::size_t r = 0; r < chips; ++r)
      spread::multiply(precision.data(), scratch2.data() + r * stride, scratch.data() + r * stride, chips, stride);
    spread::fold(scratch.data(), rows, stride);
    std::copy(precision.begin(), precision.end(), scratch2.begin());
    spread::fold(scratch2.data(), rows, stride);
    const float prior = prior_log_odds();
    std::vector<std::pair<float, int>> hits;
    float v[UnsourcedCode::kBlock], q[UnsourcedCode::kBlock];
    for (int b = 0; b < code.scheme().sequences() / UnsourcedCode::kBlock; ++b) {
      spread::quadratic_forms(scratch2.data(), code.block(b), v, rows, stride);
      spread::quadratic_forms(scratch.data(), code.block(b), q, rows, stride);
      for (int i = 0; i < UnsourcedCode::kBlock; ++i) {
        const int j = b * UnsourcedCode::kBlock + i;
        if (candidate_of[idx(j)] >= 0) continue;
        const float evidence = prior + likelihood(v[i], q[i], chip_power(j));
        if (evidence > least_evidence) hits.emplace_back(evidence, j);
      }
    }
    const std::size_t keep = std::min(hits.size(), most);
    std::partial_sort(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(keep), hits.end(),
                      [](const auto& a, const auto& b) {
                        return a.first != b.first ? a.first > b.first : a.second < b.second;
                      });
    for (std::size_t i = 0; i < keep; ++i) {
      Candidate c;
      c.sequence = hits[i].second;
      c.chip_power = chip_power(c.sequence);
      c.evidence = hits[i].first;
      c.activity = probability(c.evidence);
      candidate_of[idx(c.sequence)] = static_cast<int>(candidates.size());
      candidates.push_back(c);
      signs.resize(candidates.size() * stride);
      std::fill_n(signs_of(candidates.size() - 1), stride, 0.0F);
      code.sequence(c.sequence, Span<float>(signs_of(candidates.size() - 1), chips));
    }
  }

  // One candidate after the other: its odds given the model of all others.
  void sweep() {
    const float prior = prior_log_odds();
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      Candidate& c = candidates[i];
      const float* s = signs_of(i);
      spread::multiply(precision.data(), s, u.data(), chips, stride);
      const float v = spread::dot(s, u.data(), stride);
      spread::multiply(energy.data(), u.data(), g.data(), chips, stride);
      const float q = spread::dot(u.data(), g.data(), stride);
      const float own = c.activity * c.chip_power;
      const float without = std::max(1e-3F, 1.0F - own * v);
      c.evidence = prior + likelihood(v / without, q / (without * without), c.chip_power);
      const float activity = probability(c.evidence);
      const float change = (activity - c.activity) * c.chip_power;
      if (std::abs(activity - c.activity) > 1e-3F) {
        spread::rank_one(precision.data(), u.data(), -change / (1.0F + change * v), chips, stride);
        c.activity = activity;
      }
    }
  }

  void prune(float least_evidence) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (candidates[i].evidence < least_evidence) {
        candidate_of[idx(candidates[i].sequence)] = -1;
        continue;
      }
      if (kept != i) {
        candidates[kept] = candidates[i];
        std::copy_n(signs_of(i), stride, signs_of(kept));
      }
      candidate_of[idx(candidates[kept].sequence)] = static_cast<int>(kept);
      ++kept;
    }
    candidates.resize(kept);
  }

  void detect() {
    static const int rounds = getenv_int("U_ROUNDS", 2), sweeps = getenv_int("U_SWEEPS", 3);
    static const double cut = getenv_d("U_CUT", -7);
    const float senders = rest_power() / mean_chip_power;
    const auto most = static_cast<std::size_t>(100.0F + 3.0F * senders);
    for (int round = 0; round < rounds; ++round) {
      model();
      scan(most, (float)cut);
      for (int k = 0; k < sweeps; ++k) {
        model();
        sweep();
      }
      prune((float)cut - 2);
    }
    model();
  }

  // Log-likelihood ratios of one candidate; returns its SINR a symbol.
  float soft_symbols(std::size_t i) {
    const Candidate& c = candidates[i];
    const float* s = signs_of(i);
    spread::multiply(precision.data(), s, u.data(), chips, stride);
    const float v = spread::dot(s, u.data(), stride);
    const float without = std::max(1e-3F, 1.0F - c.activity * c.chip_power * v);
    std::fill(output.begin(), output.end(), 0.0F);
    for (std::size_t k = 0; k < chips; ++k)
      spread::axpy(output.data(), transposed.data() + k * symbols, u[k], symbols);
    code.mask(c.sequence, mask);
    const float scale = 2.0F * std::sqrt(c.chip_power) / without;
    for (std::size_t m = 0; m < symbols; ++m) llr[m] = scale * output[m] * mask[m];
    return c.chip_power * v / without;
  }

  // How well the best path with a CRC explains the LLRs, in standard deviations of what noise gives; 0 when
  // there is none.
  float best_word(int sequence, float sinr, int list, UnsourcedMessage& message) {
    ++stats.decodes;
    const int count = decoder.decode_paths(llr, list, paths, path_metric);
    const std::size_t bytes = paths.size() / path_metric.size();
    for (int p = 0; p < count; ++p) {
      const std::uint8_t* info = paths.data() + idx(p) * bytes;
      if (!code.check(info)) continue;
      message = code.message(sequence, info);
      return match_of(path_metric[idx(p)], sinr);
    }
    ++stats.crc_rejected;
    return 0;
  }

  float match_of(float metric, float sinr) const {
    float total = 0;
    for (const float x : llr) total += std::abs(x);
    return (total - 2.0F * metric) / (2.0F * std::sqrt(static_cast<float>(symbols) * sinr));
  }

  // Decodes every sender found once more, now that the others are gone. True when one was replaced or given up.
  bool reexamine(float least) {
    bool changed = false;
    std::vector<float> word(symbols), s(stride, 0.0F);
    for (std::size_t k = 0; k < found.size();) {
      const int j = code.sequence_of(found[k]);
      code.sequence(j, Span<float>(s.data(), chips));
      code.code_word(found[k], word);
      code.mask(j, mask);
      spread::multiply(precision.data(), s.data(), u.data(), chips, stride);
      const float v = spread::dot(s.data(), u.data(), stride);
      std::fill(output.begin(), output.end(), 0.0F);
      for (std::size_t c = 0; c < chips; ++c)
        spread::axpy(output.data(), transposed.data() + c * symbols, u[c], symbols);
      const float amplitude = std::sqrt(chip_power(j));
      float own = 0, total = 0;
      for (std::size_t m = 0; m < symbols; ++m) {
        const float x = 2.0F * amplitude * (output[m] + amplitude * v * word[m]);
        llr[m] = x * mask[m];
        own += x * word[m];
        total += std::abs(x);
      }
      const float sinr = chip_power(j) * v;
      const float own_match = own / (2.0F * std::sqrt(static_cast<float>(symbols) * sinr));
      UnsourcedMessage message{};
      const float match = best_word(j, sinr, config.max_list, message);
      if (match > own_match && message != found[k] && match > least) {
        subtract(found[k], -1);
        if (std::find(found.begin(), found.end(), message) == found.end()) {
          subtract(message);
          found[k++] = message;
        } else {
          found.erase(found.begin() + static_cast<std::ptrdiff_t>(k));
        }
        changed = true;
        refresh();
      } else if (own_match < least) {
        subtract(found[k], -1);
        found.erase(found.begin() + static_cast<std::ptrdiff_t>(k));
        changed = true;
        refresh();
      } else {
        ++k;
      }
    }
    return changed;
  }

  void subtract(const UnsourcedMessage& message, float sign = 1) {
    std::vector<float> word(symbols);
    code.code_word(message, word);
    const int j = code.sequence_of(message);
    std::vector<float> s(stride, 0.0F);
    code.sequence(j, Span<float>(s.data(), chips));
    const float amplitude = sign * std::sqrt(chip_power(j));
    for (std::size_t m = 0; m < symbols; ++m)
      spread::axpy(received.data() + m * stride, s.data(), -amplitude * word[m], stride);
  }

  std::vector<UnsourcedMessage> decode(Span<const float> samples) {
    stats = {};
    candidates.clear();
    std::fill(candidate_of.begin(), candidate_of.end(), -1);
    found.clear();
    if (samples.size() != idx(code.scheme().channel_uses)) return found;
    for (std::size_t m = 0; m < symbols; ++m) {
      for (std::size_t c = 0; c < chips; ++c) {
        const float x = samples[m * chips + c];
        received[m * stride + c] = std::isfinite(x) ? x : 0.0F;
      }
    }
    refresh();
    const int lists[] = {8, 32, 128};
    static const int l0 = getenv_int("U_L0", 0), reex = getenv_int("U_REEX", 2);
    static const double t0 = getenv_d("U_T0", 12), t1 = getenv_d("U_T1", 12), t2 = getenv_d("U_T2", 11.5);
    int stage = l0, redone = 0;
    double least = t0;
    const bool trace = getenv_int("U_TRACE", 0);
    static const double dcut = getenv_d("U_DCUT", -5);
    while (stats.passes < config.max_passes) {
      ++stats.passes;
      detect();
      std::vector<UnsourcedMessage> accepted;
      const int list = std::min(lists[stage], config.max_list);
      int tried = 0;
      for (std::size_t i = 0; i < candidates.size(); ++i) {
        Candidate& c = candidates[i];
        if (c.evidence < (float)dcut) continue;
        const float sinr = soft_symbols(i);
        if (c.tried_list >= list && sinr < c.tried_sinr * 1.01F) continue;
        ++tried;
        UnsourcedMessage message{};
        if (best_word(c.sequence, sinr, list, message) > (float)least) {
          accepted.push_back(message);
          c.evidence = -1e9F;
        } else {
          c.tried_list = list;
          c.tried_sinr = sinr;
        }
      }
      int fresh = 0;
      for (const UnsourcedMessage& message : accepted) {
        if (std::find(found.begin(), found.end(), message) != found.end()) continue;
        found.push_back(message);
        subtract(message);
        ++fresh;
      }
      if (trace) {
        double ps = 0; float smax = 0;
        for (auto& c : candidates) if (c.evidence > -1e8) { ps += c.activity; smax = std::max(smax, c.tried_sinr); }
        std::fprintf(stderr, "pass %d list %d cand %zu sum p %.1f rest %.1f tried %d fresh %d total %zu sinr max %.2f dB\n", stats.passes, list, candidates.size(), ps, rest_power() / mean_chip_power, tried, fresh, found.size(), 10*std::log10(smax*symbols/200.));
      }
      if (fresh > 0) {
        prune(-1e8F);
        refresh();
        stage = std::max(l0, std::min(stage, 1));
      } else if (list < config.max_list && stage < 2) {
        ++stage;
      } else if (redone < reex) {
        const bool changed = reexamine((float)t2);
        ++redone;
        if (trace) std::fprintf(stderr, "reexamined: %d, now %zu\n", changed, found.size());
        for (Candidate& c : candidates) c.tried_list = 0;
        if (!changed && least <= t1) break;
        least = t1;
      } else {
        break;
      }
    }
    return found;
  }
};

UnsourcedReceiver::UnsourcedReceiver(const UnsourcedCode& code, const UnsourcedReceiverConfig& config)
    : impl_(std::make_unique<Impl>(code, config)) {}
UnsourcedReceiver::~UnsourcedReceiver() = default;
UnsourcedReceiver::UnsourcedReceiver(UnsourcedReceiver&&) noexcept = default;
UnsourcedReceiver& UnsourcedReceiver::operator=(UnsourcedReceiver&&) noexcept = default;

std::vector<UnsourcedMessage> UnsourcedReceiver::decode(Span<const float> samples) {
  return impl_->decode(samples);
}
const UnsourcedStats& UnsourcedReceiver::stats() const { return impl_->stats; }

}  // namespace ngdsp
