#include "event_stream.h"

#include "api_json.h"
#include "api_query.h"

namespace ngplc::hub {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t kAtOnce = 100;
constexpr auto kHeartbeat = std::chrono::seconds(15);

}  // namespace

EventStream::EventStream(StoreReader& reader, Position from, std::optional<std::uint32_t> device,
                         std::function<bool()> allowed)
    : reader_(reader),
      at_(from),
      device_(device),
      allowed_(std::move(allowed)),
      last_sent_(Clock::time_point::min()),
      last_asked_(Clock::now()) {}

ngwire::Result<EventStream::Position> EventStream::newest(StoreReader& reader) {
  using R = ngwire::Result<Position>;
  const auto reading = reader.newest_reading();
  if (!reading) return R::failure(reading.error());
  Page page;
  page.limit = 1;
  page.newest_first = true;
  const auto event = reader.events(page);
  if (!event) return R::failure(event.error());
  return Position{reading.value(), event->empty() ? 0 : event->front().id};
}

std::optional<EventStream::Position> EventStream::parse(const std::string& id) {
  const std::size_t dash = id.find('-');
  Position at;
  if (dash == std::string::npos ||
      !parse_integer(std::string_view(id).substr(0, dash), 0, INT64_MAX, at.reading) ||
      !parse_integer(std::string_view(id).substr(dash + 1), 0, INT64_MAX, at.event))
    return std::nullopt;
  return at;
}

void EventStream::append(std::string& out, const char* kind, const std::string& data) const {
  out += "id: " + std::to_string(at_.reading) + "-" + std::to_string(at_.event) + "\nevent: " + kind +
         "\ndata: " + data + "\n\n";
}

ByteSource::State EventStream::next(std::string& out) {
  const auto now = Clock::now();
  if (now - last_asked_ >= kHeartbeat) {
    last_asked_ = now;
    if (!allowed_()) return State::end;
  }
  Page page;
  page.limit = kAtOnce;
  page.device = device_;
  page.cursor = at_.reading;
  // What the store refuses now it may give at the next call.
  if (const auto readings = reader_.readings(page)) {
    for (const StoredReading& r : readings.value()) {
      at_.reading = r.id;
      append(out, "reading", dump(to_json(r)));
    }
  }
  page.cursor = at_.event;
  if (const auto events = reader_.events(page)) {
    for (const StoredEvent& e : events.value()) {
      at_.event = e.id;
      append(out, "event", dump(to_json(e)));
    }
  }
  // The first comment tells the client that it is connected.
  if (out.empty() && (last_sent_ == Clock::time_point::min() || now - last_sent_ >= kHeartbeat))
    out = ": alive\n\n";
  if (out.empty()) return State::wait;
  last_sent_ = now;
  return State::more;
}

}  // namespace ngplc::hub
