// A device read by a thread of its own into a bounded buffer: a receiver that is slower for a while loses
// nothing, one that stays behind loses whole runs of samples, counted and marked as a gap.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "stream.h"

namespace ngdevice {

/// Chunks of one read of the device are kept whole. When the buffer is full, what the device gives is left
/// out until half of the buffer is free again: one gap for each time the receiver is late, not one a chunk.
template <typename Sample>
class BufferedSource : public SampleSource<Sample> {
 public:
  /// `settings.start_ns`: samples before it are left out; sample 0 is then the one nearest to it.
  BufferedSource(std::unique_ptr<SampleSource<Sample>> device, const DeviceSettings& settings);
  ~BufferedSource() override;

  ngdsp::Result<Chunk> read(ngdsp::Span<Sample> out) override;
  const StreamInfo& info() const override { return device_->info(); }
  std::int64_t sample0_time_ns() const override { return sample0_time_ns_; }
  /// Those of the device; overruns, gaps and missing samples with those of the buffer.
  StreamCounters counters() const override;

 private:
  struct Piece {
    Chunk chunk;
    std::vector<Sample> samples;
  };
  void capture();
  bool before_start(std::vector<Sample>& samples, Chunk& chunk);
  void store(Piece piece);

  std::unique_ptr<SampleSource<Sample>> device_;
  const std::size_t capacity_;
  std::optional<std::int64_t> start_ns_;
  std::uint64_t position_ = 0;  ///< of the device's next sample, missing ones counted
  std::atomic<std::int64_t> sample0_time_ns_{0};

  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<Piece> pieces_;
  std::size_t held_ = 0;   ///< samples in pieces_
  std::size_t taken_ = 0;  ///< of the first piece
  bool dropping_ = false;
  Chunk dropped_;  ///< missing before the next piece that is kept
  StreamCounters own_;
  ngdsp::Status failure_;
  bool ended_ = false;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace ngdevice
