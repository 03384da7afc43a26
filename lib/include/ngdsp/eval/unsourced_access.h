// Unsourced random access: how many messages are lost at a load and an E_b/N0.
#pragma once

#include <cstdint>
#include <functional>

#include "ngdsp/base/error.h"
#include "ngdsp/eval/unsourced_code.h"
#include "ngdsp/eval/unsourced_receiver.h"

namespace ngdsp {

struct UnsourcedConfig {
  UnsourcedScheme scheme;
  int senders = 100;     ///< K_a, never told to the receiver
  double ebn0_db = 1;
  int trials = 10;       ///< frames of `senders` messages
  std::uint64_t seed = 1;
  int threads = 0;       ///< 0 = all cores; the result does not depend on it
  int max_list = 128;
};

/// Rates count messages: `missed` were sent and not found, `false_messages` found and not sent.
struct UnsourcedPoint {
  double ebn0_db = 0;
  std::uint64_t users = 0, missed = 0, false_messages = 0;
  double pupe = 0;  ///< (missed + false_messages) / users
  double pupe_low = 0, pupe_high = 0;  ///< 95 % Clopper-Pearson, messages taken as independent
  double seconds = 0;                  ///< of the experiment
  double cpu_seconds = 0;              ///< of all receivers
  std::uint64_t passes = 0, decodes = 0;
};

/// Every trial draws K_a messages of 100 bits and white noise of variance 1 a real channel use, adds the
/// signals of energy 2 k E_b/N0 each (mean over the power levels) and compares the receiver's list with what
/// was sent. `progress(done)` is called from worker threads. Errors: invalid configuration.
Result<UnsourcedPoint> measure_unsourced_access(const UnsourcedConfig& config,
                                                const std::function<void(std::uint64_t)>& progress = {});

}  // namespace ngdsp
