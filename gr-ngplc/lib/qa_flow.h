// What the tests of the blocks share: a signal, and a block between a source and sinks, run as often as
// wanted.
#pragma once

#include <gnuradio/blocks/copy.h>
#include <gnuradio/blocks/head.h>
#include <gnuradio/blocks/message_debug.h>
#include <gnuradio/blocks/vector_sink.h>
#include <gnuradio/blocks/vector_source.h>
#include <gnuradio/top_block.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "ngdsp/base/rng.h"
#include "ngdsp/tx/frame_encoder.h"
#include "ngdsp/tx/modulator.h"

namespace gr {
namespace ngplc {
namespace qa {

inline ngdsp::Profile cenelec_a() { return *ngdsp::load_profile("cenelec-a"); }

inline std::vector<std::uint8_t> payload_of(std::size_t bytes) {
  std::vector<std::uint8_t> payload(bytes);
  for (std::size_t i = 0; i < bytes; ++i) payload[i] = static_cast<std::uint8_t>(7 * i + bytes);
  return payload;
}

/// A frame of 16 bytes some 20 dB over the noise a chip, bursts 20 dB over it, and a tone far below the band
/// that is a mains of 50 Hz to who takes the samples to be 40 000 a second.
struct Signal {
  static constexpr int kSequence = 1;
  static constexpr double kStart = 20000.25, kMainsRate = 40000;

  std::vector<std::uint8_t> payload = payload_of(16);
  std::vector<float> samples = std::vector<float>(120000);

  Signal() {
    const ngdsp::Profile profile = cenelec_a();
    const ngdsp::FrameEncoder encoder(profile);
    ngdsp::Arrival arrival;
    arrival.start_samples = kStart;
    arrival.amplitude = 0.1;
    ngdsp::Modulator(profile).add(encoder.encode(payload, kSequence), arrival, ngdsp::Span<float>(samples));
    ngdsp::Rng rng(1);
    for (std::size_t n = 0; n < samples.size(); ++n) {
      const double noise = n % 3840 < 100 ? 0.1 : 0.01;
      samples[n] += static_cast<float>(noise * rng.normal() +
                                       0.3 * std::sin(2 * M_PI * 50 * static_cast<double>(n) / kMainsRate));
    }
  }
};

inline gr::tag_t tag(std::uint64_t offset, const pmt::pmt_t& key, const pmt::pmt_t& value) {
  gr::tag_t t;
  t.offset = offset;
  t.key = key;
  t.value = value;
  return t;
}

inline pmt::pmt_t time_of(std::uint64_t seconds, double fraction) {
  return pmt::make_tuple(pmt::from_uint64(seconds), pmt::from_double(fraction));
}

struct Seen {
  std::vector<std::vector<float>> outputs;  // vectors one behind the other
  std::vector<gr::tag_t> tags;              // of output 0
  std::vector<pmt::pmt_t> messages;
};

struct Plan {
  std::vector<float> samples;     // none: the block is a source
  std::vector<gr::tag_t> tags;    // on them
  int chunk = 0;                  // most items at a time, 0: as they come
  std::vector<unsigned> outputs;  // floats an item of each
  std::string port;               // whose messages are kept, none: ""
  std::uint64_t count = 0;        // samples of a source
};

/// The block in a flowgraph of that plan.
class Flow {
 public:
  Flow(gr::block_sptr block, const Plan& plan) : graph_(gr::make_top_block("qa")) {
    const int chunk = plan.chunk > 0 ? plan.chunk : 8192;
    if (!plan.samples.empty()) {
      source_ = gr::blocks::vector_source_f::make(plan.samples, false, 1, plan.tags);
      const auto cut = gr::blocks::copy::make(sizeof(float));  // a source with tags does not cut
      cut->set_max_noutput_items(chunk);
      graph_->connect(source_, 0, cut, 0);
      graph_->connect(cut, 0, block, 0);
    }
    for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
      sinks_.push_back(gr::blocks::vector_sink_f::make(plan.outputs[i]));
      const int port = static_cast<int>(i);
      if (plan.samples.empty()) {
        block->set_max_noutput_items(chunk);
        const auto head = gr::blocks::head::make(sizeof(float), plan.count);
        graph_->connect(block, port, head, 0);
        graph_->connect(head, 0, sinks_.back(), 0);
      } else {
        graph_->connect(block, port, sinks_.back(), 0);
      }
    }
    if (plan.port.empty()) return;
    messages_ = gr::blocks::message_debug::make();
    graph_->msg_connect(block, plan.port, messages_, "store");
  }

  Seen run() {
    for (const auto& sink : sinks_) sink->reset();
    if (source_) source_->rewind();
    const std::size_t before = messages_ ? messages_->num_messages() : 0;
    graph_->run();
    Seen seen;
    for (const auto& sink : sinks_) seen.outputs.push_back(sink->data());
    if (!sinks_.empty()) seen.tags = sinks_.front()->tags();
    for (std::size_t i = before; messages_ && i < messages_->num_messages(); ++i)
      seen.messages.push_back(messages_->get_message(i));
    return seen;
  }

 private:
  gr::top_block_sptr graph_;
  gr::blocks::vector_source_f::sptr source_;
  std::vector<gr::blocks::vector_sink_f::sptr> sinks_;
  gr::blocks::message_debug::sptr messages_;
};

}  // namespace qa
}  // namespace ngplc
}  // namespace gr
