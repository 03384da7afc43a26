#include "http_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>
#include <unordered_map>

namespace ngplc::hub {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kTick = std::chrono::milliseconds(200);
// From accepting a connection to its start is one call of the library.
constexpr auto kStart = std::chrono::seconds(5);
constexpr std::size_t kChunk = 32 * 1024;

// Clients are told apart by their address; of IPv6 by the network of 64 bits, which one client usually has.
std::string address_text(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof text);
  } else if (address->sa_family == AF_INET6) {
    in6_addr host = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (!IN6_IS_ADDR_LOOPBACK(&host)) std::memset(host.s6_addr + 8, 0, 8);
    inet_ntop(AF_INET6, &host, text, sizeof text);
  }
  return text;
}

std::string read_text(const std::string& path, std::string& out) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return path + ": cannot be read";
  out = text.str();
  return "";
}

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, BioDeleter>;

Bio bio_of(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

}  // namespace

std::string check_tls_files(const std::string& certificate, const std::string& key, double& expires_days) {
  std::string text;
  if (const std::string wrong = read_text(certificate, text); !wrong.empty())
    return "http.tls_certificate_file: " + wrong;
  const std::unique_ptr<X509, decltype(&X509_free)> x509(
      PEM_read_bio_X509(bio_of(text).get(), nullptr, nullptr, nullptr), X509_free);
  if (!x509) return "http.tls_certificate_file: " + certificate + ": no certificate in PEM in it";
  if (const std::string wrong = read_text(key, text); !wrong.empty()) return "http.tls_key_file: " + wrong;
  // A pass phrase cannot be asked for: an encrypted key is refused like one that is none.
  static constexpr auto no_phrase = [](char*, int, int, void*) { return -1; };
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> secret(
      PEM_read_bio_PrivateKey(bio_of(text).get(), nullptr, no_phrase, nullptr), EVP_PKEY_free);
  OPENSSL_cleanse(text.data(), text.size());
  if (!secret) return "http.tls_key_file: " + key + ": no unencrypted private key in PEM in it";
  if (X509_check_private_key(x509.get(), secret.get()) != 1)
    return "http.tls_key_file: " + key + ": is not the key of " + certificate;
  struct stat info {};
  if (::stat(key.c_str(), &info) != 0 || (info.st_mode & 007U) != 0)
    return "http.tls_key_file: " + key + " can be read by others";
  int days = 0;
  int seconds = 0;
  expires_days = ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(x509.get())) == 1
                     ? days + seconds / 86400.0
                     : 0;
  return "";
}

std::string HttpRequest::header(const std::string& small_name) const {
  const auto it = headers.find(small_name);
  return it == headers.end() ? std::string() : it->second;
}

struct HttpServer::State {
  State(HttpConfig c, HttpLimits l, Handler h, Counter r)
      : config(std::move(c)), limits(l), handler(std::move(h)), refused(std::move(r)) {}

  // What is known of a connection; its address is the socket context.
  struct Peer {
    int socket = -1;
    std::string address;
    Clock::time_point deadline;
  };
  // A request while it arrives; lives in the connection's context.
  struct Arriving {
    bool raw_nul = false;
    bool seen = false;
    bool too_large = false;
    HttpRequest request;
  };
  // A body on its way out.
  struct Sending {
    State* state = nullptr;
    MHD_Connection* connection = nullptr;
    std::unique_ptr<ByteSource> source;
    std::string ready;
    std::size_t at = 0;
    bool ended = false;
  };

  HttpConfig config;
  HttpLimits limits;
  Handler handler;
  Counter refused;
  std::string certificate, key;
  MHD_Daemon* daemon = nullptr;
  std::string last_complaint;
  int port = 0;

  std::mutex mutex;
  std::condition_variable wake;
  std::unordered_map<MHD_Connection*, Peer> peers;
  std::vector<Peer> accepted;                        // and not started yet
  std::unordered_map<std::string, int> per_address;  // of both
  std::vector<MHD_Connection*> suspended;
  bool stopping = false;
  std::thread ticker;

  // With the mutex held.
  void release(const std::string& address) {
    if (const auto it = per_address.find(address); it != per_address.end() && --it->second == 0)
      per_address.erase(it);
  }

  void set_deadline(MHD_Connection* connection, std::chrono::seconds time) {
    const std::lock_guard lock(mutex);
    if (const auto it = peers.find(connection); it != peers.end()) it->second.deadline = Clock::now() + time;
  }

  MHD_Result answer(MHD_Connection* connection, HttpResponse&& answer);
  MHD_Result take(MHD_Connection* connection, Arriving& arriving, const char* url, const char* method,
                  const char* data, std::size_t* size);
  ssize_t give(Sending& sending, char* buffer, std::size_t size);
  void tick();

  static MHD_Result on_accept(void* cls, const sockaddr* address, socklen_t);
  static void on_connection(void* cls, MHD_Connection* connection, void** context,
                            MHD_ConnectionNotificationCode what);
};

// Before anything is spent on a connection. One refused here is closed without a word: answering would cost
// more than it may.
MHD_Result HttpServer::State::on_accept(void* cls, const sockaddr* address, socklen_t) {
  auto& s = *static_cast<State*>(cls);
  const char* reason = nullptr;
  const std::string text = address_text(address);
  {
    const std::lock_guard lock(s.mutex);
    const auto it = s.per_address.find(text);
    if (static_cast<std::int64_t>(s.peers.size() + s.accepted.size()) >= s.config.connections) {
      reason = "connections";
    } else if (it != s.per_address.end() && it->second >= s.config.connections_per_address) {
      reason = "address";
    } else {
      // Counted here and not when it starts: other threads accept in between.
      ++s.per_address[text];
      s.accepted.push_back({-1, text, Clock::now() + kStart});
    }
  }
  if (reason == nullptr) return MHD_YES;
  s.refused(reason);
  return MHD_NO;
}

void HttpServer::State::on_connection(void* cls, MHD_Connection* connection, void**,
                                      MHD_ConnectionNotificationCode what) {
  auto& s = *static_cast<State*>(cls);
  const std::lock_guard lock(s.mutex);
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    const MHD_ConnectionInfo* socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const MHD_ConnectionInfo* client =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (socket == nullptr || client == nullptr) return;
    Peer peer{socket->connect_fd, address_text(client->client_addr),
              Clock::now() + std::chrono::seconds(s.limits.request_s)};
    const auto accepted = std::find_if(s.accepted.begin(), s.accepted.end(),
                                       [&](const Peer& p) { return p.address == peer.address; });
    if (accepted != s.accepted.end()) {
      s.accepted.erase(accepted);
    } else {
      ++s.per_address[peer.address];
    }
    s.peers.emplace(connection, std::move(peer));
  } else if (const auto it = s.peers.find(connection); it != s.peers.end()) {
    s.release(it->second.address);
    s.peers.erase(it);
  }
}

// Closes what is too slow and asks streams that waited for more. The library's own timeout counts from the
// last byte, which a client that sends one byte now and then never reaches.
void HttpServer::State::tick() {
  std::unique_lock lock(mutex);
  while (!stopping) {
    wake.wait_for(lock, kTick, [this] { return stopping; });
    std::vector<MHD_Connection*> waiting;
    waiting.swap(suspended);
    lock.unlock();
    for (MHD_Connection* connection : waiting) MHD_resume_connection(connection);
    lock.lock();
    const auto now = Clock::now();
    // The library could not start these.
    for (auto it = accepted.begin(); it != accepted.end();) {
      if (now < it->deadline) {
        ++it;
        continue;
      }
      release(it->address);
      it = accepted.erase(it);
    }
    for (auto& [connection, peer] : peers) {
      if (now < peer.deadline) continue;
      // The library sees the end of the stream and closes. It removes the peer before it closes the socket,
      // so the number is not another's yet.
      ::shutdown(peer.socket, SHUT_RDWR);
      peer.deadline = Clock::time_point::max();
      refused("slow");
    }
  }
}

ssize_t HttpServer::State::give(Sending& sending, char* buffer, std::size_t size) {
  if (sending.at == sending.ready.size()) {
    sending.ready.clear();
    sending.at = 0;
    if (sending.ended) return MHD_CONTENT_READER_END_OF_STREAM;
    switch (sending.source->next(sending.ready)) {
      case ByteSource::State::end:
        sending.ended = true;
        break;
      case ByteSource::State::broken:
        return MHD_CONTENT_READER_END_WITH_ERROR;
      case ByteSource::State::wait: {
        const std::lock_guard lock(mutex);
        if (stopping) return MHD_CONTENT_READER_END_OF_STREAM;
        if (!sending.ready.empty()) break;
        MHD_suspend_connection(sending.connection);
        suspended.push_back(sending.connection);
        return 0;
      }
      case ByteSource::State::more:
        break;
    }
    if (sending.ready.empty()) return sending.ended ? MHD_CONTENT_READER_END_OF_STREAM : 0;
  }
  const std::size_t count = std::min(size, sending.ready.size() - sending.at);
  std::memcpy(buffer, sending.ready.data() + sending.at, count);
  sending.at += count;
  return static_cast<ssize_t>(count);
}

MHD_Result HttpServer::State::answer(MHD_Connection* connection, HttpResponse&& answer) {
  MHD_Response* response = nullptr;
  // A stream lasts as long as its client wants it.
  set_deadline(connection,
               answer.source ? std::chrono::hours(24 * 365) : std::chrono::seconds(limits.answer_s));
  if (answer.source) {
    auto* sending = new Sending{this, connection, std::move(answer.source), {}, 0, false};
    response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, kChunk,
        [](void* cls, std::uint64_t, char* buffer, std::size_t size) {
          auto& s = *static_cast<Sending*>(cls);
          return s.state->give(s, buffer, size);
        },
        sending, [](void* cls) { delete static_cast<Sending*>(cls); });
  } else {
    response = MHD_create_response_from_buffer(answer.body.size(), answer.body.data(), MHD_RESPMEM_MUST_COPY);
  }
  if (response == nullptr) return MHD_NO;
  if (!answer.content_type.empty())
    MHD_add_response_header(response, "Content-Type", answer.content_type.c_str());
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : answer.headers)
    MHD_add_response_header(response, name.c_str(), value.c_str());
  const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(answer.status), response);
  MHD_destroy_response(response);
  return queued;
}

MHD_Result HttpServer::State::take(MHD_Connection* connection, Arriving& arriving, const char* url,
                                   const char* method, const char* data, std::size_t* size) {
  HttpRequest& request = arriving.request;
  const auto refuse = [&](int status, const char* text) {
    HttpResponse wrong;
    wrong.status = status;
    wrong.body = std::string("{\"error\":\"") + text + "\"}\n";
    return answer(connection, std::move(wrong));
  };
  if (!arriving.seen) {
    arriving.seen = true;
    set_deadline(connection, std::chrono::seconds(limits.request_s));
    request.method = std::strcmp(method, "HEAD") == 0 ? "GET" : method;
    request.path = url;
    request.tls = !certificate.empty();
    {
      const std::lock_guard lock(mutex);
      if (const auto it = peers.find(connection); it != peers.end()) request.address = it->second.address;
    }
    MHD_get_connection_values_n(
        connection, MHD_GET_ARGUMENT_KIND,
        [](void* cls, MHD_ValueKind, const char* name, std::size_t name_size, const char* value,
           std::size_t value_size) {
          static_cast<HttpRequest*>(cls)->query.emplace_back(
              std::string(name, name_size),
              value == nullptr ? std::string() : std::string(value, value_size));
          return MHD_YES;
        },
        &request);
    MHD_get_connection_values(
        connection, MHD_HEADER_KIND,
        [](void* cls, MHD_ValueKind, const char* name, const char* value) {
          std::string small(name);
          for (char& c : small) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
          static_cast<HttpRequest*>(cls)->headers.emplace(std::move(small), value == nullptr ? "" : value);
          return MHD_YES;
        },
        &request);
    if (arriving.raw_nul) return refuse(400, "path: a zero byte");
    const std::string length = request.header("content-length");
    if (length.size() > 9 || (!length.empty() && std::atoll(length.c_str()) > limits.body_bytes))
      return refuse(413, "body too large");
    return MHD_YES;
  }
  if (*size != 0) {
    if (request.body.size() + *size > static_cast<std::size_t>(limits.body_bytes)) arriving.too_large = true;
    if (!arriving.too_large) request.body.append(data, *size);
    *size = 0;
    return MHD_YES;
  }
  if (arriving.too_large) return refuse(413, "body too large");
  set_deadline(connection, std::chrono::seconds(limits.answer_s));
  return answer(connection, handler(request));
}

HttpServer::HttpServer(HttpConfig config, HttpLimits limits, Handler handler, Counter refused)
    : state_(std::make_unique<State>(std::move(config), limits, std::move(handler), std::move(refused))) {}

HttpServer::~HttpServer() { stop(); }

std::string HttpServer::start() {
  State& s = *state_;
  const std::string place = "http " + s.config.listen + ": ";
  const auto address = parse_host_port(s.config.listen);
  if (!address) return "http " + address.error();
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string host = address->host == "*" ? "0.0.0.0" : address->host;
  if (const int code = ::getaddrinfo(host.c_str(), std::to_string(address->port).c_str(), &hints, &found);
      code != 0)
    return place + gai_strerror(code);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> free_found(found, freeaddrinfo);
  if (!s.config.tls_certificate_file.empty()) {
    double days = 0;
    if (const std::string wrong = check_tls_files(s.config.tls_certificate_file, s.config.tls_key_file, days);
        !wrong.empty())
      return wrong;
    if (!read_text(s.config.tls_certificate_file, s.certificate).empty() ||
        !read_text(s.config.tls_key_file, s.key).empty())
      return place + "the TLS files cannot be read";
  }

  // Bound here and not by the library, so that a port in use is said in the system's words. Without
  // SO_REUSEPORT a second hub cannot share the port in silence.
  const int listening = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;
  if (listening >= 0) ::setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (listening < 0 || ::bind(listening, found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(listening, SOMAXCONN) != 0) {
    const std::string why = std::strerror(errno);
    if (listening >= 0) ::close(listening);
    return place + why;
  }
  sockaddr_storage bound{};
  socklen_t bound_size = sizeof bound;
  ::getsockname(listening, reinterpret_cast<sockaddr*>(&bound), &bound_size);
  s.port = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                             : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);

  std::vector<MHD_OptionItem> options = {
      {MHD_OPTION_LISTEN_SOCKET, listening, nullptr},
      {MHD_OPTION_THREAD_POOL_SIZE, static_cast<std::intptr_t>(s.config.threads), nullptr},
      // Refusing is on_accept's; the library's own bound is out of the way.
      {MHD_OPTION_CONNECTION_LIMIT, static_cast<std::intptr_t>(2 * s.config.connections * s.config.threads),
       nullptr},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, s.limits.header_bytes, nullptr},
      {MHD_OPTION_CONNECTION_TIMEOUT, s.limits.answer_s, nullptr},
  };
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
  if (!s.certificate.empty()) {
    flags |= MHD_USE_TLS;
    options.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, s.certificate.data()});
    options.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, s.key.data()});
    static char priorities[] = "SECURE128:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3";
    options.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0, priorities});
  }
  options.push_back({MHD_OPTION_END, 0, nullptr});

  // Both must be known to the library before its first connection.
  const auto log = [](void* cls, const char* format, va_list arguments) {
    char line[256];
    std::vsnprintf(line, sizeof line, format, arguments);
    auto& state = *static_cast<State*>(cls);
    const std::lock_guard lock(state.mutex);
    state.last_complaint = line;
  };
  s.daemon = MHD_start_daemon(
      flags, 0, &State::on_accept, &s,
      [](void* cls, MHD_Connection* connection, const char* url, const char* method, const char*,
         const char* data, std::size_t* size, void** context) {
        return static_cast<State*>(cls)->take(connection, *static_cast<State::Arriving*>(*context), url,
                                              method, data, size);
      },
      &s, MHD_OPTION_EXTERNAL_LOGGER, static_cast<void (*)(void*, const char*, va_list)>(log), &s,
      MHD_OPTION_ARRAY, options.data(), MHD_OPTION_NOTIFY_CONNECTION, &State::on_connection, &s,
      MHD_OPTION_URI_LOG_CALLBACK,
      static_cast<void* (*)(void*, const char*, MHD_Connection*)>(
          [](void*, const char* uri, MHD_Connection*) {
            auto* arriving = new State::Arriving;
            arriving->raw_nul = std::strstr(uri, "%00") != nullptr;
            return static_cast<void*>(arriving);
          }),
      nullptr, MHD_OPTION_NOTIFY_COMPLETED,
      static_cast<void (*)(void*, MHD_Connection*, void**, MHD_RequestTerminationCode)>(
          [](void* cls, MHD_Connection* connection, void** context, MHD_RequestTerminationCode) {
            auto& state = *static_cast<State*>(cls);
            delete static_cast<State::Arriving*>(*context);
            *context = nullptr;
            state.set_deadline(connection, std::chrono::seconds(state.limits.request_s));
          }),
      &s, MHD_OPTION_END);
  if (s.daemon == nullptr) {
    ::close(listening);
    return place + (s.last_complaint.empty() ? "cannot be served" : s.last_complaint);
  }
  s.ticker = std::thread([&s] { s.tick(); });
  return "";
}

void HttpServer::stop() {
  State& s = *state_;
  if (s.daemon == nullptr) return;
  {
    const std::lock_guard lock(s.mutex);
    s.stopping = true;
  }
  s.wake.notify_all();
  s.ticker.join();
  // No stream suspends itself any more.
  for (MHD_Connection* connection : s.suspended) MHD_resume_connection(connection);
  s.suspended.clear();
  MHD_stop_daemon(s.daemon);
  s.daemon = nullptr;
}

int HttpServer::port() const { return state_->port; }

}  // namespace ngplc::hub
