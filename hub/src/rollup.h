// Readings by hour, day and month, and how long each is kept.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "config.h"
#include "ngwire/wire/result.h"

namespace ngplc::hub {

class Store;

/// Folds readings into roll-ups, behind the store and in its thread. It follows the readings as sinks do,
/// with a cursor in the same transaction: each reading counts once, in the hour, day and month of its
/// capture, however late it came. Count, lowest, highest, sum, first and last do not depend on the order, so
/// that a roll-up is at any time what all its readings together give.
class Rollups {
 public:
  /// How many values one transaction takes: an hour of a frame a second. Each transaction writes nearly every
  /// page of days and months anew, and a larger one takes memory and keeps frames waiting.
  static constexpr std::int64_t kValues = 10000;

  /// `period`: of turn().
  Rollups(Store& store, RetentionConfig retention, std::int64_t outbox_max_age_h,
          std::chrono::seconds period = std::chrono::seconds(60));
  ~Rollups();
  Rollups(const Rollups&) = delete;
  Rollups& operator=(const Rollups&) = delete;

  /// fold() and forget(), when the period is over or more is waiting. What fails is logged and tried again.
  void turn(std::int64_t now_ns);

  /// One transaction. The number of values folded in, less than kValues: nothing is left. Fails with one
  /// line, nothing changed.
  ngwire::Result<std::int64_t> fold();

  /// Deletes a little of what is older than the retention says; never readings that a sink or a roll-up still
  /// needs. The number of rows deleted, 0: nothing is left to do.
  ngwire::Result<std::int64_t> forget(std::int64_t now_ns);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ngplc::hub
