// What a recording really holds: frames as annotations of SigMF metadata.
//
// An annotation labelled "frame" begins at the sample nearest to the centre of the first chip and covers the
// frame's chips. Its fields: ngplc:payload (hexadecimal), ngplc:sequence, ngplc:start (exact, in samples),
// ngplc:amplitude (square root of the frame's mean power, full scale 1), ngplc:clock_ppm,
// ngplc:carrier_offset_hz and, with several nodes, ngplc:node.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/io/sigmf.h"

namespace ngplc_app {

struct TrueFrame {
  std::vector<std::uint8_t> payload;
  int sequence = 0;
  int node = -1;
  double start_samples = 0;
  double length_samples = 0;
  double amplitude = 0;
  double clock_ppm = 0;
  double carrier_offset_hz = 0;
};

ngdsp::SigmfAnnotation to_annotation(const TrueFrame& frame);

/// The frames a recording's annotations promise; annotations without ngplc:payload are left out. The error
/// names file, annotation and field.
ngdsp::Result<std::vector<TrueFrame>> true_frames(const ngdsp::SigmfMeta& meta, const std::string& name);

}  // namespace ngplc_app
