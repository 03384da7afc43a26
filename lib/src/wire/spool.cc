#include "ngwire/wire/spool.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <filesystem>
#include <map>
#include <unordered_map>

namespace ngwire {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeaderBytes = 24;
// New directories start in the middle of the numbers, so that close() can put older records in front.
constexpr std::uint64_t kFirstSegment = std::uint64_t{1} << 40U;

std::uint32_t crc32(const std::uint8_t* data, std::size_t size, std::uint32_t crc = 0) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int k = 0; k < 8; ++k) c = (c & 1U) != 0 ? 0xEDB88320U ^ (c >> 1U) : c >> 1U;
      t[i] = c;
    }
    return t;
  }();
  crc = ~crc;
  for (std::size_t i = 0; i < size; ++i) crc = table[(crc ^ data[i]) & 255U] ^ (crc >> 8U);
  return ~crc;
}

void put_le(std::uint8_t* at, std::uint64_t number, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) at[i] = static_cast<std::uint8_t>(number >> (8U * i));
}
std::uint64_t get_le(const std::uint8_t* at, std::size_t width) {
  std::uint64_t number = 0;
  for (std::size_t i = width; i-- > 0;) number = number << 8U | at[i];
  return number;
}

bool write_all(int fd, const std::uint8_t* data, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(fd, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool read_exactly(int fd, std::uint8_t* data, std::size_t size, std::uint64_t offset) {
  while (size > 0) {
    const ssize_t got = ::pread(fd, data, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    data += got;
    offset += static_cast<std::uint64_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

using Key = std::pair<std::uint64_t, std::uint64_t>;  // run, sequence
struct KeyHash {
  std::size_t operator()(const Key& key) const {
    return std::hash<std::uint64_t>{}(key.first ^ (key.second * 0x9E3779B97F4A7C15ULL));
  }
};

struct Entry {
  Key key;
  Bytes bytes;
  std::uint64_t segment = 0;    // 0: only in memory
  std::int64_t sent_at_ms = 0;  // valid when in flight
  bool in_flight = false;
};

struct Segment {
  int fd = -1;
  std::uint64_t size = 0;      // bytes of whole records
  std::uint64_t read_at = 0;   // next record to load into memory
  std::uint64_t unloaded = 0;  // records not yet loaded
  std::uint64_t unacked = 0;   // records loaded and not acknowledged
  bool writable = false;       // the one being appended to
};

}  // namespace

std::string SpoolConfig::validate() const {
  if (memory_records < 1 || memory_records > 1'000'000) return "spool memory_records must be 1 to 1000000";
  if (memory_bytes < 1024) return "spool memory_bytes must be 1024 or more";
  if (segment_bytes < (64U << 10U)) return "spool segment_bytes must be 65536 or more";
  if (disk_bytes < segment_bytes) return "spool disk_bytes must be at least segment_bytes";
  if (window_records < 1) return "spool window_records must be 1 or more";
  if (resend_after_ms < 1) return "spool resend_after_ms must be 1 or more";
  if (write_through && directory.empty()) return "spool write_through needs a directory";
  return "";
}

struct Spool::State {
  SpoolConfig config;
  std::int64_t patience_ms = 0;
  SpoolCounters counters;
  std::map<std::uint64_t, Entry> entries;  // in memory, by order of arrival
  std::unordered_map<Key, std::uint64_t, KeyHash> index;
  std::deque<std::uint64_t> unsent;
  std::deque<std::pair<std::int64_t, std::uint64_t>>
      sent;  // (time, entry), oldest first; stale ones are skipped
  std::map<std::uint64_t, Segment> segments;
  std::uint64_t next_entry = 1;
  std::size_t bytes = 0;
  int lock_fd = -1;
  bool closed = false;

  fs::path path(std::uint64_t number) const {
    std::array<char, 17> name{};
    std::snprintf(name.data(), name.size(), "%016llx", static_cast<unsigned long long>(number));
    return fs::path(config.directory) / (std::string(name.data()) + ".spool");
  }

  // ---- memory ----
  bool room_for(std::size_t size) const {
    return entries.empty() || (entries.size() < config.memory_records && bytes + size <= config.memory_bytes);
  }
  void add(Entry entry) {
    const std::uint64_t id = next_entry++;
    bytes += entry.bytes.size();
    index.emplace(entry.key, id);
    unsent.push_back(id);
    entries.emplace(id, std::move(entry));
  }

  // ---- disk ----
  std::string open_directory();
  void scan(std::uint64_t number);
  Segment* writable_segment(std::uint64_t size, bool in_front);
  bool append(const Key& key, const Bytes& record, std::uint64_t& segment_number);
  bool write_record(Segment& segment, const Key& key, const Bytes& record);
  void finish(Segment& segment);
  void remove_if_done(std::uint64_t number);
  void load();
  bool backlog() const { return counters.on_disk > 0; }
  void refresh() { counters.in_memory = entries.size(); }
};

std::string Spool::State::open_directory() {
  std::error_code error;
  fs::create_directories(config.directory, error);
  if (error) return "cannot create spool directory " + config.directory + ": " + error.message();
  lock_fd = ::open((fs::path(config.directory) / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_fd < 0) return "cannot write in spool directory " + config.directory + ": " + std::strerror(errno);
  if (::flock(lock_fd, LOCK_EX | LOCK_NB) != 0)
    return "spool directory " + config.directory + " is in use by another process";
  std::vector<std::uint64_t> numbers;
  for (fs::directory_iterator it(config.directory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.size() != 22 || it->path().extension() != ".spool") continue;
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + 16, number, 16);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + 16 || number == 0) continue;
    numbers.push_back(number);
  }
  if (error) return "cannot list spool directory " + config.directory + ": " + error.message();
  std::sort(numbers.begin(), numbers.end());
  for (const std::uint64_t number : numbers) scan(number);
  load();
  return "";
}

// Counts the whole records of a segment left by an earlier run.
void Spool::State::scan(std::uint64_t number) {
  Segment segment;
  segment.fd = ::open(path(number).c_str(), O_RDONLY | O_CLOEXEC);
  if (segment.fd < 0) {
    ++counters.disk_errors;
    return;
  }
  const off_t end = ::lseek(segment.fd, 0, SEEK_END);
  const auto file_size = static_cast<std::uint64_t>(std::max<off_t>(end, 0));
  std::array<std::uint8_t, kHeaderBytes> header{};
  Bytes record;
  while (segment.size < file_size) {
    bool good = read_exactly(segment.fd, header.data(), header.size(), segment.size);
    const std::uint64_t length = good ? get_le(header.data(), 4) : 0;
    good = good && length > 0 && length <= kMaxRecordBytes;
    if (good) {
      record.resize(static_cast<std::size_t>(length));
      good = read_exactly(segment.fd, record.data(), record.size(), segment.size + kHeaderBytes);
    }
    good = good &&
           get_le(header.data() + 4, 4) == crc32(record.data(), record.size(), crc32(header.data() + 8, 16));
    if (!good) {
      ++counters.torn_segments;
      break;
    }
    segment.size += kHeaderBytes + length;
    ++segment.unloaded;
  }
  counters.on_disk += segment.unloaded;
  counters.recovered += segment.unloaded;
  counters.disk_bytes += segment.size;
  segments.emplace(number, segment);
  remove_if_done(number);
}

Segment* Spool::State::writable_segment(std::uint64_t size, bool in_front) {
  if (!in_front && !segments.empty()) {
    Segment& last = segments.rbegin()->second;
    if (last.writable && last.size + size <= config.segment_bytes) return &last;
    if (last.writable) finish(last);
  }
  std::uint64_t number = kFirstSegment;
  if (!segments.empty()) number = in_front ? segments.begin()->first - 1 : segments.rbegin()->first + 1;
  Segment segment;
  segment.fd = ::open(path(number).c_str(), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (segment.fd < 0) return nullptr;
  segment.writable = true;
  return &segments.emplace(number, segment).first->second;
}

bool Spool::State::write_record(Segment& segment, const Key& key, const Bytes& record) {
  Bytes row(kHeaderBytes + record.size());
  put_le(row.data(), record.size(), 4);
  put_le(row.data() + 8, key.first, 8);
  put_le(row.data() + 16, key.second, 8);
  std::copy(record.begin(), record.end(), row.begin() + kHeaderBytes);
  put_le(row.data() + 4, crc32(row.data() + 8, row.size() - 8), 4);
  bool good = write_all(segment.fd, row.data(), row.size());
  if (good && config.sync == SpoolSync::record) good = ::fdatasync(segment.fd) == 0;
  if (!good) {
    ++counters.disk_errors;
    // A half-written row would hide everything after it.
    if (::ftruncate(segment.fd, static_cast<off_t>(segment.size)) != 0) finish(segment);
    return false;
  }
  segment.size += row.size();
  counters.disk_bytes += row.size();
  return true;
}

// Appends at the end of the queue. The record counts as not loaded.
bool Spool::State::append(const Key& key, const Bytes& record, std::uint64_t& segment_number) {
  if (config.directory.empty()) return false;
  const std::uint64_t size = kHeaderBytes + record.size();
  if (counters.disk_bytes + size > config.disk_bytes) return false;
  Segment* segment = writable_segment(size, false);
  if (segment == nullptr) {
    ++counters.disk_errors;
    return false;
  }
  segment_number = segments.rbegin()->first;
  if (!write_record(*segment, key, record)) {
    remove_if_done(segment_number);
    return false;
  }
  ++segment->unloaded;
  ++counters.on_disk;
  return true;
}

void Spool::State::finish(Segment& segment) {
  if (config.sync != SpoolSync::never) ::fdatasync(segment.fd);
  segment.writable = false;
}

void Spool::State::remove_if_done(std::uint64_t number) {
  const auto it = segments.find(number);
  if (it == segments.end() || it->second.unloaded > 0 || it->second.unacked > 0) return;
  // The one being written stays until it holds a fair share, so that a quiet line does not create a file per
  // record.
  if (it->second.writable && it->second.size > 0 && it->second.size < config.segment_bytes / 4) return;
  ::close(it->second.fd);
  std::error_code ignored;
  fs::remove(path(number), ignored);
  counters.disk_bytes -= it->second.size;
  segments.erase(it);
}

// Fills memory from the oldest segment on.
void Spool::State::load() {
  if (closed) return;
  for (auto it = segments.begin(); it != segments.end() && backlog();) {
    const std::uint64_t number = it->first;
    Segment& segment = it->second;
    while (segment.unloaded > 0) {
      std::array<std::uint8_t, kHeaderBytes> header{};
      if (!read_exactly(segment.fd, header.data(), header.size(), segment.read_at)) break;
      const std::uint64_t length = get_le(header.data(), 4);
      if (length > kMaxRecordBytes) break;
      if (!room_for(static_cast<std::size_t>(length))) return;
      Entry entry;
      entry.key = {get_le(header.data() + 8, 8), get_le(header.data() + 16, 8)};
      entry.bytes.resize(static_cast<std::size_t>(length));
      if (!read_exactly(segment.fd, entry.bytes.data(), entry.bytes.size(), segment.read_at + kHeaderBytes))
        break;
      segment.read_at += kHeaderBytes + length;
      --segment.unloaded;
      --counters.on_disk;
      if (index.count(entry.key) > 0) continue;  // a repeat left by an earlier run
      entry.segment = number;
      ++segment.unacked;
      add(std::move(entry));
    }
    if (segment.unloaded > 0) {  // became unreadable while we ran
      ++counters.torn_segments;
      counters.on_disk -= segment.unloaded;
      segment.unloaded = 0;
      segment.writable = false;
    }
    ++it;
    remove_if_done(number);
  }
}

Result<std::unique_ptr<Spool>> Spool::open(const SpoolConfig& config) {
  using R = Result<std::unique_ptr<Spool>>;
  if (std::string wrong = config.validate(); !wrong.empty()) return R::failure(std::move(wrong));
  std::unique_ptr<Spool> spool(new Spool(std::make_unique<State>()));
  spool->state_->config = config;
  if (!config.directory.empty()) {
    if (std::string wrong = spool->state_->open_directory(); !wrong.empty()) {
      spool->state_->closed = true;
      return R::failure(std::move(wrong));
    }
  }
  spool->state_->refresh();
  return R(std::move(spool));
}

Spool::Spool(std::unique_ptr<State> state) : state_(std::move(state)) {}

Spool::~Spool() {
  close();
  for (auto& [number, segment] : state_->segments) ::close(segment.fd);
  if (state_->lock_fd >= 0) ::close(state_->lock_fd);
}

bool Spool::push(std::uint64_t run, std::uint64_t sequence, Bytes record) {
  State& s = *state_;
  const Key key{run, sequence};
  if (s.index.count(key) > 0) {
    ++s.counters.dropped_repeated;
    return false;
  }
  const bool too_large = record.empty() || record.size() > kMaxRecordBytes;
  if (s.closed || too_large) {
    ++s.counters.dropped_full;
    return false;
  }
  const bool in_memory = !s.backlog() && s.room_for(record.size());
  if (in_memory && !s.config.write_through) {
    Entry entry;
    entry.key = key;
    entry.bytes = std::move(record);
    s.add(std::move(entry));
  } else {
    std::uint64_t segment = 0;
    if (s.append(key, record, segment)) {
      s.load();
    } else if (in_memory) {  // the disk failed, memory still has room
      Entry entry;
      entry.key = key;
      entry.bytes = std::move(record);
      s.add(std::move(entry));
    } else {
      ++s.counters.dropped_full;
      return false;
    }
  }
  ++s.counters.pushed;
  s.refresh();
  return true;
}

const Bytes* Spool::next_to_send(std::int64_t now_ms) {
  State& s = *state_;
  while (!s.sent.empty()) {
    const auto [sent_at, id] = s.sent.front();
    const auto it = s.entries.find(id);
    const bool stale = it == s.entries.end() || !it->second.in_flight || it->second.sent_at_ms != sent_at;
    if (!stale && now_ms - sent_at < s.config.resend_after_ms + s.patience_ms) break;
    s.sent.pop_front();
    if (stale) continue;
    it->second.sent_at_ms = now_ms;
    s.sent.emplace_back(now_ms, id);
    ++s.counters.sends;
    ++s.counters.resends;
    return &it->second.bytes;
  }
  while (!s.unsent.empty() && s.counters.in_flight < s.config.window_records) {
    const std::uint64_t id = s.unsent.front();
    s.unsent.pop_front();
    const auto it = s.entries.find(id);
    if (it == s.entries.end()) continue;
    it->second.in_flight = true;
    it->second.sent_at_ms = now_ms;
    s.sent.emplace_back(now_ms, id);
    ++s.counters.in_flight;
    ++s.counters.sends;
    return &it->second.bytes;
  }
  return nullptr;
}

std::int64_t Spool::next_due_ms(std::int64_t now_ms) const {
  const State& s = *state_;
  if (!s.unsent.empty() && s.counters.in_flight < s.config.window_records) return 0;
  if (s.sent.empty()) return -1;
  return std::max<std::int64_t>(0, s.sent.front().first + s.config.resend_after_ms + s.patience_ms - now_ms);
}

std::size_t Spool::on_ack(std::uint64_t run,
                          const std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges) {
  State& s = *state_;
  std::size_t held = 0;
  const auto forget = [&](std::uint64_t id) {
    const auto it = s.entries.find(id);
    const std::uint64_t segment = it->second.segment;
    if (it->second.in_flight) --s.counters.in_flight;
    s.bytes -= it->second.bytes.size();
    s.index.erase(it->second.key);
    s.entries.erase(it);
    ++held;
    if (segment != 0) {
      --s.segments.at(segment).unacked;
      s.remove_if_done(segment);
    }
  };
  for (const auto& [first, last] : ranges) {
    if (last < first) continue;
    if (last - first >= s.entries.size()) {  // a range wider than what is held: look at the held ones
      std::vector<std::uint64_t> ids;
      for (const auto& [id, entry] : s.entries) {
        if (entry.key.first == run && entry.key.second >= first && entry.key.second <= last)
          ids.push_back(id);
      }
      for (const std::uint64_t id : ids) forget(id);
    } else {
      for (std::uint64_t sequence = first; sequence <= last; ++sequence) {
        const auto it = s.index.find({run, sequence});
        if (it != s.index.end()) forget(it->second);
      }
    }
  }
  s.counters.acknowledged += held;
  if (held > 0) s.load();
  s.refresh();
  return held;
}

void Spool::set_patience(std::int64_t more_ms) { state_->patience_ms = more_ms; }

void Spool::reset_in_flight() {
  State& s = *state_;
  s.sent.clear();
  s.unsent.clear();
  for (auto& [id, entry] : s.entries) {
    if (entry.in_flight) ++s.counters.resends;
    entry.in_flight = false;
    s.unsent.push_back(id);
  }
  s.counters.in_flight = 0;
}

bool Spool::empty() const { return state_->entries.empty() && state_->counters.on_disk == 0; }

const SpoolCounters& Spool::counters() const { return state_->counters; }

void Spool::close() {
  State& s = *state_;
  if (s.closed) return;
  s.closed = true;
  if (s.config.directory.empty()) return;
  // Only-in-memory records are older than whatever waits on disk unread, so they go in front. The disk bound
  // gives way here: memory is bounded as well, and refusing would lose records that were accepted.
  Segment* front = nullptr;
  for (auto& [id, entry] : s.entries) {
    if (entry.segment != 0) continue;
    if (front == nullptr) front = s.writable_segment(0, true);
    if (front == nullptr || !s.write_record(*front, entry.key, entry.bytes)) {
      ++s.counters.disk_errors;
      break;
    }
    ++front->unacked;  // keeps the file
  }
  for (auto& [number, segment] : s.segments) {
    if (segment.writable) s.finish(segment);
  }
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, segment] : s.segments) numbers.push_back(number);
  for (const std::uint64_t number : numbers) s.remove_if_done(number);
}

}  // namespace ngwire
