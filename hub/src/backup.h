// Copies of the database: made while the hub runs, checked before they are taken back.
#pragma once

#include <string>

namespace ngplc::hub {

/// A consistent copy of the database as it is now, made with SQLite's backup API from a snapshot: the writer
/// does not wait. `copy` must not exist; it is created with mode 0600 and removed when anything fails. Device
/// keys are in it as they are in the database, sealed. Empty, or one line.
std::string back_up(const std::string& database, const std::string& copy);

/// Empty when the file is a whole database of this hub's schema or an older one; else one line: foreign,
/// damaged, newer.
std::string check_backup(const std::string& copy);

/// Puts a copy in the place of the database, which no hub may be using; the old one is kept as
/// FILE.before-restore. Checks first. A crash in between leaves the old or the new database. Empty, or one
/// line.
std::string restore(const std::string& copy, const std::string& database);

}  // namespace ngplc::hub
