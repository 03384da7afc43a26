// Where readings leave the hub: the HTTP side and the sinks. They can be made anew while frames go on coming
// in.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api.h"
#include "config.h"
#include "sink.h"

namespace ngplc::hub {

class Outlets {
 public:
  /// `sources.sinks` is set here.
  Outlets(const ApiSources& sources, CursorBoard& board) : sources_(sources), board_(board) {}
  ~Outlets() { close(); }
  Outlets(const Outlets&) = delete;
  Outlets& operator=(const Outlets&) = delete;

  /// Empty, or one line.
  std::string open(const HubConfig& config);
  /// Takes over http, sinks and outbox; when it cannot, the configuration before stays, and the log says why.
  /// Sections that need a start are named in the log.
  void reopen(const HubConfig& config);
  void stop_sinks();
  void close();
  int port() const { return api_->port(); }

 private:
  ApiSources sources_;
  CursorBoard& board_;
  HubConfig config_;
  std::vector<std::unique_ptr<SinkRunner>> sinks_;
  std::unique_ptr<Api> api_;
};

}  // namespace ngplc::hub
