// Which spreading sequences are in use: a probability for every candidate, and the linear receiver that
// follows.
#pragma once

#include <cstddef>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/eval/unsourced_code.h"

namespace ngdsp {

/// A sequence that may be in use.
struct ActivityCandidate {
  int sequence = 0;
  float chip_power = 0;  ///< of its sender, for noise of variance 1
  float evidence = 0;    ///< ln of the odds that it is in use
  float activity = 0;    ///< the same as a probability
  float tried_sinr = 0;  ///< for the user of the list: of the last attempt in vain
  int tried_list = 0;    ///< and its list size
};

/// The samples are Y, one column y_m of `chips` samples a code symbol. Given who is active the columns are
/// taken as independent Gaussian with covariance
///   C = (1 + r) I + sum_j p_j P_j s_j s_j^T,
/// P_j the power of sequence j a chip, p_j the probability that it is in use, r the received power above the
/// noise that no candidate accounts for. The evidence for sequence j, all others left as they are, is
///   ln p/(1-p) + 1/2 (P q / (1 + P v) - M ln(1 + P v)),  v = s^T C_j^-1 s,  q = sum_m (s^T C_j^-1 y_m)^2,
/// C_j the model without j, M the number of symbols (the covariance-based detection of Fengler,
/// Haghighatshoar, Jung, Caire 2021, with known powers and a prior). The number of senders is not needed: the
/// prior rate is what the received power says.
class ActivityModel {
 public:
  ActivityModel(const UnsourcedCode& code, double ebn0_db);

  /// Takes a frame of channel_uses samples; forgets everything. NaN and infinity count as 0.
  void load(Span<const float> samples);
  /// Adds `sign` times the signal of a code word (code_bits signs) to what is left; refresh() when done.
  void add(int sequence, Span<const float> word, float sign);
  void refresh();

  /// Power above the noise over the mean power of a sender.
  float senders_left() const { return rest_power_ / mean_chip_power_; }
  /// New candidates from all sequences, then the odds of all candidates, one after the other.
  void detect();
  /// C^-1 from the candidates as they are.
  void update();
  std::vector<ActivityCandidate>& candidates() { return candidates_; }
  /// Drops the candidates with less evidence.
  void prune(float least_evidence);

  /// LLRs of one candidate's symbols by the linear MMSE receiver without the candidate itself, code_bits
  /// items; returns its signal-to-noise ratio a symbol.
  float candidate_llr(std::size_t index, Span<float> llr);
  /// The same for a sender whose code word was taken away before, as if it were still there; `correlation`
  /// becomes the sum of its LLRs, each with the sign of its code bit.
  float sender_llr(int sequence, Span<const float> word, Span<float> llr, float& correlation);

 private:
  float chip_power(int sequence) const { return mean_chip_power_ * code_.power(sequence); }
  float* signs_of(std::size_t index) { return signs_.data() + index * stride_; }
  float likelihood(float v, float q, float power) const;
  float prior_log_odds() const;
  void scan();
  void sweep();
  float filter(const float* signs, Span<float> output);

  const UnsourcedCode& code_;
  std::size_t symbols_, chips_, rows_, stride_;  // rows: chips rounded up to 4; stride: to 16
  float mean_chip_power_, rest_power_ = 0;
  std::vector<float> received_;     // symbols x stride
  std::vector<float> transposed_;   // chips x symbols
  std::vector<float> energy_;       // Y Y^T, rows x stride
  std::vector<float> precision_;    // C^-1, rows x stride
  std::vector<float> form_, work_;  // rows x stride
  std::vector<ActivityCandidate> candidates_;
  std::vector<float> signs_;          // candidates x stride
  std::vector<std::uint8_t> listed_;  // by sequence
  std::vector<float> u_, g_, s_, mask_;
};

}  // namespace ngdsp
