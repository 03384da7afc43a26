#include "accounts.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include "hub_process.h"
#include "rate_limiter.h"
#include "store.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;

const Caller kConsole{"root", "console", Role::admin};

class AccountsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    DatabaseConfig database;
    database.file = dir_.file("hub.sqlite");
    store_ = std::move(Store::open(database).value());
    accounts_ = std::move(Accounts::open(database.file).value());
  }
  TempDir dir_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Accounts> accounts_;
};

TEST_F(AccountsTest, FirstUserIsAnAdminAndTheLastAdminStays) {
  EXPECT_TRUE(accounts_->unclaimed());
  EXPECT_EQ(accounts_->add_user(kConsole, "ann", Role::viewer, "0123456789"),
            "role: the first user is an admin");
  EXPECT_EQ(accounts_->add_user(kConsole, "ann", Role::admin, "0123456789"), "");
  EXPECT_FALSE(accounts_->unclaimed());
  EXPECT_EQ(accounts_->add_user(kConsole, "ann", Role::admin, "0123456789"), "user ann exists");
  EXPECT_EQ(accounts_->set_role(kConsole, "ann", Role::viewer), "the last admin stays admin");
  EXPECT_EQ(accounts_->remove_user(kConsole, "ann"), "the last admin stays");
  EXPECT_EQ(accounts_->add_user(kConsole, "bob", Role::admin, "0123456789"), "");
  EXPECT_EQ(accounts_->remove_user(kConsole, "ann"), "");
  EXPECT_EQ(accounts_->users()->size(), 1U);
  const auto journal = accounts_->audit(0, 100, false);
  ASSERT_EQ(journal->size(), 3U) << "what was refused changed nothing";
  EXPECT_EQ(journal->at(2).action, "user.remove");
  EXPECT_EQ(journal->at(2).user, "root");
  EXPECT_EQ(accounts_->audit(-1, 1, true)->front().id, journal->at(2).id);
}

TEST_F(AccountsTest, PasswordsOpenSessions) {
  ASSERT_EQ(accounts_->add_user(kConsole, "ann", Role::admin, "0123456789"), "");
  const auto wrong = accounts_->log_in("ann", "0123456780");
  const auto unknown = accounts_->log_in("bob", "0123456789");
  EXPECT_EQ(wrong.error(), unknown.error()) << "does not tell which names there are";
  const auto session = accounts_->log_in("ann", "0123456789");
  ASSERT_TRUE(session);
  EXPECT_EQ(accounts_->by_session(session.value()).role, Role::admin);
  EXPECT_EQ(accounts_->by_session(session.value() + "x").role, Role::none);
  EXPECT_EQ(accounts_->by_session("").role, Role::none);
  ASSERT_EQ(accounts_->set_password(kConsole, "ann", "9876543210"), "");
  EXPECT_EQ(accounts_->by_session(session.value()).role, Role::none);
  const auto other = accounts_->log_in("ann", "9876543210");
  ASSERT_TRUE(other);
  accounts_->log_out(other.value());
  EXPECT_EQ(accounts_->by_session(other.value()).role, Role::none);
}

TEST_F(AccountsTest, TokensNeverMayMoreThanTheirUser) {
  ASSERT_EQ(accounts_->add_user(kConsole, "ann", Role::admin, "0123456789"), "");
  ASSERT_EQ(accounts_->add_user(kConsole, "bob", Role::operator_, "0123456789"), "");
  EXPECT_FALSE(accounts_->add_token(kConsole, "bob", "meter room", Role::admin, 0));
  EXPECT_FALSE(accounts_->add_token(kConsole, "eve", "meter room", Role::viewer, 0));
  const auto token = accounts_->add_token(kConsole, "bob", "meter room", Role::operator_, 1);
  ASSERT_TRUE(token);
  EXPECT_EQ(accounts_->by_token(token.value()).user, "bob");
  EXPECT_EQ(accounts_->by_token(token.value()).role, Role::operator_);
  ASSERT_EQ(accounts_->set_role(kConsole, "bob", Role::viewer), "");
  EXPECT_EQ(accounts_->by_token(token.value()).role, Role::viewer) << "at once";
  {
    SQLite::Database db(dir_.file("hub.sqlite"), SQLite::OPEN_READWRITE);
    db.exec("UPDATE tokens SET expires_ns = 1");
  }
  EXPECT_EQ(accounts_->by_token(token.value()).role, Role::none) << "expired";
  const auto second = accounts_->add_token(kConsole, "bob", "b", Role::viewer, 0);
  ASSERT_EQ(accounts_->remove_token(kConsole, accounts_->tokens()->back().id), "");
  EXPECT_EQ(accounts_->by_token(second.value()).role, Role::none);
  const auto third = accounts_->add_token(kConsole, "bob", "c", Role::viewer, 0);
  ASSERT_EQ(accounts_->remove_user(kConsole, "bob"), "");
  EXPECT_EQ(accounts_->by_token(third.value()).role, Role::none);
}

TEST_F(AccountsTest, SecretsAreNotInTheFile) {
  ASSERT_EQ(accounts_->add_user(kConsole, "ann", Role::admin, "correct horse battery"), "");
  const auto token = accounts_->add_token(kConsole, "ann", "t", Role::viewer, 0);
  const auto session = accounts_->log_in("ann", "correct horse battery");
  store_->checkpoint();
  std::string bytes;
  for (const char* end : {"", "-wal"}) {
    std::ifstream file(dir_.file("hub.sqlite") + end, std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(file), {});
  }
  EXPECT_NE(bytes.find("$argon2id$v=19$m=65536,t=2,p=1$"), std::string::npos);
  EXPECT_EQ(bytes.find("correct horse battery"), std::string::npos);
  EXPECT_EQ(bytes.find(token.value().substr(6)), std::string::npos);
  EXPECT_EQ(bytes.find(session.value()), std::string::npos);
}

TEST_F(AccountsTest, NewerAccountsAreRefused) {
  accounts_.reset();
  {
    SQLite::Database db(dir_.file("hub.sqlite"), SQLite::OPEN_READWRITE);
    db.exec("UPDATE components SET version = 99 WHERE name = 'accounts'");
  }
  EXPECT_NE(Accounts::open(dir_.file("hub.sqlite")).error().find("newer"), std::string::npos);
}

TEST(RateLimiter, BurstThenRateEachAddressForItself) {
  RateLimiter limiter(2, 3);
  const auto start = RateLimiter::Clock::now();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.take("a", start));
  EXPECT_FALSE(limiter.take("a", start));
  EXPECT_TRUE(limiter.take("b", start));
  EXPECT_FALSE(limiter.take("a", start + std::chrono::milliseconds(400)));
  EXPECT_TRUE(limiter.take("a", start + std::chrono::milliseconds(600)));
  EXPECT_FALSE(limiter.take("a", start + std::chrono::milliseconds(600)));
  for (int i = 0; i < 30'000; ++i) EXPECT_TRUE(limiter.take("c" + std::to_string(i), start));
}

}  // namespace
