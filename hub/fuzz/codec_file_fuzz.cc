// Codec files, and contents that meet what a file described.
#include "codec_book.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // The first byte divides the input: a file, then a content.
  const std::size_t content = std::min<std::size_t>(data[0] & 63U, size - 1);
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1 - content);
  ngplc::hub::CodecBook book;
  const std::string wrong = ngplc::hub::CodecBook::parse(text, "fuzz.toml", book);
  if (wrong.find('\n') != std::string::npos) __builtin_trap();
  if (wrong.empty() != (book.size() == 1)) __builtin_trap();
  ngwire::Reading reading;
  book.decode("", {data + size - content, content}, reading);
  return 0;
}
