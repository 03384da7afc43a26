#include "ngdsp/eval/access.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <ctime>
#include <limits>
#include <mutex>

#include "eval/workers.h"
#include "ngdsp/eval/access_count.h"
#include "ngdsp/eval/packet_error.h"
#include "ngdsp/rx/receiver.h"
#include "ngdsp/rx/silence_orders.h"

namespace ngdsp {
namespace {

constexpr double kWarmUpFrames = 2, kCoolDownFrames = 3;
constexpr double kUnderWayFrames = 3;  // a frame that began before the receiver is at most one duration old
constexpr double kPieceSeconds = 1;    // of signal made at a time
constexpr double kBlockSeconds = 0.02, kBlocksAFrame = 16;  // fed at a time: what the delay is known to
constexpr double kFirstWaitFrames = 8;                      // between two orders, beside the way of the first

double thread_cpu_s() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

ReceiverConfig receiver_config(const AccessConfig& c) {
  ReceiverConfig r;
  r.profile = c.traffic.profile;
  r.sample_rate_hz = c.traffic.rate_hz();
  r.carrier_hz = c.traffic.carrier_hz;
  r.extra_carrier_hz = c.traffic.cfo_hz;
  r.detection_threshold = c.detection_threshold;
  r.vetting_threshold = c.vetting_threshold;
  r.full_scale = 1e30;
  return r;
}

double warm_up_frames(const AccessConfig& c) { return c.cold_start ? 0 : kWarmUpFrames; }

// End of the last disturbance in frame durations; -1 without.
double disturbed_until(const TrafficConfig& t) {
  double end = -1;
  if (t.burst) end = std::max(end, t.burst->at_frames + t.burst->frames);
  if (t.overload) end = std::max(end, t.overload->at_frames + t.overload->frames);
  return end;
}

// Frames a second of stream.
double frame_rate_hz(const TrafficConfig& t) {
  return t.load * t.profile.chip_rate_hz / (8.0 * t.payload_bytes);
}

double expected_seconds(const AccessConfig& c) {
  if (c.seconds > 0) return c.seconds;
  const double edges =
      (warm_up_frames(c) + 1 + kCoolDownFrames) * c.traffic.frame_samples() / c.traffic.rate_hz();
  return edges + static_cast<double>(c.frames) / frame_rate_hz(c.traffic);
}

Status check(const AccessConfig& config) {
  if (std::string e = config.validate(); !e.empty()) return Error{e};
  if (Result<Receiver> probe = Receiver::create(receiver_config(config), [](const ReceivedFrame&) {}); !probe)
    return Error{probe.error()};
  return std::nullopt;
}

template <typename Sample>
Result<AccessPoint> run(const AccessConfig& config, const std::function<void(double)>& progress) {
  TrafficConfig traffic = config.traffic;
  if (config.cold_start) traffic.begin_frames = std::min(traffic.begin_frames, -kUnderWayFrames);
  Result<TrafficSignal<Sample>> signal = TrafficSignal<Sample>::create(traffic);
  if (!signal) return Error{signal.error()};
  const double fs = traffic.rate_hz(), frame_samples = traffic.frame_samples();
  const auto block =
      static_cast<std::size_t>(std::max(1.0, std::min(kBlockSeconds * fs, frame_samples / kBlocksAFrame)));

  AccessCountConfig counting;
  counting.frame_samples = frame_samples;
  counting.sample_rate_hz = fs;
  counting.block_samples = static_cast<double>(block);
  counting.warm_up_frames = warm_up_frames(config);
  counting.cool_down_frames = kCoolDownFrames;
  counting.most = config.frames;
  counting.recovery_frames = disturbed_until(traffic);
  if (traffic.scenario)
    for (const NoiseSegment& s : traffic.scenario->segments)
      counting.segment_samples.push_back(s.seconds * fs);
  AccessCount count(counting);

  std::uint64_t fed = 0;
  double cpu_s = 0;
  Result<Receiver> receiver = Receiver::create(receiver_config(config), [&](const ReceivedFrame& f) {
    count.received(signal->traffic().index_of(f.payload), static_cast<double>(fed), f.residual_db,
                   f.cancellation_db);
  });
  if (!receiver) return Error{receiver.error()};

  const double expected = expected_seconds(config) * fs;
  double end = config.seconds > 0 ? std::floor(config.seconds * fs) : std::numeric_limits<double>::infinity();
  std::vector<SentFrame> sent;
  std::vector<double> ordered;
  const SilenceConfig silence = config.silence.value_or(SilenceConfig{});
  SilenceOrders orders(kFirstWaitFrames + silence.delay_frames + silence.frames);
  // What is made ahead of the receiver cannot obey.
  const double most = config.silence ? static_cast<double>(block) : kPieceSeconds * fs;
  while (static_cast<double>(fed) < end) {
    sent.clear();
    const double left = std::min(most, end - static_cast<double>(fed));
    const Span<const Sample> piece = signal->next_piece(static_cast<std::size_t>(std::ceil(left)), sent);
    for (const SentFrame& f : sent) count.sent(f);
    if (config.frames > 0 && count.eligible() == config.frames)
      end = std::ceil(count.last_eligible_end() + kCoolDownFrames * frame_samples);
    for (std::size_t at = 0; at < piece.size(); at += block) {
      const std::size_t n = std::min(block, piece.size() - at);
      fed += n;
      const double before = thread_cpu_s();
      receiver->process(piece.subspan(at, n));
      cpu_s += thread_cpu_s() - before;
    }
    const double now_frames = static_cast<double>(fed) / frame_samples;
    if (config.silence && orders.due(now_frames, receiver->collapsed())) {
      ordered.push_back(now_frames);
      signal->order_silence(static_cast<double>(fed) + silence.delay_frames * frame_samples,
                            silence.frames * frame_samples);
    }
    count.settle(static_cast<double>(fed));
    if (progress) progress(std::min(1.0, static_cast<double>(fed) / (std::isfinite(end) ? end : expected)));
  }
  receiver->flush();

  const AccessTotals totals = count.finish(static_cast<double>(fed));
  AccessPoint point;
  const auto rate = [](std::uint64_t offered, std::uint64_t decoded) {
    return static_cast<double>(offered - decoded) / static_cast<double>(offered);
  };
  point.offered = totals.offered;
  point.decoded = totals.decoded;
  point.loss = rate(totals.offered, totals.decoded);
  clopper_pearson(totals.offered - totals.decoded, totals.offered, point.loss_low, point.loss_high);
  point.loss_above_4db = rate(totals.strong_offered, totals.strong_decoded);
  point.false_frames = totals.false_frames;
  point.duplicates = totals.duplicates;
  point.residual = totals.residual;
  point.cancellation_db = totals.cancellation_db;
  point.delay_s_median = totals.delay_s_median;
  point.delay_s_99 = totals.delay_s_99;
  point.seconds = static_cast<double>(fed) / fs;
  point.cpu_per_channel_s = cpu_s / point.seconds;
  if (config.cold_start) point.locked_after_frames = totals.locked_after_frames;
  point.recovered_after_frames = totals.recovered_after_frames;
  point.recovery = totals.recovery;
  point.segments = totals.segments;
  const ReceiverCounters counters = receiver->counters();
  point.collapses = counters.collapses;
  point.collapsed_frames = static_cast<double>(counters.collapsed_steps * ReceiverCounters::kStepChips) /
                           traffic.profile.frame_chips(traffic.payload_class());
  point.orders = ordered;
  point.deferred = signal->traffic().deferred();
  return point;
}

}  // namespace

std::string AccessConfig::validate() const {
  if (std::string e = traffic.validate(); !e.empty()) return e;
  if (!(seconds >= 0) || seconds > 1e7) return "seconds must be 0 to 1e7";
  if ((seconds > 0) == (frames > 0)) return "one of seconds and frames must be set";
  if (silence) {
    if (!(silence->frames > 0 && silence->frames <= 32)) return "silence: length must be above 0, to 32";
    if (!(silence->delay_frames >= 0 && silence->delay_frames <= 100))
      return "silence: delay must be 0 to 100";
  }
  const double frame_s = traffic.frame_samples() / traffic.rate_hz();
  const double least = (warm_up_frames(*this) + 1 + kCoolDownFrames) * frame_s;
  if (seconds > 0 && seconds <= least)
    return "seconds is " + std::to_string(seconds) + ", expected above " + std::to_string(least) +
           ": before that no frame is counted";
  return {};
}

Result<AccessPoint> measure_access(const AccessConfig& config, const std::function<void(double)>& progress) {
  if (const Status wrong = check(config)) return *wrong;
  return config.traffic.profile.real ? run<float>(config, progress) : run<cf32>(config, progress);
}

Status measure_access(const std::vector<AccessConfig>& runs, int threads,
                      const std::function<void(std::size_t, const AccessPoint&)>& on_point,
                      const std::function<void(double)>& progress) {
  double total = 0;
  std::vector<double> weight;
  for (const AccessConfig& config : runs) {
    if (Status wrong = check(config)) return wrong;
    // CPU time rises with the frames, beside a part for the stream itself.
    weight.push_back(expected_seconds(config) * (1 + config.traffic.load));
    total += weight.back();
  }
  std::mutex mutex;
  std::vector<std::optional<AccessPoint>> points(runs.size());
  std::vector<double> done(runs.size(), 0);
  std::size_t next = 0, told = 0;
  Status failure;
  const auto fetch = [&] {
    const std::lock_guard lock(mutex);
    return failure ? runs.size() : next++;
  };
  const int pool = std::min(thread_count(threads), static_cast<int>(std::max<std::size_t>(runs.size(), 1)));
  run_threads(pool, [&](int) {
    for (std::size_t i = fetch(); i < runs.size(); i = fetch()) {
      Result<AccessPoint> point = measure_access(runs[i], [&, i](double part) {
        const std::lock_guard lock(mutex);
        done[i] = part * weight[i];
        double sum = 0;
        for (const double d : done) sum += d;
        if (progress) progress(sum / total);
      });
      const std::lock_guard lock(mutex);
      if (!point) {
        failure = Error{point.error()};
        return;
      }
      points[i] = *point;
      for (; told < runs.size() && points[told]; ++told)
        if (on_point) on_point(told, *points[told]);
    }
  });
  return failure;
}

}  // namespace ngdsp
