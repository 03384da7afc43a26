#include "feed_client.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

namespace ngplc {
namespace {

using namespace std::chrono_literals;
using ngwire::Bytes;
using ngwire::Result;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kHelloEvery_ms = 1000;
constexpr std::int64_t kHubSilent_ms = 5000;
constexpr std::int64_t kMaxPartBytes = 1 << 20;
constexpr std::size_t kSendsPerTurn = 256;  // so that acknowledgements are read in between

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count();
}

bool is_key(const std::string& text) {
  std::array<std::uint8_t, 32> raw{};
  return text.size() == 40 && zmq_z85_decode(raw.data(), text.c_str()) != nullptr;
}

struct Outgoing {
  std::uint64_t sequence;
  std::uint64_t run;
  Bytes bytes;
};

}  // namespace

std::string FeedClientConfig::validate() const {
  const auto is_endpoint = [](const std::string& e) {
    return e.rfind("tcp://", 0) == 0 || e.rfind("ipc://", 0) == 0;
  };
  if (endpoint.empty() && mirror_endpoint.empty())
    return "feed endpoint: expected tcp://HOST:PORT or ipc://PATH";
  if (!endpoint.empty() && !is_endpoint(endpoint))
    return "feed endpoint " + endpoint + ": expected tcp://HOST:PORT or ipc://PATH";
  if (!mirror_endpoint.empty() && !is_endpoint(mirror_endpoint)) {
    return "mirror endpoint " + mirror_endpoint + ": expected tcp://HOST:PORT or ipc://PATH";
  }
  if (!ngwire::encode(ngwire::Hello{receiver, run, software}))
    return "receiver: expected 1 to 64 of [A-Za-z0-9._:/-]";
  if (!curve_server_key.empty() && !is_key(curve_server_key))
    return "curve_server_key: expected a key of 40 characters (Z85)";
  if (curve_public_key.empty() != curve_secret_key.empty())
    return "curve_public_key and curve_secret_key: expected both or neither";
  if (!curve_public_key.empty() && (!is_key(curve_public_key) || !is_key(curve_secret_key))) {
    return "curve_public_key, curve_secret_key: expected keys of 40 characters (Z85)";
  }
  if (queue_records < 1) return "queue_records: expected 1 or more";
  return spool.validate();
}

struct FeedClient::State {
  explicit State(FeedClientConfig c) : config(std::move(c)) {}

  FeedClientConfig config;
  zmq::context_t context{1};
  zmq::socket_t hub;
  zmq::socket_t mirror;
  std::unique_ptr<ngwire::Spool> spool;
  int wake_fd = -1;
  std::thread thread;
  std::atomic<bool> stopping{false};

  mutable std::mutex mutex;
  std::condition_variable idle;
  std::vector<Outgoing> inbox;  // guarded
  std::vector<Bytes> reports;   // guarded
  bool all_committed = true;    // guarded: inbox and spool empty
  FeedClientCounters counters;  // guarded, copied by the thread
  bool closed = false;
  std::uint64_t lost = 0;

  // Of the thread.
  FeedClientCounters mine;
  std::uint64_t hub_instance = 0;
  std::int64_t last_heard_ms = -kHubSilent_ms;
  std::atomic<int> draining{0};  // callers of drain()
  std::int64_t last_hello_ms = -kHelloEvery_ms;

  std::string connect();
  void wake() const {
    const std::uint64_t one = 1;
    // A full counter wakes as well.
    if (::write(wake_fd, &one, sizeof one) < 0) return;
  }
  void run();
  void take_inbox();
  bool send_some(std::int64_t now);
  void receive();
  void handle(const std::string& kind, const zmq::message_t& body);
  bool put(const char* kind, const Bytes& body);
  void publish_counters();
};

std::string FeedClient::State::connect() {
  std::string which = config.endpoint;
  try {
    if (!config.endpoint.empty()) {
      hub = zmq::socket_t(context, zmq::socket_type::dealer);
      hub.set(zmq::sockopt::linger, 0);  // the spool keeps what was not acknowledged
      hub.set(zmq::sockopt::immediate, true);
      hub.set(zmq::sockopt::sndhwm, 1024);
      hub.set(zmq::sockopt::maxmsgsize, kMaxPartBytes);
      hub.set(zmq::sockopt::reconnect_ivl, 100);
      hub.set(zmq::sockopt::reconnect_ivl_max, 5000);
      hub.set(zmq::sockopt::heartbeat_ivl, 5000);
      hub.set(zmq::sockopt::heartbeat_timeout, 15000);
      hub.set(zmq::sockopt::ipv6, true);
      if (!config.curve_server_key.empty()) {
        std::array<char, 41> public_key{};
        std::array<char, 41> secret_key{};
        if (!config.curve_public_key.empty()) {
          std::memcpy(public_key.data(), config.curve_public_key.data(), 40);
          std::memcpy(secret_key.data(), config.curve_secret_key.data(), 40);
        } else if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
          return "libzmq was built without CURVE";
        }
        hub.set(zmq::sockopt::curve_serverkey, config.curve_server_key);
        hub.set(zmq::sockopt::curve_publickey, std::string(public_key.data()));
        hub.set(zmq::sockopt::curve_secretkey, std::string(secret_key.data()));
      }
      hub.connect(config.endpoint);
    }
    if (!config.mirror_endpoint.empty()) {
      which = config.mirror_endpoint;
      mirror = zmq::socket_t(context, zmq::socket_type::pub);
      mirror.set(zmq::sockopt::linger, 100);
      mirror.set(zmq::sockopt::sndhwm, 1024);  // a slow watcher misses records; the hub does not
      mirror.bind(config.mirror_endpoint);
    }
  } catch (const zmq::error_t& error) {
    return which + ": " + error.what();
  }
  wake_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd < 0) return std::string("eventfd: ") + std::strerror(errno);
  return "";
}

bool FeedClient::State::put(const char* kind, const Bytes& body) {
  // Without a connection (immediate) or with a full queue this fails at the first part, and nothing is half
  // sent.
  if (!hub.send(zmq::buffer(kind, std::strlen(kind)), zmq::send_flags::sndmore | zmq::send_flags::dontwait))
    return false;
  hub.send(zmq::buffer(body), zmq::send_flags::dontwait);
  return true;
}

void FeedClient::State::take_inbox() {
  std::vector<Outgoing> records;
  std::vector<Bytes> replies;
  {
    const std::lock_guard lock(mutex);
    records.swap(inbox);
    replies.swap(reports);
  }
  for (Outgoing& out : records) {
    if (mirror.handle() != nullptr) {
      const std::string topic = "frame." + config.receiver;
      mirror.send(zmq::buffer(topic), zmq::send_flags::sndmore | zmq::send_flags::dontwait);
      mirror.send(zmq::buffer(out.bytes), zmq::send_flags::dontwait);
    }
    if (hub.handle() != nullptr) spool->push(out.run, out.sequence, std::move(out.bytes));
  }
  if (hub.handle() == nullptr) return;
  for (const Bytes& reply : replies) put(ngwire::kKindReport, reply);
}

// False when the socket takes no more for now.
bool FeedClient::State::send_some(std::int64_t now) {
  for (std::size_t i = 0; i < kSendsPerTurn; ++i) {
    if ((hub.get(zmq::sockopt::events) & ZMQ_POLLOUT) == 0) return false;
    const Bytes* next = spool->next_to_send(now);
    if (next == nullptr) return true;
    if (!put(ngwire::kKindRecord, *next)) return false;  // counted as sent; goes again when overdue
  }
  return true;
}

void FeedClient::State::handle(const std::string& kind, const zmq::message_t& body) {
  const auto* data = static_cast<const std::uint8_t*>(body.data());
  if (kind == ngwire::kKindAck) {
    if (const auto ack = ngwire::decode_ack(data, body.size())) {
      ++mine.acks;
      last_heard_ms = now_ms();
      spool->on_ack(ack->run, ack->ranges);
      return;
    }
  } else if (kind == ngwire::kKindHello) {
    if (const auto hello = ngwire::decode_hello(data, body.size())) {
      last_heard_ms = now_ms();
      if (hub_instance != 0 && hub_instance != hello->instance) {
        ++mine.hub_restarts;
        spool->reset_in_flight();
      }
      hub_instance = hello->instance;
      spool->set_patience(hello->batch_ms);
      return;
    }
  } else if (kind == ngwire::kKindDownlink) {
    if (const auto frame = ngwire::decode_downlink(data, body.size())) {
      ++mine.downlinks;
      if (config.on_downlink) config.on_downlink(frame.value());
      return;
    }
  }
  ++mine.bad_messages;
}

void FeedClient::State::receive() {
  for (;;) {
    zmq::message_t kind;
    if (!hub.recv(kind, zmq::recv_flags::dontwait)) return;
    zmq::message_t body;
    bool more = kind.more();
    std::size_t parts = 1;
    while (more) {
      zmq::message_t part;
      if (!hub.recv(part)) break;
      more = part.more();
      if (++parts == 2) body = std::move(part);
    }
    if (parts == 2) {
      handle(kind.to_string(), body);
    } else {
      ++mine.bad_messages;
    }
  }
}

void FeedClient::State::publish_counters() {
  const std::lock_guard lock(mutex);
  mine.spool = spool->counters();
  mine.hub_seen = now_ms() - last_heard_ms < kHubSilent_ms;
  const std::uint64_t invalid = counters.invalid;
  const std::uint64_t queue_full = counters.queue_full;
  counters = mine;
  counters.invalid = invalid;
  counters.queue_full = queue_full;
  all_committed = inbox.empty() && spool->empty();
  if (all_committed) idle.notify_all();
}

void FeedClient::State::run() {
  ngwire::Hello self{config.receiver, config.run, config.software};
  const auto hello = ngwire::encode(self);
  self.drain = true;
  const auto last_hello = ngwire::encode(self);
  bool drained = false;
  while (!stopping) {
    bool writable = true;
    try {
      take_inbox();
      if (hub.handle() != nullptr) {
        const std::int64_t now = now_ms();
        writable = send_some(now);
        const bool drain = draining > 0;
        if ((now - last_hello_ms >= kHelloEvery_ms || (drain && !drained)) && hello) {
          last_hello_ms = now;
          drained = put(ngwire::kKindHello, drain ? last_hello.value() : hello.value()) && drain;
        }
        receive();
      }
    } catch (const zmq::error_t&) {
      ++mine.bad_messages;
    }
    publish_counters();
    std::int64_t wait_ms = 200;
    const std::int64_t due = spool->next_due_ms(now_ms());
    if (due >= 0) wait_ms = std::min(wait_ms, due);
    // Not writable: poll for that instead of turning in circles.
    const short events = static_cast<short>(ZMQ_POLLIN | (writable ? 0 : ZMQ_POLLOUT));
    if (!writable) wait_ms = 200;
    std::array<zmq::pollitem_t, 2> items = {
        {{nullptr, wake_fd, ZMQ_POLLIN, 0}, {hub.handle(), 0, events, 0}}};
    try {
      zmq::poll(items.data(), hub.handle() != nullptr ? 2U : 1U, std::chrono::milliseconds(wait_ms));
    } catch (const zmq::error_t&) {
      continue;
    }
    std::uint64_t ignored = 0;
    if ((items[0].revents & ZMQ_POLLIN) != 0 && ::read(wake_fd, &ignored, sizeof ignored) < 0) continue;
  }
  try {
    take_inbox();
  } catch (const zmq::error_t&) {
  }
  if (config.spool.directory.empty()) lost = spool->counters().in_memory;
  const std::uint64_t errors_before = spool->counters().disk_errors;
  spool->close();
  if (spool->counters().disk_errors > errors_before) lost = spool->counters().in_memory;
  publish_counters();
}

Result<std::unique_ptr<FeedClient>> FeedClient::open(FeedClientConfig config) {
  using R = Result<std::unique_ptr<FeedClient>>;
  if (std::string wrong = config.validate(); !wrong.empty()) return R::failure(std::move(wrong));
  auto state = std::make_unique<State>(std::move(config));
  auto spool = ngwire::Spool::open(state->config.spool);
  if (!spool) return R::failure(spool.error());
  state->spool = std::move(spool.value());
  if (std::string wrong = state->connect(); !wrong.empty()) {
    if (state->wake_fd >= 0) ::close(state->wake_fd);
    return R::failure(std::move(wrong));
  }
  state->all_committed = state->spool->empty();
  State* raw = state.get();
  state->thread = std::thread([raw] { raw->run(); });
  return R(std::unique_ptr<FeedClient>(new FeedClient(std::move(state))));
}

FeedClient::FeedClient(std::unique_ptr<State> state) : state_(std::move(state)) {}

FeedClient::~FeedClient() { close(0); }

bool FeedClient::send(const ngwire::FrameRecord& record) {
  State& s = *state_;
  auto bytes = ngwire::encode(record);
  {
    const std::lock_guard lock(s.mutex);
    if (!bytes) {
      ++s.counters.invalid;
      return false;
    }
    if (s.closed || s.inbox.size() >= s.config.queue_records) {
      ++s.counters.queue_full;
      return false;
    }
    s.inbox.push_back({record.sequence, record.run, std::move(bytes.value())});
    s.all_committed = false;
    if (s.inbox.size() > 1) return true;  // the thread was woken by the first
  }
  s.wake();
  return true;
}

void FeedClient::report(const ngwire::TransmitReport& report) {
  State& s = *state_;
  auto bytes = ngwire::encode(report);
  {
    const std::lock_guard lock(s.mutex);
    if (!bytes || s.closed || s.reports.size() >= s.config.queue_records) {
      ++s.counters.invalid;
      return;
    }
    s.reports.push_back(std::move(bytes.value()));
  }
  s.wake();
}

bool FeedClient::drain(std::int64_t timeout_ms) {
  State& s = *state_;
  ++s.draining;
  s.wake();
  bool committed = false;
  {
    std::unique_lock lock(s.mutex);
    committed =
        s.idle.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&s] { return s.all_committed; });
  }
  --s.draining;
  return committed;
}

std::uint64_t FeedClient::close(std::int64_t timeout_ms) {
  State& s = *state_;
  {
    const std::lock_guard lock(s.mutex);
    if (s.closed) return s.lost;
    s.closed = true;
  }
  if (timeout_ms > 0) drain(timeout_ms);
  s.stopping = true;
  s.wake();
  s.thread.join();
  s.hub.close();
  s.mirror.close();
  s.spool.reset();  // the directory is free for the next one
  ::close(s.wake_fd);
  return s.lost;
}

FeedClientCounters FeedClient::counters() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counters;
}

}  // namespace ngplc
