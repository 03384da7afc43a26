// Which chips hold more noise than others: a hidden Markov model of the level of noise.
#pragma once

#include <array>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/noise_report.h"

namespace ngdsp {

/// The power x of a chip is exponential, its mean s_k one of 16 levels 3 dB apart. From chip to chip the
/// level stays, or with probability rho_k a new one is drawn with the probabilities pi. So bursts and
/// impulses of any length are known by how long they last, and Gaussian noise by having none. Levels,
/// probabilities and stays are learned as chips pass (L. R. Rabiner, "A tutorial on hidden Markov models",
/// Proc. IEEE 77 (2), 1989, eqs. 18 to 55).
class BurstModel {
 public:
  static constexpr std::size_t kStates = NoiseReport::kLevels;
  using States = std::array<float, kStates>;

  BurstModel();

  /// weights[n] = E[1/s | all x], 1 for the level of `power` 1; and learns from what it saw. `power`: of
  /// successive chips, about 1 where there is background alone, any scale of 0 ... 1e30. As many weights.
  void weigh(Span<const float> power, Span<float> weights);
  /// The same, of what is to be seen again better: nothing is learned.
  void guess(Span<const float> power, Span<float> weights);

  /// How much of the time noise is at each level: 6 dB below the background's first.
  States shares() const;

 private:
  struct Seen {  // of the chips that passed, expected
    States chips{}, left{}, drawn{}, power{};
  };
  Seen look(Span<const float> power, Span<float> weights);
  void learn();

  float unit_ = 1;  // power of the level that is called 1
  States stay_{}, drawn_{};
  Seen seen_;
  struct alignas(64) Row {
    States values;
  };
  std::vector<Row> forward_, likelihood_;
  std::vector<float> level_, scale_, redrawn_;
};

}  // namespace ngdsp
