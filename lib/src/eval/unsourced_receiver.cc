#include "ngdsp/eval/unsourced_receiver.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "eval/activity_model.h"
#include "ngdsp/fec/polar_decoder.h"

namespace ngdsp {
namespace {

constexpr float kDecodedFrom = -7;  // evidence that a sequence is in use, worth a decode
constexpr float kSinrGain = 1.01F;  // a candidate is tried again when its SINR rose by this

// ln of the odds at which a word is taken for sent: at first only what is safe, because a wrong word that is
// taken away harms all others, then what is likely. Found by measurement: the odds know nothing of errors of
// the model under load.
constexpr float kSureOdds = 8, kLikelyOdds = 4.5F;
// A word found is looked at again when its correlation lacks this many standard deviations, and given up
// below kGivenUpOdds or when it lacks kGivenUpLack.
constexpr float kDoubtfulLack = 0.7F, kGivenUpLack = 5, kGivenUpOdds = 0;
constexpr int kReviews = 6;
constexpr float kNoWord = -std::numeric_limits<float>::infinity();

std::size_t idx(int i) { return static_cast<std::size_t>(i); }

}  // namespace

struct UnsourcedReceiver::Impl {
  const UnsourcedCode& code;
  UnsourcedReceiverConfig config;
  std::size_t symbols;
  ActivityModel model;
  PolarDecoder decoder;
  UnsourcedStats stats;
  std::vector<UnsourcedMessage> found;
  std::vector<float> llr, word, path_metric;
  std::vector<std::uint8_t> paths;

  Impl(const UnsourcedCode& c, const UnsourcedReceiverConfig& cfg)
      : code(c),
        config(cfg),
        symbols(idx(c.scheme().code_bits)),
        model(c, cfg.ebn0_db),
        decoder(PolarDecoder::without_crc(c.polar(), cfg.max_list)),
        llr(symbols),
        word(symbols),
        path_metric(idx(cfg.max_list)),
        paths(idx(cfg.max_list) * idx((c.scheme().polar_bits() + 7) / 8)) {}

  // ln of the odds that a word was sent, as its correlation sum llr (1 - 2 x) has it: its likelihood against
  // silence, times senders over messages. The correlation of a word that was sent is normal with mean 2 M
  // SINR and variance 4 M SINR for M symbols.
  float odds(float correlation, float sinr) const {
    const float senders = 1.0F + model.senders_left() + static_cast<float>(found.size());
    return 0.5F * (correlation - static_cast<float>(symbols) * sinr) + std::log(senders) -
           std::numbers::ln2_v<float> * static_cast<float>(code.scheme().message_bits);
  }

  // The best path with a CRC, and the odds that it was sent.
  float decode_llr(int sequence, float sinr, int list, UnsourcedMessage& message) {
    ++stats.decodes;
    const int count = decoder.decode_paths(llr, list, paths, path_metric);
    const std::size_t bytes = paths.size() / path_metric.size();
    for (int p = 0; p < count; ++p) {
      const std::uint8_t* info = paths.data() + idx(p) * bytes;
      if (!code.check(info)) continue;
      message = code.message(sequence, info);
      float total = 0;
      for (const float x : llr) total += std::abs(x);
      return odds(total - 2 * path_metric[idx(p)], sinr);
    }
    return kNoWord;
  }

  bool is_found(const UnsourcedMessage& message) const {
    return std::find(found.begin(), found.end(), message) != found.end();
  }

  void take_away(const UnsourcedMessage& message, float sign = -1) {
    code.code_word(message, word);
    model.add(code.sequence_of(message), word, sign);
  }

  // Tries all candidates and takes away what is found. How many messages that was.
  int decode_candidates(int list, float least_odds) {
    std::vector<UnsourcedMessage> accepted;
    std::vector<ActivityCandidate>& candidates = model.candidates();
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      ActivityCandidate& c = candidates[i];
      if (c.evidence < kDecodedFrom) continue;
      const float sinr = model.candidate_llr(i, llr);
      if (c.tried_list >= list && sinr < c.tried_sinr * kSinrGain) continue;
      UnsourcedMessage message{};
      if (decode_llr(c.sequence, sinr, list, message) > least_odds) {
        if (!is_found(message)) accepted.push_back(message);
        c.evidence = kNoWord;  // another sender of this sequence shows up in the next scan
      } else {
        c.tried_list = list;
        c.tried_sinr = sinr;
      }
    }
    for (const UnsourcedMessage& message : accepted) {
      found.push_back(message);
      take_away(message);
    }
    model.prune(std::numeric_limits<float>::lowest());
    if (!accepted.empty()) model.refresh();
    return static_cast<int>(accepted.size());
  }

  // Decodes what was found once more, now that others are gone: all of it, or where the correlation lacks at
  // least `doubt` standard deviations. What decodes to a better word is replaced, what is unlikely given up.
  bool review(float doubt) {
    model.update();
    bool changed = false;
    for (std::size_t k = 0; k < found.size();) {
      const UnsourcedMessage old = found[k];
      const int j = code.sequence_of(old);
      code.code_word(old, word);
      float correlation = 0;
      const float sinr = model.sender_llr(j, word, llr, correlation);
      const float mean = 2.0F * static_cast<float>(symbols) * sinr;
      const float lack = (mean - correlation) / std::sqrt(2.0F * mean);
      if (lack < doubt) {
        ++k;
        continue;
      }
      const float old_odds = odds(correlation, sinr);
      UnsourcedMessage message{};
      const float new_odds = decode_llr(j, sinr, config.max_list, message);
      const bool replace = message != old && new_odds > std::max(old_odds, kGivenUpOdds);
      if (!replace && old_odds >= kGivenUpOdds && lack <= kGivenUpLack) {
        ++k;
        continue;
      }
      take_away(old, +1);
      found.erase(found.begin() + static_cast<std::ptrdiff_t>(k));
      if (replace && !is_found(message)) {
        take_away(message);
        found.insert(found.begin() + static_cast<std::ptrdiff_t>(k), message);
        ++k;
      }
      model.refresh();
      changed = true;
    }
    return changed;
  }

  void decode(Span<const float> samples) {
    stats = {};
    found.clear();
    if (samples.size() != idx(code.scheme().channel_uses)) return;
    model.load(samples);
    if (model.senders_left() > kMaxUnsourcedSenders) return;
    const int first_list = std::min(32, config.max_list);
    int list = first_list, reviews = 0;
    float least_odds = kSureOdds;
    while (stats.passes < config.max_passes) {
      ++stats.passes;
      model.detect();
      if (decode_candidates(list, least_odds) > 0) {
        review(kDoubtfulLack);
        list = first_list;
      } else if (list < config.max_list) {
        list = std::min(4 * list, config.max_list);
      } else {
        const bool changed = review(-std::numeric_limits<float>::infinity());
        if (++reviews == kReviews || (!changed && least_odds == kLikelyOdds)) break;
        least_odds = kLikelyOdds;
        for (ActivityCandidate& c : model.candidates()) c.tried_list = 0;
      }
    }
  }
};

UnsourcedReceiver::UnsourcedReceiver(const UnsourcedCode& code, const UnsourcedReceiverConfig& config)
    : impl_(std::make_unique<Impl>(code, config)) {}
UnsourcedReceiver::~UnsourcedReceiver() = default;
UnsourcedReceiver::UnsourcedReceiver(UnsourcedReceiver&&) noexcept = default;
UnsourcedReceiver& UnsourcedReceiver::operator=(UnsourcedReceiver&&) noexcept = default;

std::vector<UnsourcedMessage> UnsourcedReceiver::decode(Span<const float> samples) {
  impl_->decode(samples);
  return impl_->found;
}
const UnsourcedStats& UnsourcedReceiver::stats() const { return impl_->stats; }

}  // namespace ngdsp
