// Claim codes, manifests, sealed keys, the life of a device, and databases of the first version.
#include "registry.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include "hub_process.h"
#include "ingest.h"
#include "schema.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;

constexpr char kKeyText[] = "00112233445566778899aabbccddeeff";

TEST(ClaimCode, Gs1InAllItsForms) {
  for (const char* text :
       {"(01)04650067291901 (21)17500142", "(21)17500142(01)04650067291901", "01046500672919012117500142",
        "]C101046500672919012117500142", "]d2(01)04650067291901(21)17500142",
        "2117500142\x1d"
        "0104650067291901",
        "11260101"
        "0104650067291901"
        "2117500142",
        "(01)04650067291901(10)LOT7(21)17500142(240)x",
        "10LOT7\x1d"
        "01046500672919012117500142\x1d",
        "  01046500672919012117500142\r\n"}) {
    const auto code = parse_claim_code(text);
    ASSERT_TRUE(code.ok()) << text << ": " << code.error();
    EXPECT_EQ(code->gtin, "04650067291901") << text;
    EXPECT_EQ(code->serial, "17500142") << text;
    EXPECT_EQ(code->eui, 0U);
  }
}

TEST(ClaimCode, LoraQr) {
  const auto code = parse_claim_code("LW:D0:0000000000000000:34c5d0fa68ceffa5:FFFF0BEB:S241218QR10005");
  ASSERT_TRUE(code.ok()) << code.error();
  EXPECT_EQ(code->eui, 0x34c5d0fa68ceffa5U);
  EXPECT_EQ(code->serial, "241218QR10005");
  EXPECT_TRUE(parse_claim_code("LW:D0:1111111111111111:34C5D0FA68CEFFA5:FFFF0BEB").ok());
}

TEST(ClaimCode, WrongOnesSayWhy) {
  const std::pair<std::string, const char*> wrong[] = {
      {"", "empty"},
      {"]C1", "expected 01"},
      {"(01)04650067291902(21)1", "check digit"},
      {"(01)0465006729190(21)1", "14 digits"},
      {"(01)04650067291901", "serial number"},
      {"(21)17500142", "GTIN"},
      {"(01)04650067291901(21)", "1 to 20"},
      {"(01)04650067291901(21)123456789012345678901", "1 to 20"},
      {"(01)04650067291901(01)04650067291901(21)1", "twice"},
      {"0104650067", "too short"},
      {"hello", "expected 01"},
      {"(0", "expected (01)"},
      {"LW:D0:0:1:2", "16 hex"},
      {"LW:D1:0000000000000000:34c5d0fa68ceffa5:FFFF0BEB", "LW:D0"},
      {"LW:D0:0000000000000000:0000000000000000:FFFF0BEB", "16 hex"},
      {std::string(600, '0'), "longer"},
  };
  for (const auto& [text, why] : wrong) {
    const auto code = parse_claim_code(text);
    ASSERT_FALSE(code.ok()) << text;
    EXPECT_NE(code.error().find(why), std::string::npos) << text << ": " << code.error();
    EXPECT_EQ(code.error().find('\n'), std::string::npos);
  }
}

TEST(Manifest, CsvAndJson) {
  const std::string csv = std::string("eui,key,gtin,serial,model,verify_by\r\n00000000000000a1,") + kKeyText +
                          ",04650067291901,17500142,M1,2030-12-31\r\n00000000000000a2," + kKeyText +
                          ",,,M2,\n";
  const std::string json =
      std::string(R"([{"eui":"00000000000000a1","key":")") + kKeyText +
      R"(","gtin":"04650067291901","serial":"17500142","model":"M1","verify_by":"2030-12-31"},)" +
      R"({"eui":"00000000000000A2","key":")" + kKeyText + R"(","model":"M2"}])";
  for (const std::string& text : {csv, json}) {
    const auto entries = parse_manifest(text);
    ASSERT_TRUE(entries.ok()) << entries.error();
    ASSERT_EQ(entries->size(), 2U);
    EXPECT_EQ(entries->at(0).serial, "17500142");
    EXPECT_EQ(entries->at(0).key[15], 0xff);
    EXPECT_EQ(entries->at(1).eui, 0xa2U);
  }
}

TEST(Manifest, WrongOnesSayWhereAndNeverShowAKey) {
  const std::string key = kKeyText;
  const std::string wrong[] = {"",
                               "eui,key\n",
                               "eui,key\nzz," + key,
                               "eui,key\n00000000000000a1," + key + "0",
                               "eui,secret\n00000000000000a1," + key,
                               "eui,key\n00000000000000a1",
                               "eui,key\n00000000000000a1," + key + ",x",
                               "eui,key,gtin,serial\n00000000000000a1," + key + ",04650067291902,1",
                               "eui,key,gtin\n00000000000000a1," + key + ",04650067291901",
                               "eui,key,verify_by\n00000000000000a1," + key + ",tomorrow",
                               "eui,key\n00000000000000a1," + key + "\n00000000000000a1," + key,
                               "[{\"eui\":1}]",
                               "[1]",
                               "[",
                               "[{\"eui\":\"00000000000000a1\",\"key\":\"" + key + "\",\"colour\":\"red\"}]",
                               "eui,key\n00000000000000a1,00000000000000000000000000000000"};
  for (const std::string& text : wrong) {
    const auto entries = parse_manifest(text);
    ASSERT_FALSE(entries.ok()) << text;
    EXPECT_EQ(entries.error().find("0011223344"), std::string::npos) << entries.error();
    EXPECT_EQ(entries.error().find('\n'), std::string::npos);
  }
}

TEST(KeyVault, SealsForOneDeviceAndOneMasterKey) {
  const TempDir dir;
  ASSERT_EQ(KeyVault::create(dir.file("a")), "");
  ASSERT_EQ(KeyVault::create(dir.file("b")), "");
  EXPECT_NE(KeyVault::create(dir.file("a")), "") << "never overwritten";
  const auto a = KeyVault::open(dir.file("a"));
  const auto b = KeyVault::open(dir.file("b"));
  const ngwire::Key key = {1, 2, 3};
  const auto sealed = a.value().seal(7, key);
  EXPECT_NE(sealed, a.value().seal(7, key));
  EXPECT_EQ(a.value().open(7, sealed), key);
  EXPECT_FALSE(a.value().open(8, sealed).has_value());
  EXPECT_FALSE(b.value().open(7, sealed).has_value());
  EXPECT_FALSE(a.value().open(7, {}).has_value());
  std::filesystem::permissions(dir.file("b"), std::filesystem::perms(0644));
  EXPECT_NE(KeyVault::open(dir.file("b")).error().find("read by others"), std::string::npos);
  std::ofstream(dir.file("c")) << "short";
  EXPECT_NE(KeyVault::open(dir.file("c")).error().find("64 hexadecimal"), std::string::npos);
  EXPECT_FALSE(KeyVault::open(dir.file("none")).ok());
}

TEST(Registry, LifeOfADevice) {
  const TempDir dir;
  DatabaseConfig database;
  database.file = dir.file("hub.sqlite");
  EXPECT_FALSE(Registry::open(database.file).ok());
  const auto store = Store::open(database);
  ASSERT_EQ(KeyVault::create(dir.file("key")), "");
  const auto vault = KeyVault::open(dir.file("key"));
  auto registry = std::move(Registry::open(database.file).value());
  ManifestEntry entry;
  entry.eui = 0xfffffffffffffff1;
  entry.key = {9};
  entry.gtin = "04650067291901";
  entry.serial = "'; DROP TABLE nodes; --";
  EXPECT_EQ(registry->import({entry}, vault.value()).value(), 1U);
  EXPECT_EQ(registry->import({entry}, vault.value()).value(), 0U);
  ClaimCode code;
  code.gtin = entry.gtin;
  code.serial = "other";
  EXPECT_FALSE(registry->claim(code, "").ok());
  code.serial = entry.serial;
  EXPECT_FALSE(registry->open_join(entry.eui, 5).ok()) << "before it was claimed";
  EXPECT_FALSE(registry->claim(code, "a\nb").ok());
  EXPECT_EQ(registry->claim(code, "kitchen").value().state, NodeState::claimed);
  EXPECT_FALSE(registry->claim(code, "").ok()) << "twice";
  EXPECT_FALSE(registry->open_join(entry.eui, 0).ok());
  EXPECT_EQ(registry->open_join(entry.eui, 5).value().state, NodeState::joining);
  EXPECT_FALSE(registry->set_state(entry.eui, NodeState::suspended).ok());
  EXPECT_FALSE(registry->set_state(entry.eui, NodeState::claimed).ok());
  EXPECT_EQ(registry->set_tenant(entry.eui, "flat 7").value().tenant, "flat 7");
  EXPECT_EQ(registry->add_to_group(entry.eui, "house").value().groups, std::vector<std::string>{"house"});
  EXPECT_EQ(registry->set_tenant(entry.eui, "").value().tenant, "");
  EXPECT_EQ(registry->set_state(entry.eui, NodeState::retired).value().state, NodeState::retired);
  EXPECT_FALSE(registry->set_state(entry.eui, NodeState::retired).ok());
  EXPECT_FALSE(registry->open_join(1, 5).ok());
  const auto reader = StoreReader::open(database.file);
  EXPECT_EQ(reader.value()->events({})->size(), 7U);
  EXPECT_EQ(registry->list()->size(), 1U);
}

// A key is nowhere in the file, in what lists show, nor in the log-able texts.
TEST(Registry, KeysAreNotFoundInTheDatabase) {
  const TempDir dir;
  DatabaseConfig database;
  database.file = dir.file("hub.sqlite");
  {
    auto store = Store::open(database);
    ASSERT_EQ(KeyVault::create(dir.file("key")), "");
    const auto vault = KeyVault::open(dir.file("key"));
    auto registry = std::move(Registry::open(database.file).value());
    const auto entries = parse_manifest(std::string("eui,key\n00000000000000a1,") + kKeyText);
    registry->import(entries.value(), vault.value());
    store.value()->checkpoint();
  }
  std::ifstream file(database.file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  EXPECT_GT(bytes.size(), 10'000U);
  const std::string raw("\x00\x11\x22\x33\x44\x55\x66\x77", 8);
  EXPECT_EQ(bytes.find(raw), std::string::npos);
  EXPECT_EQ(bytes.find("0011223344556677"), std::string::npos);
}

// A database as the first version wrote it: everything is still there, and new frames go in.
TEST(Migration, FromTheFirstVersion) {
  const TempDir dir;
  DatabaseConfig config;
  config.file = dir.file("hub.sqlite");
  {
    SQLite::Database db(config.file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    db.exec("PRAGMA journal_mode = WAL");
    db.exec(kMigrations[0]);
    db.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
    db.exec("PRAGMA user_version = 1");
    db.exec(
        "INSERT INTO runs VALUES(1, 'old', 7, 192000, 'system', 5);"
        "INSERT INTO frames VALUES(1,1,1,171,0,'cenelec-a',0,10,20,30,x'1100',1,2,3,4,5,6,7,8);"
        "INSERT INTO frames VALUES(2,1,2,171,0,'cenelec-a',0,11,21,31,x'1101',1,2,3,4,5,6,7,8);"
        "INSERT INTO frames VALUES(3,1,3,NULL,2,'cenelec-a',0,11,21,31,x'99',1,2,3,4,5,6,7,8);"
        "INSERT INTO registers VALUES(1,'1-0:1.8.0','Wh',0);"
        "INSERT INTO readings VALUES(1,1,171,1,1,1000,20),(2,2,171,2,1,1010,21);"
        "INSERT INTO devices VALUES(171,20,21,2,2,'old','cenelec-a',1,2,4);"
        "INSERT INTO last_readings VALUES(171,1,1010,21,2);");
  }
  auto store = Store::open(config);
  ASSERT_TRUE(store.ok()) << store.error();
  const auto before = StoreReader::open(config.file).value()->devices({});
  ASSERT_EQ(before->size(), 1U);
  EXPECT_EQ(before->at(0).frames, 2);
  EXPECT_EQ(before->at(0).counter, 2);
  EXPECT_EQ(before->at(0).last_seen_ns, 21);
  EXPECT_EQ(before->at(0).receiver, "old");
  EXPECT_EQ(before->at(0).last.at(0).mantissa, 1010);
  Metrics metrics;
  Ingest ingest(*store.value(), metrics);
  std::vector<FrameRow> rows;
  ingest.examine(make_record(7, 1, 171), 30, rows);
  auto again = make_record(7, 1, 171);  // stored by the first version
  again.receiver = "old";
  ingest.examine(again, 30, rows);
  ASSERT_TRUE(ingest.commit(rows));
  const auto reader = StoreReader::open(config.file);
  EXPECT_EQ(reader.value()->frames({})->size(), 4U);
  EXPECT_EQ(reader.value()->readings({})->at(1).mantissa, 1010);
  const auto devices = reader.value()->devices({});
  ASSERT_EQ(devices->size(), 1U);
  EXPECT_EQ(devices->at(0).frames, 3);
  EXPECT_EQ(devices->at(0).last.at(0).mantissa, 1'000'001);
  const auto last = reader.value()->last_seen({}, "1-0:1.8.0");
  ASSERT_EQ(last->size(), 1U);
  EXPECT_EQ(last->at(0).mantissa, 1'000'001);
  SQLite::Database db(config.file, SQLite::OPEN_READONLY);
  EXPECT_EQ(db.execAndGet("PRAGMA user_version").getInt(), static_cast<int>(kMigrations.size()));
  EXPECT_EQ(db.execAndGet("PRAGMA integrity_check").getString(), "ok");
}

}  // namespace
