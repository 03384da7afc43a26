#include "feed_server.h"

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>

#include "zap.h"

namespace ngplc::hub {
namespace {

using namespace std::chrono_literals;
using ngwire::Bytes;
using Clock = std::chrono::steady_clock;

// libzmq closes a connection that announces a larger part. Above the largest record, so that the hub itself
// can still count and name messages that are somewhat too long.
constexpr std::int64_t kMaxPartBytes = 1 << 20;
constexpr int kReceiveQueue = 4096;  // messages a connection, ours before it blocks
constexpr int kSendQueue = 1024;
constexpr std::size_t kMaxPeers = 4096;
// While rows wait, this often is looked whether they should go on waiting.
constexpr auto kLookEvery = 1s;
// A modem that ends says so once a second; while one does, rows wait as long as in a hub that does not spare
// its disk.
constexpr auto kDrainHold = 2s;
constexpr auto kDrainDelay = 5ms;

std::string read_key(const std::string& path, std::string& key) {
  std::ifstream file(path);
  if (!(file >> key)) return "feed.curve_secret_key_file: " + path + " cannot be read";
  std::array<std::uint8_t, 32> raw{};
  if (key.size() != 40 || zmq_z85_decode(raw.data(), key.c_str()) == nullptr) {
    return "feed.curve_secret_key_file: " + path + " does not hold a key of 40 characters (Z85)";
  }
  return "";
}

const std::uint8_t* bytes_of(const zmq::message_t& message) {
  return static_cast<const std::uint8_t*>(message.data());
}

}  // namespace

const char* fault_class(const std::string& complaint) {
  const auto has = [&](const char* text) { return complaint.find(text) != std::string::npos; };
  if (has("has version")) return "version";
  if (has("is missing")) return "missing_key";
  if (has("wrong type") || has(" holds ")) return "wrong_type";
  if (has("key '")) return "range";
  return "malformed";
}

FeedServer::FeedServer(FeedConfig config, std::string name, Ingest& ingest, Metrics& metrics)
    : config_(std::move(config)),
      name_(std::move(name)),
      ingest_(ingest),
      metrics_(metrics),
      instance_(ngwire::random_run_id()),
      context_(1) {}

FeedServer::~FeedServer() {
  stop();
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

std::string FeedServer::start() {
  try {
    socket_ = zmq::socket_t(context_, zmq::socket_type::router);
    socket_.set(zmq::sockopt::maxmsgsize, kMaxPartBytes);
    socket_.set(zmq::sockopt::rcvhwm, kReceiveQueue);
    socket_.set(zmq::sockopt::sndhwm, kSendQueue);
    socket_.set(zmq::sockopt::linger, 500);
    socket_.set(zmq::sockopt::handshake_ivl, 5000);
    socket_.set(zmq::sockopt::heartbeat_ivl, 10000);
    socket_.set(zmq::sockopt::heartbeat_timeout, 30000);
    socket_.set(zmq::sockopt::ipv6, true);
    if (!config_.curve_secret_key_file.empty()) {
      std::string secret;
      if (std::string wrong = read_key(config_.curve_secret_key_file, secret); !wrong.empty()) return wrong;
      gate_ = std::make_unique<CurveGate>(context_, config_.curve_clients);
      socket_.set(zmq::sockopt::curve_server, 1);
      socket_.set(zmq::sockopt::curve_secretkey, secret);
    }
    if (zmq_socket_monitor(socket_.handle(), "inproc://feed.monitor",
                           ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED |
                               ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) == 0) {
      monitor_ = zmq::socket_t(context_, zmq::socket_type::pair);
      monitor_.set(zmq::sockopt::linger, 0);
      monitor_.connect("inproc://feed.monitor");
    }
    socket_.bind(config_.endpoint);
    bound_endpoint_ = socket_.get(zmq::sockopt::last_endpoint);
  } catch (const zmq::error_t& error) {
    stop();
    return "feed " + config_.endpoint + ": " + error.what();
  }
  wake_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (monitor_.handle() != nullptr) monitor_thread_ = std::thread([this] { watch_connections(); });
  thread_ = std::thread([this] { run(); });
  return "";
}

void FeedServer::stop() {
  stopping_ = true;
  const std::uint64_t one = 1;
  if (wake_fd_ >= 0 && ::write(wake_fd_, &one, sizeof one) < 0) spdlog::debug("feed wake failed");
  if (thread_.joinable()) thread_.join();
  // Ends the monitor and the gate; waits for queued acknowledgements as long as linger says. Sockets of an
  // unstarted feed close first.
  if (socket_.handle() != nullptr) socket_.close();
  context_.shutdown();
  if (monitor_thread_.joinable()) monitor_thread_.join();
  monitor_.close();
  gate_.reset();
  context_.close();
}

void FeedServer::watch_connections() {
  try {
    for (;;) {
      zmq::message_t event;
      zmq::message_t address;
      if (!monitor_.recv(event) || !monitor_.recv(address) || event.size() < 2) continue;
      std::uint16_t number = 0;
      std::memcpy(&number, event.data(), sizeof number);
      if (number == ZMQ_EVENT_ACCEPTED) {
        metrics_.count_connection("accepted");
      } else if (number == ZMQ_EVENT_DISCONNECTED) {
        metrics_.count_connection("closed");
      } else if (number != ZMQ_EVENT_MONITOR_STOPPED) {
        metrics_.count_connection("handshake_failed");
      }
    }
  } catch (const zmq::error_t&) {
    // The context is going down.
  }
}

void FeedServer::bad(const std::string& reason, const std::string& detail) {
  metrics_.count_bad_message(reason);
  // One line a second at most: a hostile peer must not fill the log.
  const auto now = Clock::now();
  if (now - last_complaint_ < 1s) {
    ++complaints_held_back_;
    return;
  }
  spdlog::warn(
      "feed message refused ({}): {}{}", reason, detail,
      complaints_held_back_ > 0 ? fmt::format("; {} more since the last line", complaints_held_back_) : "");
  last_complaint_ = now;
  complaints_held_back_ = 0;
}

bool FeedServer::receive_one() {
  zmq::message_t peer;
  if (!socket_.recv(peer, zmq::recv_flags::dontwait)) return false;
  std::array<zmq::message_t, 2> parts;
  std::size_t count = 0;
  bool more = peer.more();
  while (more) {
    zmq::message_t extra;
    zmq::message_t& part = count < parts.size() ? parts[count] : extra;
    if (!socket_.recv(part)) break;
    more = part.more();
    ++count;
  }
  if (count != parts.size()) {
    bad("parts", fmt::format("{} parts, expected 2", count));
  } else {
    handle(peer.to_string(), parts[0], parts[1]);
  }
  return true;
}

void FeedServer::handle(const std::string& peer, const zmq::message_t& kind_part,
                        const zmq::message_t& body) {
  const std::string_view kind = kind_part.to_string_view();
  if (body.size() > ngwire::kMaxRecordBytes) {
    bad("too_large", fmt::format("{} bytes, at most {}", body.size(), ngwire::kMaxRecordBytes));
    return;
  }
  const auto remember = [&](const std::string& receiver) {
    const std::lock_guard lock(mutex_);
    if (peers_.size() >= kMaxPeers && peers_.count(receiver) == 0) peers_.erase(peers_.begin());
    peers_[receiver] = peer;
  };
  if (kind == ngwire::kKindRecord) {
    auto record = ngwire::decode_frame_record(bytes_of(body), body.size());
    if (!record) {
      bad(fault_class(record.error()), record.error());
      return;
    }
    // A record may overtake the hello; its answer needs the way back.
    if (peer != last_peer_) {
      remember(record->receiver);
      last_peer_ = peer;
    }
    pending_.push_back({peer, record->receiver, record->run, record->sequence});
    ingest_.examine(std::move(record.value()), unix_now_ns(), rows_);
  } else if (kind == ngwire::kKindHello) {
    const auto hello = ngwire::decode_hello(bytes_of(body), body.size());
    if (!hello) {
      bad(fault_class(hello.error()), hello.error());
      return;
    }
    bool fresh = false;
    {
      const std::lock_guard lock(mutex_);
      const auto it = peers_.find(hello->name);
      fresh = it == peers_.end() || it->second != peer;
    }
    remember(hello->name);
    if (hello->drain) drain_until_ = Clock::now() + kDrainHold;
    if (fresh) spdlog::info("receiver {} connected, {}", hello->name, hello->software);
    if (const auto answer = ngwire::encode(ngwire::Hello{
            name_, instance_, "ngplc-hub", static_cast<std::uint32_t>(config_.batch_delay_ms)})) {
      send(peer, ngwire::kKindHello, answer.value());
    }
  } else if (kind == ngwire::kKindReport) {
    const auto report = ngwire::decode_report(bytes_of(body), body.size());
    if (!report) {
      bad(fault_class(report.error()), report.error());
      return;
    }
    metrics_.count_downlink(to_string(report->status));
    ingest_.report(report.value());
    if (!report_handler_) return;
    std::string receiver;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, id] : peers_) {
        if (id == peer) receiver = name;
      }
    }
    report_handler_(receiver, report.value());
  } else {
    bad("kind", fmt::format("kind of {} bytes is none of hello, record, report", kind.size()));
  }
}

void FeedServer::send(const std::string& peer, const char* kind, const Bytes& body) {
  try {
    // A ROUTER drops what it cannot route; the modem then sends again and is answered on its new connection.
    socket_.send(zmq::buffer(peer), zmq::send_flags::sndmore | zmq::send_flags::dontwait);
    socket_.send(zmq::buffer(kind, std::strlen(kind)), zmq::send_flags::sndmore | zmq::send_flags::dontwait);
    socket_.send(zmq::buffer(body), zmq::send_flags::dontwait);
  } catch (const zmq::error_t& error) {
    spdlog::debug("feed answer not sent: {}", error.what());
  }
}

void FeedServer::acknowledge() {
  std::map<std::tuple<std::string, std::string, std::uint64_t>, std::vector<std::uint64_t>> by_run;
  for (Pending& p : pending_) {
    by_run[{std::move(p.peer), std::move(p.receiver), p.run}].push_back(p.sequence);
  }
  for (auto& [key, sequences] : by_run) {
    const auto& [peer, receiver, run] = key;
    const auto ranges = ngwire::to_ranges(std::move(sequences));
    for (std::size_t at = 0; at < ranges.size(); at += ngwire::kMaxAckRanges) {
      ngwire::Ack ack{receiver, run, {}};
      const std::size_t end = std::min(ranges.size(), at + ngwire::kMaxAckRanges);
      ack.ranges.assign(ranges.begin() + static_cast<std::ptrdiff_t>(at),
                        ranges.begin() + static_cast<std::ptrdiff_t>(end));
      if (const auto body = ngwire::encode(ack)) send(peer, ngwire::kKindAck, body.value());
    }
  }
}

bool FeedServer::commit_batch(bool last_chance) {
  bool held = ingest_.commit(rows_);
  while (!held && !last_chance && !stopping_) {
    ++turns_;
    zmq::pollitem_t item{nullptr, wake_fd_, ZMQ_POLLIN, 0};
    zmq::poll(&item, 1, 1000ms);
    std::uint64_t ignored = 0;
    if ((item.revents & ZMQ_POLLIN) != 0 && ::read(wake_fd_, &ignored, sizeof ignored) < 0) break;
    held = ingest_.commit(rows_);
  }
  // Kept: what the link knows of these frames is not in the database either.
  if (!held) return false;
  acknowledge();
  rows_.clear();
  pending_.clear();
  for (const Reply& reply : ingest_.take_replies()) send_downlink(reply.receiver, reply.frame);
  send_downlinks();
  return true;
}

bool FeedServer::send_downlink(const std::string& receiver, const ngwire::DownlinkFrame& frame) {
  auto body = ngwire::encode(frame);
  if (!body) return false;
  {
    const std::lock_guard lock(mutex_);
    const auto it = peers_.find(receiver);
    if (it == peers_.end()) return false;
    downlinks_.emplace_back(it->second, std::move(body.value()));
  }
  metrics_.count_downlink("handed_over");
  const std::uint64_t one = 1;
  return ::write(wake_fd_, &one, sizeof one) == sizeof one;
}

void FeedServer::send_downlinks() {
  std::vector<std::pair<std::string, Bytes>> downlinks;
  {
    const std::lock_guard lock(mutex_);
    downlinks.swap(downlinks_);
  }
  for (const auto& [peer, body] : downlinks) send(peer, ngwire::kKindDownlink, body);
}

// Receives until the batch is full, its time is over, or somebody cannot wait.
void FeedServer::gather() {
  const auto most = static_cast<std::size_t>(config_.batch_records);
  const Clock::duration delay = std::chrono::milliseconds(config_.batch_delay_ms);
  const auto start = Clock::now();
  auto look = start + kLookEvery;
  // Bounded by count as well: messages that are not records must not keep a batch waiting.
  for (std::size_t taken = 0; pending_.size() < most && taken < 4 * most;) {
    if (receive_one()) {
      ++taken;
      continue;
    }
    const auto now = Clock::now();
    const auto left =
        start + (now < drain_until_ ? std::min<Clock::duration>(delay, kDrainDelay) : delay) - now;
    if (pending_.empty() || left <= 0ms || stopping_) return;
    if (now >= look) {
      ++turns_;
      if (ingest_.is_urgent()) return;
      look = now + kLookEvery;
    }
    std::array<zmq::pollitem_t, 2> items = {
        {{socket_.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, wake_fd_, ZMQ_POLLIN, 0}}};
    zmq::poll(items.data(), items.size(),
              std::chrono::ceil<std::chrono::milliseconds>(std::min<Clock::duration>(left, kLookEvery)));
    std::uint64_t ignored = 0;
    if ((items[1].revents & ZMQ_POLLIN) != 0 && ::read(wake_fd_, &ignored, sizeof ignored) < 0) return;
    send_downlinks();
  }
}

void FeedServer::take_turn() {
  std::array<zmq::pollitem_t, 2> items = {
      {{socket_.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, wake_fd_, ZMQ_POLLIN, 0}}};
  zmq::poll(items.data(), items.size(), 1000ms);
  std::uint64_t ignored = 0;
  if ((items[1].revents & ZMQ_POLLIN) != 0 && ::read(wake_fd_, &ignored, sizeof ignored) < 0) return;
  send_downlinks();
  gather();
  if (!pending_.empty()) {
    commit_batch(false);
  } else {
    ingest_.idle();
    for (const Reply& reply : ingest_.take_replies()) send_downlink(reply.receiver, reply.frame);
  }
}

void FeedServer::finish() {
  const auto most = static_cast<std::size_t>(config_.batch_records);
  const auto end = Clock::now() + 2s;
  while (Clock::now() < end) {
    while (pending_.size() < most && receive_one()) {
    }
    if (pending_.empty() || !commit_batch(true)) break;
  }
}

void FeedServer::run() {
  // A process that was paused and continued sees EINTR; records received so far wait in pending_ and go with
  // the next turn.
  const auto survives = [](const zmq::error_t& error) {
    if (error.num() == EINTR) return true;
    spdlog::critical("feed stopped: {}", error.what());
    return false;
  };
  while (!stopping_) {
    ++turns_;
    try {
      take_turn();
    } catch (const zmq::error_t& error) {
      if (survives(error)) continue;
      metrics_.set_storage_trouble(std::string("feed stopped: ") + error.what());
      break;
    }
  }
  try {
    finish();
    socket_.close();
  } catch (const zmq::error_t& error) {
    survives(error);
  }
}

}  // namespace ngplc::hub
