// Reading sets from files: the shipped ones, wrong ones, and frames that do not match.
#include <SQLiteCpp/SQLiteCpp.h>

#include "codec_book.h"
#include "ingest.h"
#include "link_node.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;

constexpr char kGood[] =
    "name = \"n\"\nset = 70\n[[register]]\nobis = \"1-0:1.8.0\"\nunit = \"Wh\"\nexponent = 0\nbytes = 2\n"
    "[[example]]\ncontent = \"46 0102\"\nvalues = { \"1-0:1.8.0\" = \"258\" }\n";

TEST(CodecBook, ShippedFilesDecodeTheirExamples) {
  const auto book = CodecBook::open(NGPLC_CODEC_DIR);
  ASSERT_TRUE(book.ok()) << book.error();
  EXPECT_GE(book->size(), 5U);
  for (const Codec& codec : book->codecs()) EXPECT_GE(codec.examples.size(), 1U) << codec.name;
}

TEST(CodecBook, WrongFilesSayWhere) {
  const auto wrong = [](const std::string& from, const std::string& to) {
    std::string text = kGood;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos);
    text.replace(at, from.size(), to);
    CodecBook book;
    const std::string message = CodecBook::parse(text, "f.toml", book);
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_EQ(message.rfind("f.toml:", 0), 0U) << message;
    EXPECT_EQ(book.size(), 0U);
    return message;
  };
  CodecBook book;
  ASSERT_EQ(CodecBook::parse(kGood, "f.toml", book), "");
  EXPECT_NE(CodecBook::parse(kGood, "g.toml", book).find("belongs to 'n'"), std::string::npos);
  EXPECT_NE(wrong("set = 70", "set = 5").find("64 to 255"), std::string::npos);
  EXPECT_NE(wrong("set = 70", "sett = 70").find("unknown key"), std::string::npos);
  EXPECT_NE(wrong("1-0:1.8.0\"\nunit", "1-0:1.8\"\nunit").find("obis"), std::string::npos);
  EXPECT_NE(wrong("1-0:1.8.0\"\nunit", "1-0:1.8.999\"\nunit").find("obis"), std::string::npos);
  // Names of registers go into topics and templates as they are.
  for (const char* name :
       {"1-0:1.8.0'", "1-0:1.8.0\\\\", "1-0:1.8.0\\\"", "1-0:1.8.0'] }}", "1-0:1.8.0\\n", ""})
    EXPECT_NE(wrong("1-0:1.8.0\"\nunit", std::string(name) + "\"\nunit").find("obis: expected"),
              std::string::npos)
        << name;
  EXPECT_NE(wrong("bytes = 2", "bytes = 6").find("1 to 5"), std::string::npos);
  EXPECT_NE(wrong("bytes = 2", "bytes = 2\nsigned = true").find("upwards"), std::string::npos);
  EXPECT_NE(wrong("bytes = 2", "bytes = \"2\"").find("integer"), std::string::npos);
  EXPECT_NE(wrong("\"258\"", "\"259\"").find("= 258"), std::string::npos) << "says what it really is";
  EXPECT_NE(wrong("46 0102", "46 01").find("does not match, size"), std::string::npos);
  EXPECT_NE(wrong("46 0102", "47 0102").find("begin with the set"), std::string::npos);
  EXPECT_NE(wrong("46 0102", "46 010").find("hexadecimal"), std::string::npos);
  EXPECT_NE(wrong("[[example]]", "[[register]]\nobis = \"1-0:1.8.0\"\nexponent = 0\nbytes = 1\n[[example]]")
                .find("comes twice"),
            std::string::npos);
  EXPECT_NE(wrong("[[register]]", "[register]").find("expected [[register]]"), std::string::npos);
  EXPECT_NE(wrong("name = \"n\"", "name = n").find("f.toml:1"), std::string::npos);
}

TEST(CodecBook, TheModelsOwnFileWins) {
  CodecBook book;
  ASSERT_EQ(CodecBook::parse(kGood, "a", book), "");
  std::string special = kGood;
  special.replace(special.find("set = 70"), 8, "set = 70\nmodel = \"M\"");
  special.replace(special.find("exponent = 0"), 12, "exponent = 1");
  special.replace(special.find("\"258\""), 5, "\"2580\"");
  ASSERT_EQ(CodecBook::parse(special, "b", book), "");
  const std::vector<std::uint8_t> content = {70, 1, 2, 0};
  ngwire::Reading reading;
  EXPECT_EQ(book.decode("M", {content.data(), content.size()}, reading), ngwire::ReadingError::none);
  EXPECT_EQ(reading.values.at(0).spec->exponent, 1);
  EXPECT_EQ(book.decode("N", {content.data(), content.size()}, reading), ngwire::ReadingError::none);
  EXPECT_EQ(reading.values.at(0).spec->exponent, 0);
}

TEST(CodecBook, WhatDoesNotMatchIsAnEventAndTheFrameIsKept) {
  const TempDir dir;
  DatabaseConfig database;
  database.file = dir.file("hub.sqlite");
  ASSERT_EQ(KeyVault::create(dir.file("key")), "");
  const auto vault = KeyVault::open(dir.file("key"));
  auto store = Store::open(database);
  register_nodes(database.file, vault.value(), 100, 1);
  const auto book = CodecBook::open(NGPLC_CODEC_DIR);
  Metrics metrics;
  Ingest ingest(*store.value(), metrics, &vault.value());
  ingest.use_codecs(&book.value());
  ingest.idle();
  TestNode node(100);
  std::uint64_t sequence = 0;
  const auto hear = [&](const ngwire::Bytes& payload) {
    std::vector<FrameRow> rows;
    ingest.examine(record_of(payload, ++sequence), unix_now_ns(), rows);
    ASSERT_TRUE(ingest.commit(rows));
  };
  hear(node.join_request(1));
  ASSERT_TRUE(node.take_accept(ingest.take_replies().at(0).frame.payload));
  hear(node.seal(ngwire::LinkKind::reading, {64, 0, 0, 0, 9, 0, 1, 1, 0x68}));
  for (int i = 0; i < 3; ++i) hear(node.seal(ngwire::LinkKind::reading, {200, 1, 2, 3}));
  hear(node.seal(ngwire::LinkKind::reading, {64, 0, 0, 0, 9, 0, 1, 1, 0x68, 77}));
  hear(node.seal(ngwire::LinkKind::reading, {99, 1}));
  hear(node.reading(5));
  const SQLite::Database db(database.file, SQLite::OPEN_READONLY);
  const auto text = [&db](const char* sql) {
    SQLite::Statement s(db, sql);
    s.executeStep();
    return s.getColumn(0).getString();
  };
  EXPECT_EQ(text("SELECT group_concat(detail, '; ') FROM events WHERE kind = 'codec'"),
            "set 200 does not match (set); the frame is kept; set 64 does not match (padding); the frame is "
            "kept; set 99 does not match (set); the frame is kept");
  EXPECT_EQ(text("SELECT count(*) FROM frames WHERE epoch IS NOT NULL"), "7");
  EXPECT_EQ(text("SELECT count(*) FROM readings"), "4");
  EXPECT_EQ(text("SELECT unit FROM registers WHERE obis = '8-0:1.0.0'"), "l");
}

}  // namespace
