// What comes over HTTP: the query of a list, the body of a change, a manifest. Each is taken, or one line
// says what is wrong.
#include <cstdlib>
#include <initializer_list>

#include "api_query.h"
#include "claim_code.h"
#include "manifest.h"

namespace {

using namespace ngplc::hub;

void one_line(const std::string& error) {
  if (error.empty() || error.find('\n') != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);

  // "key=value&key=value", escapes being the server library's.
  Query query;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('&', at), text.size());
    const std::size_t equals = std::min(text.find('=', at), end);
    query.emplace_back(text.substr(at, equals - at),
                       equals < end ? text.substr(equals + 1, end - equals - 1) : "");
    at = end + 1;
  }
  if (const auto page = parse_page(query, {"since", "until", "device", "obis", "order"}); !page) {
    one_line(page.error());
  } else if (page->limit < 1 || page->limit > 1000 || page->since_ns < 0 || page->until_ns < 0 ||
             page->name.size() > 64) {
    std::abort();
  }

  using Type = nlohmann::json::value_t;
  const auto body = parse_body(text, {{"code", Type::string}, {"minutes", Type::number_integer, false}});
  if (!body) {
    one_line(body.error());
  } else {
    if (const auto code = parse_claim_code(body->at("code").get<std::string>()); !code)
      one_line(code.error());
    if (body->contains("minutes")) body->at("minutes").get<std::int64_t>();
  }
  if (const auto entries = parse_manifest(text); !entries) one_line(entries.error());
  if (const auto eui = parse_eui(text); !eui) one_line(eui.error());
  return 0;
}
