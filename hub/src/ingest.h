// From record to stored reading: authenticate, deduplicate, decode, commit. The feed acknowledges only what
// commit() returned as held.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "codec_book.h"
#include "cursor_board.h"
#include "downlink.h"
#include "link_gate.h"
#include "metrics.h"
#include "ngwire/wire/feed_message.h"
#include "ngwire/wire/frame_record.h"
#include "rollup.h"
#include "store.h"

namespace ngplc::hub {

/// Whether readings in the clear are taken.
enum class PlainPolicy : std::uint8_t {
  automatic,  ///< while no device is in the registry
  yes,        ///< from addresses that no device of the registry has
  no
};

/// The steps between the feed and the store. Used by one thread.
class Ingest {
 public:
  /// `vault`: null when there are no secured devices. `board`: where sinks say how far they are, or null.
  Ingest(Store& store, Metrics& metrics, const KeyVault* vault = nullptr,
         PlainPolicy plain = PlainPolicy::automatic, CursorBoard* board = nullptr, DownlinkRules rules = {})
      : store_(store),
        metrics_(metrics),
        plain_(plain),
        board_(board),
        gate_(vault),
        downlink_(gate_, vault, std::move(rules)) {}

  /// Reading sets of files, or null. Before the first frame.
  void use_codecs(const CodecBook* codecs) { codecs_ = codecs; }
  /// Roll-ups and retention, done between batches, or null.
  void keep_house(Rollups* rollups) { rollups_ = rollups; }

  /// Appends what there is to store: the frame, and the frames it carries. Nothing when it is refused; the
  /// reason is counted.
  void examine(ngwire::FrameRecord record, std::int64_t received_ns, std::vector<FrameRow>& rows);

  /// One transaction for the rows and what the link has to remember. True when all is durable (new or known
  /// before). False when the store refused: nothing was stored, the reason is counted, shown by /healthz and
  /// logged once; try the same rows again later.
  bool commit(const std::vector<FrameRow>& rows);

  /// Between batches: takes over what others changed in the registry, sends what is due, and writes the
  /// cursors of sinks when they are old.
  void idle();

  /// Rows that wait for their commit() should get it: somebody waits for an answer, something is due to go
  /// out, or others changed the registry. Asked about once a second while rows wait.
  bool is_urgent();

  /// Frames that may go out, now that what they rest on is durable.
  std::vector<Reply> take_replies();

  /// What became of one of them.
  void report(const ngwire::TransmitReport& report);

 private:
  void reload();
  ngwire::ReadingError decode(ngwire::ByteView content, const LinkMark& from, std::int64_t now_ns,
                              ngwire::Reading& reading);
  std::int64_t capture_time(const ngwire::FrameRecord& record, std::int64_t received_ns);
  void watch_clock(std::int64_t now_ns);
  bool registry_is_stale();
  bool may_reload() const { return !gate_.has_changes() && !downlink_.has_changes() && events_.empty(); }
  void look_at_clock(const ngwire::Reading& reading, const LinkMark& from, std::int64_t time_ns,
                     std::int64_t now_ns);
  void complain(const char* result, const ngwire::FrameRecord& record);
  void examine_one(ngwire::FrameRecord record, std::int64_t received_ns, std::int64_t time_ns,
                   std::uint8_t part, std::vector<FrameRow>& rows);

  Store& store_;
  Metrics& metrics_;
  PlainPolicy plain_;
  CursorBoard* board_;
  LinkGate gate_;
  Downlink downlink_;
  const CodecBook* codecs_ = nullptr;
  Rollups* rollups_ = nullptr;
  std::unordered_map<std::int64_t, std::string> models_;        // by node
  std::set<std::tuple<std::int64_t, int, int>> told_codec_;     // node, set, what was wrong
  std::set<std::pair<std::string, std::uint64_t>> told_ahead_;  // receiver, run
  std::vector<EventRow> events_;                                // for the next transaction
  std::int64_t clock_ns_ = 0;                                   // of the system, at clock_steady_
  std::chrono::steady_clock::time_point clock_steady_;
  std::vector<Reply> replies_;
  std::vector<Reply> ready_;
  std::uint64_t reply_id_ = 0;
  std::int64_t last_complaint_ns_ = 0;
  std::int64_t cursors_written_ns_ = 0;
  bool in_trouble_ = false;
  bool stale_ = false;  // others have changed the registry since it was loaded
};

/// Unix time now, nanoseconds.
std::int64_t unix_now_ns();

}  // namespace ngplc::hub
