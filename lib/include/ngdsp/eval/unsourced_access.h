// Unsourced random access: how many messages are lost at a load and an E_b/N0.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/eval/unsourced_code.h"
#include "ngdsp/eval/unsourced_receiver.h"

namespace ngdsp {

struct UnsourcedConfig {
  UnsourcedScheme scheme;
  int senders = 100;  ///< K_a, never told to the receiver
  double ebn0_db = 1;
  int trials = 10;  ///< frames of `senders` messages
  std::uint64_t seed = 1;
  int threads = 0;  ///< 0 = all cores; the result does not depend on it
  int max_list = 128;
};

/// Rates count messages: `missed` were sent and not found, `false_messages` found and not sent.
struct UnsourcedPoint {
  double ebn0_db = 0;
  std::uint64_t users = 0, missed = 0, false_messages = 0;
  double pupe = 0;                     ///< (missed + false_messages) / users
  double pupe_low = 0, pupe_high = 0;  ///< 95 % Clopper-Pearson, messages taken as independent
  double seconds = 0;                  ///< of the experiment
  double cpu_seconds = 0;              ///< of all receivers
  std::uint64_t passes = 0, decodes = 0;
};

struct UnsourcedCount {
  std::uint64_t missed = 0, false_messages = 0;
};
/// Compares what was sent with what was heard. A message sent twice is one; heard twice, the second is false.
UnsourcedCount count_messages(const std::vector<UnsourcedMessage>& sent,
                              const std::vector<UnsourcedMessage>& heard);

/// Every trial draws K_a messages of 100 bits and white noise of variance 1 a real channel use, adds the
/// signals of energy 2 k E_b/N0 each (mean over the power levels) and compares the receiver's list with what
/// was sent. `progress(done)` is called from worker threads. Errors: invalid configuration.
Result<UnsourcedPoint> measure_unsourced_access(const UnsourcedConfig& config,
                                                const std::function<void(std::uint64_t)>& progress = {});

/// E_b/N0 in dB where the line through two points (E_b/N0 in dB, ln PUPE) meets `pupe`; a PUPE of 0 counts as
/// half a message.
double interpolate_required_ebn0_db(const UnsourcedPoint& low, const UnsourcedPoint& high, double pupe);

/// Searches the E_b/N0 in dB that gives `pupe`: steps of 0.4 dB from config.ebn0_db until two neighbours have
/// it between them, three halvings to 0.05 dB, then the line between the last two. `measure` gives the point
/// at an E_b/N0. Errors: those of `measure`; no crossing between -2 and 20 dB.
Result<double> search_required_ebn0(const UnsourcedConfig& config, double pupe,
                                    const std::function<Result<UnsourcedPoint>(double)>& measure);

}  // namespace ngdsp
