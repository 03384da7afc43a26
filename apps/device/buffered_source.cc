#include "buffered_source.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace ngdevice {
namespace {

using ngdsp::cf32;
using ngdsp::Error;
using ngdsp::Result;
using ngdsp::Span;

constexpr std::size_t kReadSamples = 8192;  // at 192 kS/s 43 ms: what is lost at once, and the delay it adds
constexpr auto kWait = std::chrono::milliseconds(200);

}  // namespace

template <typename Sample>
BufferedSource<Sample>::BufferedSource(std::unique_ptr<SampleSource<Sample>> device,
                                       const DeviceSettings& settings)
    : device_(std::move(device)),
      capacity_(std::max(2 * kReadSamples,
                         static_cast<std::size_t>(settings.buffer_s * device_->info().sample_rate_hz))),
      start_ns_(settings.start_ns),
      thread_([this] { capture(); }) {}

template <typename Sample>
BufferedSource<Sample>::~BufferedSource() {
  stop_ = true;
  thread_.join();
}

/// Leaves out what lies before the start; true when nothing is left.
template <typename Sample>
bool BufferedSource<Sample>::before_start(std::vector<Sample>& samples, Chunk& chunk) {
  const std::int64_t device_start_ns = device_->sample0_time_ns();
  const double rate_hz = device_->info().sample_rate_hz;
  if (!start_ns_) {
    if (sample0_time_ns_ == 0) sample0_time_ns_ = device_start_ns;
    return false;
  }
  const auto first = static_cast<std::int64_t>(
      std::llround(static_cast<double>(*start_ns_ - device_start_ns) * 1e-9 * rate_hz));
  const auto at = static_cast<std::int64_t>(position_ - samples.size());
  if (first > at) {
    const auto early = std::min(samples.size(), static_cast<std::size_t>(first - at));
    samples.erase(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(early));
    chunk.count = samples.size();
    if (samples.empty()) return true;
  }
  chunk.gap = false;  // what was missing before the start is not missed
  chunk.missing = 0;
  sample0_time_ns_ = device_start_ns + samples_to_ns(static_cast<double>(std::max(first, at)), rate_hz);
  start_ns_.reset();
  return false;
}

template <typename Sample>
void BufferedSource<Sample>::store(Piece piece) {
  const std::size_t count = piece.samples.size();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!dropping_ && held_ + count > capacity_) {
    dropping_ = true;
    ++own_.overruns;
    dropped_ = {0, true, 0, false};
  }
  if (dropping_ && 2 * held_ > capacity_) {
    dropped_.missing += piece.chunk.missing + count;
    own_.missing_samples += count;
    return;
  }
  if (dropping_) {
    dropping_ = false;
    piece.chunk.missing += dropped_.missing;
    own_.gaps += !piece.chunk.gap;  // else it is one with the device's
    piece.chunk.gap = true;
  }
  held_ += count;
  pieces_.push_back(std::move(piece));
  filled_.notify_one();
}

template <typename Sample>
void BufferedSource<Sample>::capture() {
  std::vector<Sample> block(kReadSamples);
  bool more = true;
  while (more && !stop_) {
    const auto got = device_->read(Span<Sample>(block));
    more = got && !got->ended;
    if (got && got->count > 0) {
      Piece piece{*got, {block.begin(), block.begin() + static_cast<std::ptrdiff_t>(got->count)}};
      position_ += got->missing + got->count;
      if (!before_start(piece.samples, piece.chunk)) store(std::move(piece));
    }
    if (more) continue;
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    if (!got) failure_ = Error{got.error()};
    filled_.notify_one();
  }
}

template <typename Sample>
Result<Chunk> BufferedSource<Sample>::read(Span<Sample> out) {
  std::unique_lock<std::mutex> lock(mutex_);
  filled_.wait_for(lock, kWait, [this] { return !pieces_.empty() || ended_; });
  Chunk chunk;
  if (pieces_.empty()) {
    if (failure_) return *failure_;
    chunk.ended = ended_;
    return chunk;
  }
  if (taken_ == 0) {
    chunk.gap = pieces_.front().chunk.gap;
    chunk.missing = pieces_.front().chunk.missing;
  }
  while (chunk.count < out.size() && !pieces_.empty()) {
    Piece& piece = pieces_.front();
    if (chunk.count > 0 && taken_ == 0 && piece.chunk.gap) break;
    const std::size_t count = std::min(out.size() - chunk.count, piece.samples.size() - taken_);
    std::copy_n(piece.samples.begin() + static_cast<std::ptrdiff_t>(taken_), count,
                out.begin() + chunk.count);
    chunk.count += count;
    taken_ += count;
    held_ -= count;
    if (taken_ < piece.samples.size()) break;
    pieces_.pop_front();
    taken_ = 0;
  }
  own_.samples += chunk.count;
  return chunk;
}

template <typename Sample>
StreamCounters BufferedSource<Sample>::counters() const {
  StreamCounters all = device_->counters();
  const std::lock_guard<std::mutex> lock(mutex_);
  all.samples = own_.samples;
  all.overruns += own_.overruns;
  all.gaps += own_.gaps;
  all.missing_samples += own_.missing_samples;
  return all;
}

template class BufferedSource<float>;
template class BufferedSource<cf32>;

}  // namespace ngdevice
