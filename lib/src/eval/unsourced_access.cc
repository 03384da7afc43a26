#include "ngdsp/eval/unsourced_access.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <ctime>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/rng.h"
#include "ngdsp/eval/packet_error.h"

namespace ngdsp {
namespace {

double thread_cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

UnsourcedMessage draw_message(Rng& rng, int bits) {
  UnsourcedMessage message{};
  for (int i = 0; i < bits; ++i) {
    if (rng.below(2) != 0)
      message[static_cast<std::size_t>(i / 8)] =
          static_cast<std::uint8_t>(message[static_cast<std::size_t>(i / 8)] | (0x80U >> (i % 8)));
  }
  return message;
}

std::string wrong_config(const UnsourcedConfig& c) {
  if (std::string error = c.scheme.validate(); !error.empty()) return error;
  const auto wrong = [](const std::string& name, auto value, const std::string& expected) {
    return name + " is " + std::to_string(value) + ", expected " + expected;
  };
  if (c.senders < 0 || c.senders > kMaxUnsourcedSenders)
    return wrong("senders", c.senders, "0 to " + std::to_string(kMaxUnsourcedSenders));
  if (!std::isfinite(c.ebn0_db) || std::abs(c.ebn0_db) > 60)
    return wrong("ebn0_db", c.ebn0_db, "-60 to 60 dB");
  if (c.trials < 1) return wrong("trials", c.trials, "at least 1");
  if (c.threads < 0) return wrong("threads", c.threads, "0 or more");
  if (c.max_list < 1 || c.max_list > 128 || (c.max_list & (c.max_list - 1)) != 0)
    return wrong("max_list", c.max_list, "a power of two from 1 to 128");
  return {};
}

}  // namespace

UnsourcedCount count_messages(const std::vector<UnsourcedMessage>& sent,
                              const std::vector<UnsourcedMessage>& heard) {
  std::set<UnsourcedMessage> left(sent.begin(), sent.end());
  UnsourcedCount count;
  for (const UnsourcedMessage& message : heard) count.false_messages += 1 - left.erase(message);
  count.missed = left.size();
  return count;
}

Result<UnsourcedPoint> measure_unsourced_access(const UnsourcedConfig& config,
                                                const std::function<void(std::uint64_t)>& progress) {
  if (std::string error = wrong_config(config); !error.empty()) return Error{error};
  const Result<UnsourcedCode> code = UnsourcedCode::create(config.scheme);
  if (!code) return Error{code.error()};
  const auto start = std::chrono::steady_clock::now();
  std::atomic<int> next{0};
  std::atomic<std::uint64_t> done{0}, missed{0}, extra{0}, passes{0}, decodes{0};
  std::atomic<std::int64_t> cpu_us{0};
  const auto work = [&] {
    UnsourcedReceiverConfig rc;
    rc.ebn0_db = config.ebn0_db;
    rc.max_list = config.max_list;
    UnsourcedReceiver receiver(*code, rc);
    std::vector<float> samples;
    std::vector<UnsourcedMessage> sent;
    const double scale = std::sqrt(2.0 * config.scheme.message_bits * from_db(config.ebn0_db) /
                                   (config.scheme.code_bits * config.scheme.spread_chips()));
    for (int trial = next++; trial < config.trials; trial = next++) {
      Rng rng = Rng::stream(config.seed, static_cast<std::uint64_t>(trial));
      samples.assign(static_cast<std::size_t>(config.scheme.channel_uses), 0.0F);
      sent.clear();
      for (int k = 0; k < config.senders; ++k) {
        sent.push_back(draw_message(rng, config.scheme.message_bits));
        code->add_signal(sent.back(), scale, samples);
      }
      rng.add_noise(Span<float>(samples), 1.0);
      const double before = thread_cpu_seconds();
      const std::vector<UnsourcedMessage> heard = receiver.decode(samples);
      cpu_us += static_cast<std::int64_t>(1e6 * (thread_cpu_seconds() - before));
      const UnsourcedCount count = count_messages(sent, heard);
      missed += count.missed;
      extra += count.false_messages;
      passes += static_cast<std::uint64_t>(receiver.stats().passes);
      decodes += receiver.stats().decodes;
      ++done;
      if (progress) progress(done);
    }
  };
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  const int threads = std::clamp(config.threads > 0 ? config.threads : cores, 1, config.trials);
  std::vector<std::thread> pool;
  for (int i = 1; i < threads; ++i) pool.emplace_back(work);
  work();
  for (std::thread& t : pool) t.join();

  UnsourcedPoint point;
  point.ebn0_db = config.ebn0_db;
  point.users = static_cast<std::uint64_t>(config.senders) * static_cast<std::uint64_t>(config.trials);
  point.missed = missed;
  point.false_messages = extra;
  const std::uint64_t errors = point.missed + point.false_messages;
  point.pupe = point.users > 0 ? static_cast<double>(errors) / static_cast<double>(point.users) : 0;
  clopper_pearson(std::min(errors, point.users), point.users, point.pupe_low, point.pupe_high);
  point.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  point.cpu_seconds = 1e-6 * static_cast<double>(cpu_us);
  point.passes = passes;
  point.decodes = decodes;
  return point;
}

double interpolate_required_ebn0_db(const UnsourcedPoint& low, const UnsourcedPoint& high, double pupe) {
  const auto log_pupe = [](const UnsourcedPoint& p) {
    return std::log(std::max(p.pupe, 0.5 / static_cast<double>(std::max<std::uint64_t>(p.users, 1))));
  };
  const double a = log_pupe(low), b = log_pupe(high);
  if (a == b) return high.ebn0_db;
  return low.ebn0_db + (high.ebn0_db - low.ebn0_db) * (a - std::log(pupe)) / (a - b);
}

Result<double> search_required_ebn0(const UnsourcedConfig& config, double pupe,
                                    const std::function<Result<UnsourcedPoint>(double)>& measure) {
  constexpr double kStepDb = 0.4, kLowestDb = -2, kHighestDb = 20;
  Result<UnsourcedPoint> at = measure(config.ebn0_db);
  if (!at) return Error{at.error()};
  const bool down = at->pupe <= pupe;
  UnsourcedPoint low = *at, high = *at;
  double next = config.ebn0_db;
  while (true) {
    next += down ? -kStepDb : kStepDb;
    if (next < kLowestDb || next > kHighestDb)
      return Error{"no E_b/N0 between -2 and 20 dB has a per-user error of " + std::to_string(pupe)};
    at = measure(next);
    if (!at) return Error{at.error()};
    if (down) {
      high = low;
      low = *at;
      if (low.pupe > pupe) break;
    } else {
      low = high;
      high = *at;
      if (high.pupe <= pupe) break;
    }
  }
  for (int halving = 0; halving < 3; ++halving) {
    at = measure(0.5 * (low.ebn0_db + high.ebn0_db));
    if (!at) return Error{at.error()};
    (at->pupe > pupe ? low : high) = *at;
  }
  return interpolate_required_ebn0_db(low, high, pupe);
}

}  // namespace ngdsp
