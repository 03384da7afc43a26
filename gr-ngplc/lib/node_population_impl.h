#pragma once

#include <gnuradio/ngplc/node_population.h>

#include <mutex>
#include <optional>
#include <vector>

#include "ngdsp/eval/traffic.h"

namespace gr {
namespace ngplc {

template <class T>
class node_population_impl : public node_population<T> {
 public:
  node_population_impl(const ngdsp::TrafficConfig& config, int nodes, double interval_s, double noise_dbfs);

  int work(int noutput_items, gr_vector_const_void_star& input, gr_vector_void_star& output) override;
  void set_nodes(int nodes) override;
  void set_interval_s(double interval_s) override;
  void set_ebn0_db(double ebn0_db) override;
  double load() const override;

 private:
  double load_of(int nodes, double interval_s) const;
  void announce(const ngdsp::SentFrame& frame);

  const ngdsp::TrafficConfig config_;
  const float scale_;
  std::optional<ngdsp::TrafficSignal<T>> signal_;
  std::vector<ngdsp::SentFrame> begun_;
  mutable std::mutex mutex_;  // of all below, and of signal_
  int nodes_;
  double interval_s_;
};

}  // namespace ngplc
}  // namespace gr
