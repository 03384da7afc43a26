// Samples over ZeroMQ, as GNU Radio's pub_sink and sub_source exchange them: a message is items, 32-bit
// floats or pairs of them, little endian. With `pass tags` a header stands before them (19 bytes without
// tags: u16 0x5FF0, u8 1, u64 index of the first item, u64 number of tags), and messages that were lost on
// the way are seen by the index; without it they are not, ZeroMQ drops them silently.
#pragma once

#include <memory>

#include "stream.h"

namespace ngdevice {

/// Connects to a publisher, which may come later. Messages of another size, or with tags, are counted as
/// refused.
template <typename Sample>
ngdsp::Result<std::unique_ptr<SampleSource<Sample>>> open_zmq_source(const DeviceSettings& settings,
                                                                     const std::string& endpoint);
/// Binds and publishes with headers at the speed of the sample rate.
template <typename Sample>
ngdsp::Result<std::unique_ptr<SampleSink<Sample>>> open_zmq_sink(const DeviceSettings& settings,
                                                                 const std::string& endpoint);

}  // namespace ngdevice
