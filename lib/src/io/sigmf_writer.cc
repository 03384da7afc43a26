#include "ngdsp/io/sigmf_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>
#include <vector>

#include "io/sha512.h"

namespace ngdsp {
namespace {

constexpr std::size_t kBlockBytes = 1U << 16U;  // a multiple of every sample size

Error failed(const std::string& path, const char* what) {
  return Error{path + ": " + what + ": " + std::generic_category().message(errno)};
}

/// A file under a temporary name, which disappears unless publish() gives it its own.
class PendingFile {
 public:
  explicit PendingFile(std::string path) : path_(std::move(path)), part_(path_ + ".part") {}
  ~PendingFile() { discard(); }
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  Status open() {
    file_ = std::fopen(part_.c_str(), "wb");
    exists_ = file_ != nullptr;
    return exists_ ? Status{} : failed(part_, "cannot create the file");
  }
  Status write(const void* bytes, std::size_t size) {
    return std::fwrite(bytes, 1, size, file_) == size ? Status{} : failed(part_, "cannot write");
  }
  /// Everything is on the disk afterwards; a disk that is full says so here at the latest.
  Status finish() {
    const bool flushed = std::fflush(file_) == 0 && fsync(fileno(file_)) == 0;
    const int reason = errno;
    const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
    errno = flushed ? errno : reason;
    return flushed && closed ? Status{} : failed(part_, "cannot write");
  }
  Status publish() {
    if (std::rename(part_.c_str(), path_.c_str()) != 0) {
      return failed(path_, "cannot rename the finished file");
    }
    exists_ = false;
    return std::nullopt;
  }
  void discard() {
    if (file_ != nullptr) {
      std::fclose(std::exchange(file_, nullptr));
    }
    if (std::exchange(exists_, false)) {
      std::remove(part_.c_str());
    }
  }

 private:
  std::string path_;
  std::string part_;
  std::FILE* file_ = nullptr;
  bool exists_ = false;  // under its temporary name
};

}  // namespace

struct SigmfWriter::Impl {
  Impl(SigmfMeta meta_, SigmfPaths paths_)
      : meta(std::move(meta_)),
        paths(std::move(paths_)),
        data(paths.data),
        text(paths.meta),
        block(kBlockBytes) {}

  SigmfMeta meta;
  SigmfPaths paths;
  PendingFile data;
  PendingFile text;
  Sha512 hash;
  std::vector<std::uint8_t> block;
  std::uint64_t samples = 0;
  SampleDefects defects;
  Status broken;  // the first error; everything after it fails alike

  template <typename T>
  Status write(Span<const T> in);
  Status close();
};

template <typename T>
Status SigmfWriter::Impl::write(Span<const T> in) {
  const std::size_t sample_bytes = bytes_per_sample(meta.format);
  for (std::size_t done = 0; done < in.size() && !broken;) {
    const std::size_t count = std::min(in.size() - done, kBlockBytes / sample_bytes);
    defects += samples_to_bytes(meta.format, in.subspan(done, count), Span<std::uint8_t>(block));
    hash.update(block.data(), count * sample_bytes);
    broken = data.write(block.data(), count * sample_bytes);
    done += count;
    samples += broken ? 0 : count;
  }
  return broken;
}

Status SigmfWriter::Impl::close() {
  if (broken) {
    return broken;
  }
  meta.sha512 = hash.finish();
  std::stable_sort(
      meta.annotations.begin(), meta.annotations.end(),
      [](const SigmfAnnotation& a, const SigmfAnnotation& b) { return a.sample_start < b.sample_start; });
  const Result<std::string> json = format_sigmf_meta(meta);
  if (!json) {
    return Error{paths.meta + ": " + json.error()};
  }
  if (Status error = data.finish()) return error;
  if (Status error = text.open()) return error;
  if (Status error = text.write(json->data(), json->size())) return error;
  if (Status error = text.finish()) return error;
  if (Status error = data.publish()) return error;
  return text.publish();
}

SigmfWriter::SigmfWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SigmfWriter::~SigmfWriter() = default;
SigmfWriter::SigmfWriter(SigmfWriter&&) noexcept = default;
SigmfWriter& SigmfWriter::operator=(SigmfWriter&&) noexcept = default;

Result<SigmfWriter> SigmfWriter::create(const std::string& path, SigmfMeta meta) {
  const SigmfPaths paths = sigmf_paths(path);
  meta.sha512.clear();
  meta.dataset.clear();
  const Result<std::string> text = format_sigmf_meta(meta);
  if (!text) {
    return Error{paths.meta + ": " + text.error()};
  }
  auto impl = std::make_unique<Impl>(std::move(meta), paths);
  if (Status error = impl->data.open()) {
    return *error;
  }
  return SigmfWriter(std::move(impl));
}

Status SigmfWriter::write(Span<const float> samples) {
  if (is_complex(impl_->meta.format)) {
    return Error{impl_->paths.data + ": real samples for " + sample_format_name(impl_->meta.format) +
                 ", expected complex ones"};
  }
  return impl_->write(samples);
}

Status SigmfWriter::write(Span<const cf32> samples) {
  if (!is_complex(impl_->meta.format)) {
    return Error{impl_->paths.data + ": complex samples for " + sample_format_name(impl_->meta.format) +
                 ", expected real ones"};
  }
  return impl_->write(samples);
}

void SigmfWriter::begin_capture(SigmfCapture capture) {
  auto& captures = impl_->meta.captures;
  capture.sample_start = impl_->samples;
  while (!captures.empty() && captures.back().sample_start >= capture.sample_start) captures.pop_back();
  captures.push_back(capture);
}

void SigmfWriter::annotate(SigmfAnnotation annotation) {
  impl_->meta.annotations.push_back(std::move(annotation));
}

Status SigmfWriter::close() {
  if (impl_->broken) {
    return impl_->broken;
  }
  Status error = impl_->close();
  if (error) {
    impl_->data.discard();
    impl_->text.discard();
  }
  impl_->broken = error ? error : Status{Error{impl_->paths.data + ": the recording is closed already"}};
  return error;
}

std::uint64_t SigmfWriter::samples() const { return impl_->samples; }
SampleDefects SigmfWriter::defects() const { return impl_->defects; }

}  // namespace ngdsp
