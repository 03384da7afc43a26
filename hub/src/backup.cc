#include "backup.h"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "accounts.h"
#include "schema.h"

namespace ngplc::hub {
namespace {

namespace fs = std::filesystem;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// A name is durable when its folder is.
void sync_folder(const std::string& file) {
  const fs::path folder = fs::absolute(file).parent_path();
  const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() >= 0) ::fsync(fd.get());
}

}  // namespace

std::string back_up(const std::string& database, const std::string& copy) {
  {
    const FileDescriptor created(::open(copy.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (created.get() < 0) return "backup " + copy + ": " + std::strerror(errno);
  }
  try {
    SQLite::Database from(database, SQLite::OPEN_READONLY, 5000);
    // All pages in one call: no other connection can restart it by writing in between.
    SQLite::Database to(copy, SQLite::OPEN_READWRITE);
    to.exec("PRAGMA synchronous = FULL");
    {
      SQLite::Backup backup(to, from);
      if (backup.executeStep(-1) != SQLITE_DONE) throw SQLite::Exception("the database is busy");
    }
    // One file, without a log beside it, wherever it is opened.
    to.exec("PRAGMA journal_mode = DELETE");
  } catch (const SQLite::Exception& error) {
    ::unlink(copy.c_str());
    return "backup " + copy + ": " + error.what();
  }
  const FileDescriptor written(::open(copy.c_str(), O_RDONLY | O_CLOEXEC));
  if (written.get() < 0 || ::fsync(written.get()) != 0) {
    ::unlink(copy.c_str());
    return "backup " + copy + ": cannot be made durable";
  }
  sync_folder(copy);
  return "";
}

std::string check_backup(const std::string& copy) {
  try {
    SQLite::Database db(copy, SQLite::OPEN_READONLY);
    const std::string place = "backup " + copy + ": ";
    if (db.execAndGet("PRAGMA application_id").getInt() != kApplicationId)
      return place + "belongs to another program";
    const int version = db.execAndGet("PRAGMA user_version").getInt();
    if (version < 1 || version > static_cast<int>(kMigrations.size()))
      return place + "schema version " + std::to_string(version) + ", expected 1 to " +
             std::to_string(kMigrations.size());
    const std::string found = db.execAndGet("PRAGMA integrity_check(1)").getString();
    if (found != "ok") return place + "damaged: " + found.substr(0, found.find('\n'));
    return "";
  } catch (const SQLite::Exception& error) {
    return "backup " + copy + ": " + error.what();
  }
}

std::string restore(const std::string& copy, const std::string& database) {
  if (const std::string wrong = check_backup(copy); !wrong.empty()) return wrong;
  const std::string place = "database " + database + ": ";
  const FileDescriptor lock(::open((database + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0) return place + "cannot create the lock file: " + std::strerror(errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return place + "in use by a hub, stop it first";
  const std::string fresh = database + ".restoring";
  const std::string kept = database + ".before-restore";
  try {
    fs::remove(fresh);
    if (const std::string wrong = back_up(copy, fresh); !wrong.empty()) return wrong;
    if (fs::exists(database)) {
      {
        // The log of what a hub that was killed left behind belongs to the old database: fold it in before
        // the file goes.
        SQLite::Database old(database, SQLite::OPEN_READWRITE, 5000);
        old.exec("PRAGMA wal_checkpoint(TRUNCATE)");
        old.exec("PRAGMA journal_mode = DELETE");
      }
      for (const char* side : {"-wal", "-shm"}) fs::remove(database + side);
      // A second name first, so that at every instant one of both is under `database`.
      fs::remove(kept);
      fs::create_hard_link(database, kept);
    }
    fs::rename(fresh, database);
    sync_folder(database);
    // The journal is the copy's: it says from here on that it is one.
    auto accounts = Accounts::open(database);
    if (!accounts) return accounts.error();
    const auto line = accounts.value()->begin_change(console_caller(), "restore", copy);
    if (!line) return line.error();
    accounts.value()->end_change(line.value(), "");
    return "";
  } catch (const SQLite::Exception& error) {
    fs::remove(fresh);
    return place + error.what() + "; nothing was changed, move the file away to restore without it";
  } catch (const fs::filesystem_error& error) {
    return place + error.code().message();
  }
}

}  // namespace ngplc::hub
