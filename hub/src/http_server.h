// An HTTP/1.1 server over libmicrohttpd: requests in, answers out, with bounds on all that a client may cost.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config.h"

namespace ngplc::hub {

struct HttpRequest {
  std::string method;  ///< HEAD arrives as GET
  std::string path;    ///< percent escapes decoded
  std::vector<std::pair<std::string, std::string>> query;
  std::map<std::string, std::string> headers;  ///< names in small letters
  std::string body;
  std::string address;  ///< of the client, without port
  bool tls = false;

  /// Empty when the header is not there.
  std::string header(const std::string& small_name) const;
};

/// A body that is made while it is sent.
class ByteSource {
 public:
  enum class State : std::uint8_t { more, wait, end, broken };
  virtual ~ByteSource() = default;
  /// Appends bytes. `wait`: none for now, ask again within a quarter of a second. `broken`: the client
  /// shall see that the body is not whole.
  virtual State next(std::string& out) = 0;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::unique_ptr<ByteSource> source;  ///< instead of `body`
};

/// What one client may cost. Times in seconds.
struct HttpLimits {
  int request_s = 10;  ///< for a request to arrive, handshake included, and for a kept connection to be used
  int answer_s = 60;   ///< for an answer to be taken
  int header_bytes = 16 * 1024;  ///< request line and headers; more is refused with 431
  int body_bytes = 64 * 1024;    ///< more is refused with 413
};

class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;
  /// "connections", "address" (both: refused at once) or "slow" (closed).
  using Counter = std::function<void(const char* reason)>;

  HttpServer(HttpConfig config, HttpLimits limits, Handler handler, Counter refused);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Binds and serves. Empty, or one line: the port is in use, a TLS file is not what it should be.
  std::string start();
  /// Ends streams and finishes the requests under way.
  void stop();
  int port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Empty, or what is wrong with the files of http.tls_*: unreadable, no PEM, key of another certificate, key
/// readable by others. `expires_days`: until the certificate ends, negative when it has.
std::string check_tls_files(const std::string& certificate, const std::string& key, double& expires_days);

}  // namespace ngplc::hub
