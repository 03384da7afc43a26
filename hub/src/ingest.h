// From record to stored reading: authenticate, decode, commit. The feed acknowledges only what commit()
// returned as held.
#pragma once

#include <cstdint>
#include <vector>

#include "metrics.h"
#include "ngwire/wire/frame_record.h"
#include "store.h"

namespace ngplc::hub {

/// The steps between the feed and the store. Used by one thread.
class Ingest {
 public:
  Ingest(Store& store, Metrics& metrics) : store_(store), metrics_(metrics) {}

  /// Turns a record into a row: its capture time, and its payload taken apart. Never fails: a payload that is
  /// no reading is stored as a frame, with the reason. Here the secured link frame is opened once it exists.
  FrameRow examine(ngwire::FrameRecord record, std::int64_t received_ns) const;

  /// One transaction. True when all rows are durable (new or known before). False when the store refused:
  /// nothing was stored, the reason is counted, shown by /healthz and logged once; try the same rows again
  /// later.
  bool commit(const std::vector<FrameRow>& rows);

 private:
  Store& store_;
  Metrics& metrics_;
  bool in_trouble_ = false;
};

/// Unix time now, nanoseconds.
std::int64_t unix_now_ns();

}  // namespace ngplc::hub
