// Where sinks write how far they have come; the ingest thread carries it into the database.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "store.h"

namespace ngplc::hub {

/// Thread-safe. A cursor that is lost in a crash only makes a sink say something again.
class CursorBoard {
 public:
  void put(const SinkRow& row) {
    const std::lock_guard lock(mutex_);
    rows_[row.name] = row;
  }
  /// What changed since the last call.
  std::vector<SinkRow> take() {
    const std::lock_guard lock(mutex_);
    std::vector<SinkRow> out;
    for (auto& [name, row] : rows_) out.push_back(std::move(row));
    rows_.clear();
    return out;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, SinkRow> rows_;
};

}  // namespace ngplc::hub
