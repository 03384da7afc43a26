// Readings and events as they come, for text/event-stream.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "http_server.h"
#include "store.h"

namespace ngplc::hub {

/// Events `reading` and `event`, each with the object of the REST answer as data and "R-E" as id: the last
/// reading and event that were sent. A client that comes back with it (Last-Event-ID) misses nothing. Reads
/// from the store as the client takes: a slow client costs no memory. A comment every 15 s while nothing
/// comes.
class EventStream : public ByteSource {
 public:
  struct Position {
    std::int64_t reading = 0;
    std::int64_t event = 0;
  };
  /// `allowed`: asked every 15 s; false ends the stream.
  EventStream(StoreReader& reader, Position from, std::optional<std::uint32_t> device,
              std::function<bool()> allowed);

  State next(std::string& out) override;

  /// Where the store ends now.
  static ngwire::Result<Position> newest(StoreReader& reader);
  /// "R-E" as in an id; nothing when it is not one.
  static std::optional<Position> parse(const std::string& id);

 private:
  void append(std::string& out, const char* kind, const std::string& data) const;

  StoreReader& reader_;
  Position at_;
  std::optional<std::uint32_t> device_;
  std::function<bool()> allowed_;
  std::chrono::steady_clock::time_point last_sent_;
  std::chrono::steady_clock::time_point last_asked_;
};

}  // namespace ngplc::hub
