// The spool: what the modem keeps until the hub has committed it. Memory first, then disk; both bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ngwire/wire/frame_record.h"
#include "ngwire/wire/result.h"

namespace ngwire {

/// When segment files are forced to the medium. Independent of it, what was written survives a crash of the
/// program (not of the machine).
enum class SpoolSync : std::uint8_t {
  never,    ///< the kernel decides
  segment,  ///< when a segment is full and on close: a power cut loses at most one segment (default)
  record,   ///< after each record: a power cut loses nothing that push() accepted; wears flash
};

struct SpoolConfig {
  std::string directory;                     ///< empty: memory only
  std::size_t memory_records = 4096;         ///< records held in memory, 1..1e6
  std::size_t memory_bytes = 4 << 20;        ///< their encoded size, 1 kB or more
  std::uint64_t disk_bytes = 256ULL << 20;   ///< all segment files together
  std::uint64_t segment_bytes = 4ULL << 20;  ///< one segment file, at least 64 kB
  std::size_t window_records = 1024;         ///< sent and not yet acknowledged at any time, 1 or more
  std::int64_t resend_after_ms = 5000;       ///< resend what was not acknowledged after this, 1 or more
  bool write_through = false;  ///< every record to disk before it is sent; false: only what memory cannot
                               ///< hold, and all on close
  SpoolSync sync = SpoolSync::segment;

  /// What is wrong with the values, or an empty string.
  std::string validate() const;
};

struct SpoolCounters {
  std::uint64_t pushed = 0;        ///< accepted by push()
  std::uint64_t acknowledged = 0;  ///< committed by the hub and forgotten here
  std::uint64_t sends = 0;         ///< handed out by next_to_send(), resends included
  std::uint64_t resends = 0;
  std::uint64_t recovered = 0;         ///< found on disk at start
  std::uint64_t dropped_full = 0;      ///< refused by push(): memory and disk full, or disk failing
  std::uint64_t dropped_repeated = 0;  ///< refused by push(): this (run, sequence) is already held
  std::uint64_t torn_segments = 0;     ///< segments whose tail was unreadable and was left out
  std::uint64_t disk_errors = 0;       ///< failed writes
  std::uint64_t in_memory = 0;         ///< held now
  std::uint64_t on_disk = 0;           ///< held now on disk and not in memory
  std::uint64_t in_flight = 0;         ///< sent, not acknowledged
  std::uint64_t disk_bytes = 0;        ///< segment files now
};

/// A state machine without sockets, threads or clocks: the caller brings the time (any steady milliseconds)
/// and moves the bytes. Records leave in the order they came, oldest first; a restart keeps that order. Not
/// thread-safe.
///
/// Disk: files NNNNNNNNNNNNNNNN.spool in `directory`, each a row of records [length u32 LE][crc32 u32 LE][run
/// u64 LE][sequence u64 LE][bytes]. A file goes when all its records are acknowledged. A torn or damaged tail
/// ends that file and is counted. After a restart a record that was acknowledged shortly before may be sent
/// again: the hub drops repeats.
class Spool {
 public:
  /// Takes over what an earlier run left in the directory (created when missing). Fails when the config is
  /// wrong, the directory cannot be used, or another process holds it.
  static Result<std::unique_ptr<Spool>> open(const SpoolConfig& config);
  /// As close().
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// Keeps one encoded record. False when refused (counted in dropped_full or dropped_repeated); nothing
  /// older is ever thrown away.
  bool push(std::uint64_t run, std::uint64_t sequence, Bytes record);

  /// The oldest record not yet sent, or one whose acknowledgement is overdue, or nullptr. It counts as sent
  /// at `now_ms`. The pointer is good until the next call.
  const Bytes* next_to_send(std::int64_t now_ms);

  /// Milliseconds until next_to_send() may have something (0: now), or -1: not before a push() or an ack.
  std::int64_t next_due_ms(std::int64_t now_ms) const;

  /// The hub committed these sequences of the run. Unknown ones are ignored. Returns how many were held here.
  std::size_t on_ack(std::uint64_t run, const std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges);

  /// The hub restarted: whatever was in flight is to be sent again at once.
  void reset_in_flight();

  /// Acknowledgements may take so much longer than `resend_after_ms` says.
  void set_patience(std::int64_t more_ms);

  /// No record held.
  bool empty() const;

  const SpoolCounters& counters() const;

  /// Moves what only memory holds to disk, forces it down unless sync is never. Without a directory what is
  /// left is lost (see counters().in_memory before). Safe to call twice.
  void close();

 private:
  struct State;
  explicit Spool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ngwire
