#include "noise_file.h"

#include <fmt/core.h>

#include "ngdsp/io/sigmf_reader.h"

namespace ngplc_app {

ngdsp::Result<NoiseFile> load_noise(const std::string& path) {
  auto reader = ngdsp::SigmfReader::open(path);
  if (!reader) return ngdsp::Error{reader.error()};
  if (ngdsp::is_complex(reader->meta().format)) {
    return ngdsp::Error{fmt::format("{}: core:datatype is {}, expected real samples", reader->meta_path(),
                                    ngdsp::sample_format_name(reader->meta().format))};
  }
  NoiseFile file;
  file.sample_rate_hz = reader->meta().sample_rate_hz;
  file.samples.resize(reader->samples());
  const auto got = reader->read(ngdsp::Span<float>(file.samples));
  if (!got) return ngdsp::Error{got.error()};
  return file;
}

}  // namespace ngplc_app
