// Texts that travel in the program.
#pragma once

namespace ngplc::hub {

extern const char kOpenApi[];   ///< the description of the API, OpenAPI 3.0 in JSON
extern const char kPageHtml[];  ///< the page for people: it asks the API, and holds nothing itself
extern const char kPageStyle[];
extern const char kPageScript[];

}  // namespace ngplc::hub
