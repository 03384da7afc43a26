// One question to PostgreSQL, for tests.
#pragma once

#include <libpq-fe.h>

#include <string>

namespace ngplc::hub::test {

/// The first value of the first row, or what the server says is wrong.
inline std::string ask(const std::string& url, const std::string& sql) {
  PGconn* connection = PQconnectdb(url.c_str());
  PGresult* result = PQexec(connection, sql.c_str());
  std::string out = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0
                        ? PQgetvalue(result, 0, 0)
                        : PQerrorMessage(connection);
  PQclear(result);
  PQfinish(connection);
  return out;
}

}  // namespace ngplc::hub::test
