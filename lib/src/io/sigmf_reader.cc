#include "ngdsp/io/sigmf_reader.h"

#include <sys/stat.h>

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
constexpr std::uint64_t kMaxMetaBytes = 64U << 20U;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

struct OpenFile {
  File file;
  std::uint64_t bytes = 0;
};

Error system_error(const std::string& path, const char* what) {
  return Error{path + ": " + what + ": " + std::generic_category().message(errno)};
}

/// Opens a regular file for reading and finds its size.
Result<OpenFile> open_regular(const std::string& path, const char* what) {
  OpenFile result;
  result.file.reset(std::fopen(path.c_str(), "rb"));
  if (result.file == nullptr) {
    return system_error(path, what);
  }
  struct stat status {};
  if (fstat(fileno(result.file.get()), &status) != 0) {
    return system_error(path, what);
  }
  if (!S_ISREG(status.st_mode)) {
    return Error{path + ": " + what + ": not a regular file"};
  }
  result.bytes = static_cast<std::uint64_t>(status.st_size);
  return result;
}

Result<std::string> read_meta_text(const std::string& path) {
  Result<OpenFile> opened = open_regular(path, "cannot open the metadata file");
  if (!opened) {
    return Error{opened.error()};
  }
  if (opened->bytes > kMaxMetaBytes) {
    return Error{path + ": " + std::to_string(opened->bytes) + " bytes, expected metadata of at most 64 MiB"};
  }
  std::string text(opened->bytes, '\0');
  if (std::fread(text.data(), 1, text.size(), opened->file.get()) != text.size()) {
    return Error{path + ": cannot read the metadata file to its end"};
  }
  return text;
}

/// Compares the file's hash with `expected`, and goes back to the start.
Status check_hash(std::FILE* file, const std::string& path, const std::string& meta_path,
                  const std::string& expected) {
  Sha512 hash;
  std::vector<char> block(kBlockBytes);
  for (std::size_t size = 0; (size = std::fread(block.data(), 1, block.size(), file)) > 0;) {
    hash.update(block.data(), size);
  }
  if (std::ferror(file) != 0 || std::fseek(file, 0, SEEK_SET) != 0) {
    return system_error(path, "cannot read the data file");
  }
  const std::string found = hash.finish();
  if (found != expected) {
    return Error{path + ": SHA-512 is " + found.substr(0, 16) + "..., expected " + expected.substr(0, 16) +
                 "... (global.core:sha512 in " + meta_path + ")"};
  }
  return std::nullopt;
}

std::string name_in_folder_of(const std::string& path, const std::string& name) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? name : path.substr(0, slash + 1) + name;
}

}  // namespace

struct SigmfReader::Impl {
  SigmfMeta meta;
  SigmfPaths paths;
  File file;
  std::uint64_t samples = 0;
  std::uint64_t position = 0;
  std::uint64_t non_finite = 0;
  std::vector<std::uint8_t> block;

  Status check_ranges() const;
  template <typename T>
  Result<std::size_t> read(Span<T> out);
};

Status SigmfReader::Impl::check_ranges() const {
  const auto outside = [this](const char* list, std::size_t i, const char* key) {
    return Error{paths.meta + ": " + list + "[" + std::to_string(i) + "]." + key +
                 ": expected a place inside the " + std::to_string(samples) + " samples of " + paths.data};
  };
  for (std::size_t i = 0; i < meta.captures.size(); ++i) {
    if (meta.captures[i].sample_start > samples) {
      return outside("captures", i, "core:sample_start");
    }
  }
  for (std::size_t i = 0; i < meta.annotations.size(); ++i) {
    const SigmfAnnotation& annotation = meta.annotations[i];
    if (annotation.sample_start > samples) {
      return outside("annotations", i, "core:sample_start");
    }
    if (annotation.sample_count.value_or(0) > samples - annotation.sample_start) {
      return outside("annotations", i, "core:sample_count");
    }
  }
  return std::nullopt;
}

template <typename T>
Result<std::size_t> SigmfReader::Impl::read(Span<T> out) {
  const std::size_t sample_bytes = bytes_per_sample(meta.format);
  const std::size_t wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), samples - position));
  std::size_t done = 0;
  while (done < wanted) {
    const std::size_t count = std::min(wanted - done, kBlockBytes / sample_bytes);
    if (std::fread(block.data(), sample_bytes, count, file.get()) != count) {
      return Error{paths.data + ": ended at sample " + std::to_string(position) +
                   " while being read, expected " + std::to_string(samples) + " samples"};
    }
    const Span<const std::uint8_t> bytes(block.data(), count * sample_bytes);
    non_finite += bytes_to_samples(meta.format, bytes, out.subspan(done, count)).non_finite;
    done += count;
    position += count;
  }
  return done;
}

SigmfReader::SigmfReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SigmfReader::~SigmfReader() = default;
SigmfReader::SigmfReader(SigmfReader&&) noexcept = default;
SigmfReader& SigmfReader::operator=(SigmfReader&&) noexcept = default;

Result<SigmfReader> SigmfReader::open(const std::string& path, SigmfReaderOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->paths = sigmf_paths(path);
  const Result<std::string> text = read_meta_text(impl->paths.meta);
  if (!text) {
    return Error{text.error()};
  }
  Result<SigmfMeta> meta = parse_sigmf_meta(*text, impl->paths.meta);
  if (!meta) {
    return Error{meta.error()};
  }
  impl->meta = std::move(*meta);
  if (!impl->meta.dataset.empty()) {
    impl->paths.data = name_in_folder_of(impl->paths.meta, impl->meta.dataset);
  }

  Result<OpenFile> data = open_regular(impl->paths.data, "cannot open the data file");
  if (!data) {
    return Error{data.error()};
  }
  impl->file = std::move(data->file);
  const std::size_t sample_bytes = bytes_per_sample(impl->meta.format);
  if (data->bytes % sample_bytes != 0 && !options.tolerate_partial_sample) {
    return Error{impl->paths.data + ": " + std::to_string(data->bytes) + " bytes, expected a multiple of " +
                 std::to_string(sample_bytes) + " (global.core:datatype is " +
                 sample_format_name(impl->meta.format) + "): truncated or of another type"};
  }
  impl->samples = data->bytes / sample_bytes;
  if (Status error = impl->check_ranges()) {
    return *error;
  }
  if (options.check_hash && !impl->meta.sha512.empty()) {
    if (Status error = check_hash(impl->file.get(), impl->paths.data, impl->paths.meta, impl->meta.sha512)) {
      return *error;
    }
  }
  impl->block.resize(kBlockBytes);
  return SigmfReader(std::move(impl));
}

const SigmfMeta& SigmfReader::meta() const { return impl_->meta; }
const std::string& SigmfReader::meta_path() const { return impl_->paths.meta; }
const std::string& SigmfReader::data_path() const { return impl_->paths.data; }
std::uint64_t SigmfReader::samples() const { return impl_->samples; }
std::uint64_t SigmfReader::position() const { return impl_->position; }
std::uint64_t SigmfReader::non_finite() const { return impl_->non_finite; }

Result<std::size_t> SigmfReader::read(Span<float> out) {
  if (is_complex(impl_->meta.format)) {
    return Error{impl_->paths.meta + ": global.core:datatype: expected real samples, found " +
                 sample_format_name(impl_->meta.format)};
  }
  return impl_->read(out);
}

Result<std::size_t> SigmfReader::read(Span<cf32> out) { return impl_->read(out); }

Status SigmfReader::seek(std::uint64_t index) {
  if (index > impl_->samples) {
    return Error{impl_->paths.data + ": sample " + std::to_string(index) + " asked for, expected at most " +
                 std::to_string(impl_->samples)};
  }
  const std::uint64_t byte = index * bytes_per_sample(impl_->meta.format);
  if (fseeko(impl_->file.get(), static_cast<off_t>(byte), SEEK_SET) != 0) {
    return system_error(impl_->paths.data, "cannot seek");
  }
  impl_->position = index;
  return std::nullopt;
}

}  // namespace ngdsp
